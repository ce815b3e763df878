import type { Store } from '@lowtide/core'
import { type Bulletin, type Kind, type Logged, bulletinOf, bulletins, everything, textOf } from './bulletin.js'
import { failureOf } from '../server/failure.js'
import { type Hinting, hearer, teller } from './hints.js'

export type { Logged } from './bulletin.js'
/** What a unit that was committed has changed. `log`: one a partition is enough. */
export interface News { readonly log: readonly Logged[]; readonly outcome: boolean; readonly applied: boolean; readonly parked: boolean }
/** What this process tells and hears: hints that may be lost, so whoever waits looks for himself now and then. */
export interface Newsroom {
  /** To this process at once, to others by NOTIFY. */
  tell(news: News): void
  watch: Store['watch']
  onLog(listener: (news: Logged | 'everything') => void): () => void
  /** Members of consumers have come, gone or given something up. */
  tellMembers(): void
  onMembers(listener: () => void): () => void
  /** The server's process that ends when this one does; none while it cannot listen. */
  session(): number | undefined
  sizes(): { readonly listeners: number }
  /** Tells the last, then hears nothing more. */
  close(): Promise<void>
}

export const newsroom = (given: Hinting): Newsroom => {
  const { runtime } = given, id = runtime.newId()
  const listeners: { readonly [K in Kind]: Set<() => void> } = { outcome: new Set(), applied: new Set(), parked: new Set(), members: new Set() }
  const readers = new Set<(news: Logged | 'everything') => void>(), inside = bulletins(), outside = bulletins()
  let flushing = false, closed = false

  const safely = (call: () => void): void => {
    try { call() } catch (e) { runtime.log('error', `[postgres] a listener threw: ${failureOf('tell it', e).failure}`) }
  }
  const spread = ({ kinds, log }: Bulletin): void => {
    for (const kind of kinds) for (const call of listeners[kind]) safely(call)
    for (const read of readers) {
      if (log === 'everything') safely(() => read('everything'))
      else for (const logged of log) safely(() => read(logged))
    }
  }
  const flush = (): void => {
    flushing = false
    const news = inside.take()
    if (news !== undefined && !closed) spread(news)
  }
  const soon = (): void => {
    if (flushing) return
    flushing = true
    runtime.soon(flush)
  }
  /** From others, put together with what is told here. */
  const hear = ({ kinds, log }: Bulletin): void => {
    for (const kind of kinds) inside.kind(kind)
    if (log === 'everything') inside.everything()
    else for (const logged of log) inside.logged(logged)
    soon()
  }
  const tells = teller(given, () => {
    const news = outside.take()
    return news && textOf(id, news)
  })
  const hears = hearer(given, {
    heard: text => { const { by, ...news } = bulletinOf(text); if (by !== id) hear(news) },
    begun: () => hear(everything), changed: () => { for (const call of listeners.members) safely(call) },
  })
  const add = <A>(to: Set<A>, listener: A): (() => void) => {
    if (closed) return () => {}
    to.add(listener)
    hears.open()
    return () => { to.delete(listener) }
  }
  return {
    tell: ({ log, ...kinds }) => {
      if (closed) return
      let some = log.length > 0
      for (const logged of log) { inside.logged(logged); outside.logged(logged) }
      for (const kind of ['outcome', 'applied', 'parked'] as const) if (kinds[kind]) { some = true; inside.kind(kind); outside.kind(kind) }
      if (!some) return
      soon()
      tells.ask()
    },
    watch: (what, listener) => add(listeners[what], () => listener()), // the same listener twice is two
    onLog: listener => add(readers, news => listener(news)),
    onMembers: listener => add(listeners.members, () => listener()),
    tellMembers: () => { if (!closed) { outside.kind('members'); tells.ask() } },
    session: hears.session,
    sizes: () => ({ listeners: readers.size + Object.values(listeners).reduce((sum, { size }) => sum + size, 0) }),
    close: async () => {
      closed = true
      for (const set of Object.values(listeners)) set.clear()
      readers.clear()
      await Promise.all([tells.close(), hears.close()])
    },
  }
}

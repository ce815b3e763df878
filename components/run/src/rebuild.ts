import { type AnyDecider, type Executing, type Job, type Reach, type Runtime, type Store, executor } from '@lowtide/core'
import * as E from 'fp-ts/lib/Either.js'
import type { NotHandled } from './front.js'
import { refuse, unavailable } from './callers.js'
import { open } from './open.js'

const page = 500

/**
 * Makes the tables of a group anew from history, by `write` alone: no decision is made again and no effect can fire (law 12). The old rows
 * serve until the new ones have caught up; then they are swapped in one step.
 */
export const rebuild = async ({ store, handlers, runtime, ...env }: Omit<Executing, 'store'> & { readonly store: Store; readonly handlers: readonly AnyDecider[]; readonly runtime: Runtime }): Promise<E.Either<NotHandled, number>> => {
  const own = handlers.filter(h => Object.keys(h.write).length > 0), tables = [...new Map(own.flatMap(h => h.tables).map(t => [t.name, t])).values()]
  if (tables.length === 0) return refuse('invalid', 'nothing to rebuild: these handlers write no tables')
  const written = (h: AnyDecider) => h.kind === 'projector' ? h.in : h.out.filter(t => t.kind === 'event')
  const writers: readonly AnyDecider[] = own.map(h => ({ kind: 'projector', name: h.name, in: written(h), out: [], tables: h.tables, ports: [], settings: {}, write: h.write }))
  const channels = [...new Set(writers.flatMap(w => w.in.map(t => t.channel.channel)))]
  const shadow = await store.shadow(tables)()
  if (E.isLeft(shadow)) return E.left(unavailable(shadow.left))
  const projects = (consumer: string): boolean => own.some(h => h.kind === 'projector' && h.name === consumer)
  const execute = executor({ ...env, store: { ...shadow.right, seen: () => async () => E.right([]), commit: unit => shadow.right.commit({ ...unit, marks: unit.marks.filter(m => projects(m.consumer)) }) } })
  let upTo: readonly Reach[] = [], events = 0
  for (;;) {
    const next = await store.history(channels, upTo, page)()
    if (E.isLeft(next)) return E.left(unavailable(next.left))
    if (next.right.messages.length === 0) {
      const swapped = await shadow.right.swap(channels, next.right.upTo)()
      if (E.isLeft(swapped)) return E.left(unavailable(swapped.left))
      if (swapped.right) { runtime.log('info', `rebuilt ${tables.map(t => t.name).join(', ')} from ${events} events`); return E.right(events) }
    }
    upTo = next.right.upTo
    let fault: string | undefined
    const jobs = next.right.messages.flatMap((m): Job[] => {
      // an event that several handlers make is written as its maker does: its source ends with the maker's name
      const takers = writers.filter(w => w.in.some(t => t.type === m.type)), made = takers.filter(w => m.source.endsWith(`/${w.name}`))
      return (own.some(h => h.kind === 'projector') ? takers : made.length > 0 ? made : takers.slice(0, 1)).map((handler): Job => {
        const opened = open(handler.in.find(t => t.type === m.type)!, m)
        if (E.isLeft(opened)) fault ??= `'${m.type}' ${m.id} cannot be read`
        return { handler, message: E.isRight(opened) ? opened.right : m, key: `${handler.name}\u0000${m.subject}`, do: 'run', attempts: 0, losses: 0, broke: 0, settle: r => { if (E.isLeft(r)) fault ??= `'${m.type}' ${m.id}: ${r.left.failure}` } }
      })
    })
    if (fault === undefined) await execute(jobs, () => true)
    if (fault !== undefined) return refuse('failed', `rebuilding ${tables.map(t => t.name).join(', ')} stopped: ${fault}`)
    events += next.right.messages.length
  }
}

import { type AnyDecider, type Executing, type Failure, type Job, type Reach, type Runtime, type Slot, type Store, executor } from '@lowtide/core'
import * as E from 'fp-ts/lib/Either.js'
import type { NotHandled } from './front.js'
import { refuse, unavailable } from './callers.js'
import { open } from './open.js'

/** Events that are read at once, or as many as fit into a unit. */
const page = 500
/** How far a rebuild has come. `of`: how many events there are, as soon as they are counted. */
export interface Progress { readonly events: number; readonly of: number | undefined }
export type Rebuilding = Omit<Executing, 'store'> & {
  readonly store: Store; readonly handlers: readonly AnyDecider[]; readonly runtime: Runtime
  /** Called after each page. */
  readonly progress?: ((p: Progress) => void) | undefined
  /** Ends it before its time; the old rows go on serving. */
  readonly signal?: AbortSignal | undefined
  /** Also where the history does not tell all any more: what only the lost events made is gone then. */
  readonly partial?: boolean | undefined
}

/**
 * Makes the tables of a group anew from history, by `write` alone: no decision is made again and no effect can fire (law 12). The old rows
 * serve until the new ones have caught up; then they are swapped in one step. Whatever keeps it from that, its copies are gone at the end.
 */
export const rebuild = async ({ store, handlers, runtime, progress, signal, partial = false, ...env }: Rebuilding): Promise<E.Either<NotHandled, number>> => {
  const own = handlers.filter(h => Object.keys(h.write).length > 0), tables = [...new Map(own.flatMap(h => h.tables).map(t => [t.name, t])).values()], names = tables.map(t => t.name).join(', ')
  if (tables.length === 0) return refuse('invalid', 'nothing to rebuild: these handlers write no tables')
  const written = (h: AnyDecider) => h.kind === 'projector' ? h.in : h.out.filter(t => t.kind === 'event')
  const writers: readonly AnyDecider[] = own.map(h => ({ kind: 'projector', name: h.name, in: written(h), out: [], tables: h.tables, ports: [], settings: {}, write: h.write }))
  const channels = [...new Set(writers.flatMap(w => w.in.map(t => t.channel.channel)))]
  const projects = (consumer: string): boolean => own.some(h => h.kind === 'projector' && h.name === consumer)
  const readers = writers.filter(w => projects(w.name)).map(w => ({ name: w.name, channels: [...new Set(w.in.map(t => t.channel.channel))] }))
  const shadow = await store.shadow(tables)()
  if (E.isLeft(shadow)) return E.left(unavailable(shadow.left))
  const copies = shadow.right, unitLimit = copies.unitLimit ?? env.unitLimit, many = Math.max(page, unitLimit)
  const execute = executor({ ...env, unitLimit, store: { ...copies, seen: () => async () => E.right([]), commit: unit => copies.commit({ ...unit, checkpoints: [], marks: unit.marks.filter(m => projects(m.consumer)) }) } })
  let upTo: readonly Reach[] = [], events = 0, of: number | undefined

  const read = (after: readonly Reach[]) => store.history(channels, after, many)()
  /** Opens what was read, and writes it; answers why it could not. */
  const write = async (messages: Awaited<ReturnType<typeof read>> extends E.Either<Failure, infer P> ? P : never): Promise<NotHandled | undefined> => {
    const tracks = new Map<string, Slot['track']>()
    let fault: NotHandled | undefined
    const stop = (why: string): void => { fault ??= told(`rebuilding ${names} stopped: ${why}; the old rows serve on`) }
    const jobs = messages.messages.flatMap((m, i): Job[] => {
      // of an event that several handlers make none writes but its maker, with whose name its source ends; and every projector writes it
      const takers = writers.filter(w => w.in.some(t => t.type === m.type)), makers = takers.filter(w => !projects(w.name)), at = messages.at[i]!, maker = makers.find(w => m.source.endsWith(`/${w.name}`)) ?? makers[0]
      return [...maker === undefined ? [] : [maker], ...takers.filter(w => projects(w.name))].map((handler): Job => {
        const opened = open(handler.in.find(t => t.type === m.type)!, m), place = `${at.partition}/${at.channel}/${handler.name}`
        const track = tracks.get(place) ?? { open: [], of: { consumer: handler.name, channel: at.channel, partition: at.partition, fence: '' } }
        tracks.set(place, track)
        if (E.isLeft(opened)) stop(`'${m.type}' ${m.id} cannot be read${opened.left === 'newer' ? `: it has the version ${m.dataschema}, deploy the newer version of '${handler.name}'` : `: ${opened.left.map(x => `${x.path}: ${x.message}`).join('; ')}`}`)
        return {
          handler, message: E.isRight(opened) ? opened.right : m, key: `${handler.name}\u0000${m.subject}`, slot: { at, done: false, track }, do: 'run', attempts: 0, losses: 0, broke: 0,
          settle: r => { if (E.isLeft(r)) if (r.left.unavailable === true) fault ??= unavailable(r.left); else stop(`'${handler.name}' cannot write '${m.type}' ${m.id} (key '${m.subject}', ${at.channel}/${at.partition}/${at.position}): ${r.left.failure}`) },
        }
      })
    })
    if (fault === undefined) await execute(jobs, () => true)
    return fault
  }
  try {
    if (copies.lacks !== undefined && !partial) return refuse('invalid', `cannot rebuild ${names}: ${copies.lacks}, and what is in the rows of these alone would be gone; the old rows serve on; to make the rows anew from what is left, add --partial, or call app.rebuild(handler, { partial: true })`)
    void copies.left(channels, []).then(n => { of = n })
    for (let next = read(upTo); ;) {
      const found = await next
      if (E.isLeft(found)) return E.left(unavailable(found.left))
      if (signal?.aborted === true) return E.left(told(`rebuilding ${names} was interrupted; the old rows serve on`))
      if (found.right.messages.length === 0) {
        const swapped = await copies.swap(channels, found.right.upTo, readers)()
        if (E.isLeft(swapped)) return E.left(unavailable(swapped.left))
        if (swapped.right) { runtime.log('info', `rebuilt ${names} from ${events} events`); return E.right(events) }
      }
      upTo = found.right.upTo
      next = read(upTo) // while the server writes these, and this process decides
      const fault = found.right.messages.length === 0 ? undefined : await write(found.right)
      if (fault !== undefined) { await next; return E.left(fault) }
      events += found.right.messages.length
      progress?.({ events, of: of === undefined ? undefined : Math.max(of, events) })
    }
  } finally { await copies.close() }
}
const told = (message: string): NotHandled => ({ notHandled: 'failed', message })

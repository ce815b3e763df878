import { type AnyDecider, type Failure, type Mark, type Message, type Options, type Outcome, type Reach, type Runtime, type Store, type Transport } from '@lowtide/core'
import * as E from 'fp-ts/lib/Either.js'
import type { Gone, NotHandled } from './front.js'
import { waiting } from './waiting.js'

type Left<A> = E.Either<NotHandled, A>
/** A caller and its time limit: once it has its answer, all that waits for it is taken off. */
export interface Patience<A> {
  over: boolean
  /** What it is told when its time is over, instead of `timeout`. */
  late: NotHandled | undefined
  stops: (() => void)[] | undefined
  end(answer: Left<A>): void
}
export const refuse = (notHandled: NotHandled['notHandled'], message: string, rest: Partial<NotHandled> = {}): E.Either<NotHandled, never> => E.left({ notHandled, message, ...rest })
export const unavailable = (f: Failure): NotHandled => ({ notHandled: f.retry ? 'unavailable' : 'failed', message: f.failure })
interface ForOutcome { readonly id: string; readonly handler: string; readonly since: string; readonly done: (r: Left<Mark>) => void }
interface ForProjection { readonly consumer: string; readonly reach: readonly Reach[]; readonly keys: ReadonlySet<string>; readonly done: (r: Left<undefined>) => void }

/** Those who wait for answers: outcomes and projections, whichever process makes them, with a time limit each. */
export const callers = ({ store, transport, runtime, options }: { store: Store; transport: Transport; runtime: Runtime; options: Options }) => {
  let active = 0
  const idle: (() => void)[] = [], queue: (() => void)[] = []
  const next = (): void => { queue.shift()?.() }
  const leave = (): void => { active--; next(); if (active === 0) for (const call of idle.splice(0)) call() }

  const outcomes = waiting<ForOutcome>(runtime, options.poll, call => store.watch('outcome', call), async pending => {
    const list = [...pending], seen = await store.seen(list.map(p => ({ consumer: '', id: p.id })))()
    if (E.isLeft(seen)) return
    const found = new Map(seen.right.map(m => [m.id, m]))
    for (const p of list) { const mark = found.get(p.id); if (mark) p.done(E.right(mark)) }
    for (const handler of new Set(list.filter(p => !found.has(p.id)).map(p => p.handler))) {
      const failed = await store.parked({ consumer: handler, state: 'failed' })()
      if (E.isRight(failed)) for (const f of failed.right) for (const p of list) if (f.message?.id === p.id && f.time >= p.since) p.done(refuse((['too-old', 'busy'] as const).find(word => f.reason.startsWith(word)) ?? 'failed', f.reason, { commandId: p.id }))
    }
  })
  const projections = waiting<ForProjection>(runtime, options.poll, call => store.watch('applied', call), async pending => {
    for (const consumer of new Set([...pending].map(p => p.consumer))) {
      const applied = await store.applied(consumer)()
      if (E.isLeft(applied)) continue
      const { upTo, parked } = applied.right, mine = [...pending].filter(p => p.consumer === consumer), at = new Map(upTo.map(r => [`${r.channel}\u0000${r.partition}`, r.position]))
      if (parked > 0) { // a parked event is behind the checkpoint, but not in the rows
        const held = await store.parked({ consumer })()
        if (E.isRight(held)) for (const h of held.right) for (const p of mine) if (p.keys.has(`${h.channel}\u0000${h.key}`)) p.done(refuse('projection-parked', `the projector '${consumer}' holds the key '${h.key}' parked: ${h.reason}`))
      }
      for (const p of mine) if (p.reach.every(r => { const position = at.get(`${r.channel}\u0000${r.partition}`); return position !== undefined && transport.reached(position, r.position) })) p.done(E.right(undefined))
    }
  })
  const wait = <P extends { readonly done: (r: Left<A>) => void }, A>(room: { add(p: P): void; remove(p: P): void }, make: (done: (r: Left<A>) => void) => P, patience: Patience<never>): Promise<Left<A>> => new Promise(resolve => {
    if (patience.over) return // the caller has its answer
    const p: P = make(r => { room.remove(p); resolve(r) })
    ;(patience.stops ??= []).push(() => room.remove(p))
    room.add(p)
  })

  return {
    /** Registered before it is published, so that an answer cannot be missed. */
    outcome: async (m: Message, handler: string, publish: () => Promise<E.Either<Failure, void>>, patience: Patience<never>): Promise<Left<Mark>> => {
      const answered = wait<ForOutcome, Mark>(outcomes, done => ({ id: m.id, handler, since: m.time, done }), patience)
      const published = await publish()
      return E.isLeft(published) ? E.left({ ...unavailable(published.left), commandId: m.id }) : answered
    },
    /** Until the projectors' checkpoints have reached the outcome's events. */
    projected: async (outcome: Outcome, projectors: readonly AnyDecider[], patience: Patience<never>): Promise<Left<Outcome>> => {
      let upTo = outcome.upTo
      while (upTo === undefined && !patience.over) { // a relay publishes: it fills in how far they reach
        await new Promise<void>(resolve => { runtime.after(options.poll, resolve) })
        const seen = await store.seen([{ consumer: '', id: outcome.commandId }])()
        upTo = E.isRight(seen) ? seen.right[0]?.outcome?.upTo : undefined
      }
      for (const p of projectors) {
        const channels = new Set(p.in.map(t => t.channel.channel)), keys = new Set((outcome.events ?? []).flatMap(e => p.in.filter(t => t.type === e.type).map(t => `${t.channel.channel}\u0000${e.subject}`)))
        const r = await wait<ForProjection, undefined>(projections, done => ({ consumer: p.name, reach: (upTo ?? []).filter(x => channels.has(x.channel)), keys, done }), patience)
        if (E.isLeft(r)) return E.left({ ...r.left, commandId: outcome.commandId })
      }
      return E.right(outcome)
    },
    /** Runs a caller's task within its time. A process holds at most `buffer` of them; the next ones wait outside. */
    within: <A>(ms: number, commandId: string | undefined, task: (patience: Patience<A>) => void, signal?: Gone): Promise<Left<A>> => new Promise(resolve => {
      let inside = false
      const patience: Patience<A> = {
        over: false, late: undefined, stops: undefined,
        end: answer => {
          if (patience.over) return
          patience.over = true
          stop()
          if (patience.stops) for (const call of patience.stops) call()
          resolve(answer)
          if (inside) leave()
        },
      }
      const begin = (): void => {
        if (patience.over) return next()
        inside = true
        active++
        patience.late = undefined
        try { task(patience) } catch (e) { patience.end(refuse('failed', e instanceof Error ? e.message : String(e), { commandId })) }
      }
      const stop = runtime.after(ms, () => patience.end(patience.late ? E.left(patience.late) : refuse('timeout', `no answer within ${ms} ms${commandId === undefined ? '' : '; send the same id again to learn the outcome'}`, { commandId })))
      if (signal) {
        const gone = (): void => patience.end(refuse('timeout', 'the caller has gone', { commandId }))
        signal.addEventListener('abort', gone)
        patience.stops = [() => signal.removeEventListener('abort', gone)]
        if (signal.aborted) return gone()
      }
      if (active < options.buffer) begin()
      else { patience.late = { notHandled: 'busy', message: `this process holds ${options.buffer} callers already`, commandId }; queue.push(begin) }
    }),
    idle: (): Promise<void> => active === 0 ? Promise.resolve() : new Promise(resolve => { idle.push(resolve) }),
    pending: (): number => outcomes.size() + projections.size(),
    close: (): void => { outcomes.close(); projections.close() },
  }
}
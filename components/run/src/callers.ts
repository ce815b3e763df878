import { type AnyDecider, type Failure, type Mark, type Message, type Options, type Outcome, type Position, type Reach, type Runtime, type Store, type Transport } from '@lowtide/core'
import * as E from 'fp-ts/lib/Either.js'
import type { Gone, NotHandled } from './front.js'
import { parkedId } from './lane.js'
import { waiting } from './waiting.js'

type Left<A> = E.Either<NotHandled, A>
/** The callers of a process: at most `buffer` of them are active, the next ones wait in `queue`. */
interface Hall { active: number; readonly buffer: number; readonly queue: Set<AnyPatience>; leave(): void }
/** Whatever answer it wants. */
type AnyPatience = Pick<Patience<never>, 'over' | 'late' | 'stops' | 'begin' | 'end'>
/** A caller and its time limit: once it has its answer, all that waits for it is taken off. A class, for there is one for every command. */
export class Patience<A> {
  over = false
  /** What it is told when its time is over, instead of `timeout`. */
  late: NotHandled | undefined = undefined
  stops: (() => void)[] | undefined = undefined
  private inside = false
  private readonly stop: () => void
  constructor(private readonly hall: Hall, after: Runtime['after'], ms: number, private readonly commandId: string | undefined, private readonly task: (patience: Patience<A>) => void, private readonly resolve: (answer: Left<A>) => void) {
    this.stop = after(ms, () => this.end(this.late ? E.left(this.late) : refuse('timeout', `no answer within ${ms} ms${commandId === undefined ? '' : '; send the same id again to learn the outcome'}`, { commandId })))
  }
  enter(): void {
    const { hall } = this
    if (hall.active < hall.buffer) return this.begin()
    this.late = { notHandled: 'busy', message: `this process holds ${hall.buffer} callers already`, commandId: this.commandId }
    hall.queue.add(this)
  }
  begin(): void {
    this.inside = true
    this.hall.active++
    this.late = undefined
    try { this.task(this) } catch (e) { this.end(refuse('failed', e instanceof Error ? e.message : String(e), { commandId: this.commandId })) }
  }
  end(answer: Left<A>): void {
    if (this.over) return
    this.over = true
    this.stop()
    if (this.stops) for (const call of this.stops) call()
    this.resolve(answer)
    if (this.inside) this.hall.leave(); else this.hall.queue.delete(this)
  }
}
export const refuse = (notHandled: NotHandled['notHandled'], message: string, rest: Partial<NotHandled> = {}): E.Either<NotHandled, never> => E.left({ notHandled, message, ...rest })
export const unavailable = (f: Failure): NotHandled => ({ notHandled: f.retry ? 'unavailable' : 'failed', message: f.failure })
/** One who waits, and what it is told when its time is over. */
interface Waiting { late(why: Failure | undefined): void }
interface ForOutcome extends Waiting { readonly id: string; readonly handler: string; readonly since: string; readonly done: (r: Left<Mark>) => void }
interface ForProjection extends Waiting { readonly projector: AnyDecider; readonly outcome: Outcome; readonly upTo: readonly Reach[]; readonly done: (r: Left<undefined>) => void }

/** Those who wait for answers: outcomes and projections, whichever process makes them, with a time limit each. */
export const callers = ({ store, transport, runtime, options }: { store: Store; transport: Transport; runtime: Runtime; options: Options }) => {
  const idle: (() => void)[] = []
  let letting = false
  const next = (): void => { // in a loop: who begins may end at once
    if (letting) return
    letting = true
    for (const one of hall.queue) { if (hall.active >= hall.buffer) break; hall.queue.delete(one); one.begin() }
    letting = false
  }
  const hall: Hall = {
    active: 0, buffer: options.buffer, queue: new Set(),
    leave: () => { hall.active--; if (hall.queue.size > 0) next(); if (hall.active === 0 && idle.length > 0) for (const call of idle.splice(0)) call() },
  }

  const outcomes = waiting<ForOutcome>(runtime, options.poll, call => store.watch('outcome', call), async pending => {
    const list = [...pending], seen = await store.seen(list.map(p => ({ consumer: '', id: p.id })))()
    for (const p of list) p.late(E.isLeft(seen) ? seen.left : undefined)
    if (E.isLeft(seen)) return
    const found = new Map(seen.right.map(m => [m.id, m]))
    for (const p of list) { const mark = found.get(p.id); if (mark) settle(outcomes, p, E.right(mark)) }
    const left = new Map(list.filter(p => !found.has(p.id)).map(p => [parkedId(p.handler, p.id), p]))
    if (left.size > 0) {
      const failed = await store.parked({ ids: [...left.keys()], state: 'failed' })()
      if (E.isRight(failed)) for (const f of failed.right) for (const p of list) if (f.message?.id === p.id && f.consumer === p.handler && f.time >= p.since) settle(outcomes, p, refuse((['too-old', 'busy'] as const).find(word => f.reason.startsWith(word)) ?? 'failed', f.reason, { commandId: p.id }))
    }
  })
  const projections = waiting<ForProjection>(runtime, options.poll, call => store.watch('applied', call), async pending => {
    const waiting = new Map<AnyDecider, ForProjection[]>()
    for (const p of pending) { const mine = waiting.get(p.projector); if (mine) mine.push(p); else waiting.set(p.projector, [p]) }
    for (const [{ name: consumer, in: types }, mine] of waiting) {
      const applied = await store.applied(consumer)()
      for (const p of mine) p.late(E.isLeft(applied) ? applied.left : undefined)
      if (E.isLeft(applied)) continue
      const at = new Map(types.map(t => [t.channel.channel, new Map<string, Position>()]))
      for (const { channel, partition, position } of applied.right.upTo) at.get(channel)?.set(partition, position)
      if (applied.right.parked > 0) { // a parked event is behind the checkpoint, but not in the rows
        const heads = await Promise.all((['parked', 'redrive'] as const).map(state => store.parked({ consumer, state, brief: true })())) // what waits has one of them before it
        if (!heads.every(E.isRight)) continue // who waits may be among them
        const held = new Map(heads.flatMap(list => list.right).map(h => [`${h.channel}\u0000${h.key}`, h]))
        for (const p of mine) {
          const key = p.outcome.events?.flatMap(e => types.filter(t => t.type === e.type).map(t => `${t.channel.channel}\u0000${e.subject}`)).find(k => held.has(k)), h = key === undefined ? undefined : held.get(key)
          if (h) settle(projections, p, refuse('projection-parked', `the projector '${consumer}' holds the key '${h.key}' parked: ${h.reason}`, { commandId: p.outcome.commandId }))
        }
      }
      const behind = ({ channel, partition, position }: Reach): boolean => {
        const partitions = at.get(channel), reached = partitions?.get(partition)
        return partitions !== undefined && !(reached !== undefined && transport.reached(reached, position))
      }
      for (const p of mine) if (!p.upTo.some(behind)) settle(projections, p, E.right(undefined))
    }
  })
  const settle = <A, P extends { readonly done: (r: Left<A>) => void }>(room: { remove(p: P): boolean }, p: P, r: Left<A>): void => { if (room.remove(p)) p.done(r) }
  /** Who could not even ask has not waited in vain. */
  const lateOf = (patience: AnyPatience, commandId: string) => (why: Failure | undefined): void => { patience.late = why?.unavailable ? { ...unavailable(why), commandId } : undefined }
  const wait = <P>(room: { add(p: P): void; remove(p: P): boolean }, p: P, patience: AnyPatience): void => {
    if (patience.over) return // the caller has its answer
    ;(patience.stops ??= []).push(() => room.remove(p))
    room.add(p)
  }
  /** Where a relay publishes, it fills in how far the events reach. */
  const relayed = async ({ commandId }: Outcome, patience: AnyPatience): Promise<readonly Reach[]> => {
    for (let upTo: readonly Reach[] | undefined; ;) {
      await new Promise<void>(resolve => { runtime.after(options.poll, resolve) })
      if (patience.over) return []
      const seen = await store.seen([{ consumer: '', id: commandId }])()
      upTo = E.isRight(seen) ? seen.right[0]?.outcome?.upTo : undefined
      if (upTo !== undefined) return upTo
    }
  }

  return {
    /** Registered before it is published, so that an answer cannot be missed. */
    outcome: (m: Message, handler: string, publish: () => Promise<E.Either<Failure, void>>, patience: AnyPatience, done: (r: Left<Mark>) => void): void => {
      const p: ForOutcome = { id: m.id, handler, since: m.time, done, late: lateOf(patience, m.id) }
      wait(outcomes, p, patience)
      void publish().then(published => { if (E.isLeft(published)) settle(outcomes, p, E.left({ ...unavailable(published.left), commandId: m.id })) })
    },
    /** Until the projectors' checkpoints have reached the outcome's events. */
    projected: (outcome: Outcome, projectors: readonly AnyDecider[], patience: AnyPatience, done: (r: Left<undefined>) => void): void => {
      const from = (n: number, upTo: readonly Reach[]): void => {
        if (n === projectors.length) return done(E.right(undefined))
        return wait(projections, { projector: projectors[n]!, outcome, upTo, late: lateOf(patience, outcome.commandId), done: r => E.isLeft(r) ? done(r) : from(n + 1, upTo) }, patience)
      }
      if (outcome.upTo !== undefined) from(0, outcome.upTo)
      else void relayed(outcome, patience).then(upTo => from(0, upTo))
    },
    /** Runs a caller's task within its time. A process holds at most `buffer` of them; the next ones wait outside. */
    within: <A>(ms: number, commandId: string | undefined, task: (patience: Patience<A>) => void, signal?: Gone): Promise<Left<A>> => new Promise(resolve => {
      const patience = new Patience(hall, runtime.after, ms, commandId, task, resolve)
      if (signal) {
        const gone = (): void => patience.end(refuse('timeout', 'the caller has gone', { commandId }))
        signal.addEventListener('abort', gone)
        patience.stops = [() => signal.removeEventListener('abort', gone)]
        if (signal.aborted) return gone()
      }
      patience.enter()
    }),
    idle: (): Promise<void> => hall.active === 0 ? Promise.resolve() : new Promise(resolve => { idle.push(resolve) }),
    pending: (): number => outcomes.size() + projections.size(),
    /** Nobody can be answered any more. */
    close: (): void => {
      const closing = refuse('unavailable', 'this process is closing; send the same id again')
      for (const p of outcomes.close()) p.done(closing)
      for (const p of projections.close()) p.done(closing)
      for (const one of hall.queue) one.end(closing)
    },
  }
}
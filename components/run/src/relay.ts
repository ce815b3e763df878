import { type AnyDecider, type AnyPort, type Bindings, type Channel, type Checkpoint, type Consumer, type Emit, type Failure, type Job, type Runtime, type Slot, type Store, checkpointOf, failureOf } from '@lowtide/core'
import * as E from 'fp-ts/lib/Either.js'
import type { TaskEither } from 'fp-ts/lib/TaskEither.js'
import * as TE from 'fp-ts/lib/TaskEither.js'

/** Carries what waits in the shell's outbox to the outside. A member of a process; several instances share the partitions of its channels. */
export interface Relay { readonly relay: string; readonly channels: readonly Channel[]; readonly batch: number; publish(messages: readonly Emit[]): TaskEither<Failure, void> }
export interface RelayOptions {
  /** Its consumer is `relay-<name>`: under another name everything that still waits goes out. */
  readonly name: string
  /** All of them in the shell's outbox, and none in two relays: what one has published is gone. */
  readonly channels: readonly Channel[]
  /** Messages in one call of `publish`, at most; default 500. */
  readonly batch?: number
  /**
   * Done when all of them are out, those of a (channel, key) in this order. At least once: what was out when this process died goes out again, so receivers
   * drop ids that they have. `retry: true`: all again later, for as long as it takes; `retry: false`: this can never be taken. Of several messages
   * each half is tried again until it is known which one, and that parks and holds its key. Calls for different partitions may be under way at once, and each must end: give the client a time limit.
   */
  publish(messages: readonly Emit[]): TaskEither<Failure, void>
}
/** @example processes: { relay: [relay({ name: 'broker', channels: [customerEvents], publish: messages => broker.send(messages) })] } */
export const relay = ({ name, channels, batch = 500, publish }: RelayOptions): Relay => ({ relay: name, channels, batch, publish })
export const isRelay = (member: object): member is Relay => 'relay' in member

/** The binding of a port whose effects leave by the shell's outbox: they are performed elsewhere. */
export const relayed = { effect: (): TaskEither<Failure, never> => TE.left({ failure: 'this effect leaves by the outbox', retry: true, unavailable: true }) } as const
export const isRelayed = (bindings: Bindings, { port }: AnyPort): boolean => bindings[port]?.effect === relayed.effect

/** Names of consumers that begin so are relays'. */
export const reserved = 'relay-'
/** To lanes a relay is a handler that looks nothing up and writes nothing. */
export const carrier = ({ relay: name }: Relay): AnyDecider => ({ kind: 'effect', name: `${reserved}${name}`, in: [], out: [], tables: [], ports: [], settings: {}, write: {} })
export const carrierOf = (r: Relay): Consumer => ({ name: `${reserved}${r.relay}`, channels: r.channels, broadcast: false, outbox: true })

const owns = ({ slot }: Job, c: Checkpoint): boolean => c.channel === slot?.track.of.channel && c.partition === slot.track.of.partition && c.fence === slot.track.of.fence
/** Between the names of a lane's key: handler, channel, key. */
const channelOf = ({ slot, key }: Job): string => slot?.at.channel ?? key.split('\u0000')[1]!
/** What the outside cannot take now it takes later: no message's fault. */
const later = (f: Failure): Failure => ({ ...f, retry: true, unavailable: true })

/**
 * What a lane executes for a relay: publish, then move the checkpoints, by which the store removes what was published. In this order, so nothing is lost;
 * what is out when this process dies before the second step goes out again. Here it does not: where the second step fails it alone is tried again, and
 * while it fails nothing more goes out, for all of that would go out twice.
 */
export const relaying = ({ relay: name, publish }: Relay, store: Pick<Store, 'commit'>, runtime: Pick<Runtime, 'log'>) => {
  /** They are out, and not committed. A lane gives each of them again until it is settled for good. */
  const out = new Set<Job>()
  let away = false, kept: Failure | undefined
  const send = async (jobs: readonly Job[]): Promise<Failure | undefined> => {
    try {
      for (const { handler, message } of jobs) handler.lookup?.(message) // what nobody can read throws here
      const sent = await publish(jobs.map(job => ({ channel: channelOf(job), message: job.message })))()
      if (E.isRight(sent)) { for (const job of jobs) out.add(job); if (away) runtime.log('info', `the relay '${name}' can publish again`); away = false; return undefined }
      return sent.left
    } catch (e) { return failureOf(e) }
  }
  const settle = (jobs: readonly Job[], f: Failure): void => { for (const job of jobs) job.settle(E.left(f)) }
  const keeps = (f: Failure | undefined): void => {
    if (f === undefined ? kept !== undefined : kept === undefined || (kept.retry && !f.retry)) runtime.log(f === undefined ? 'info' : f.retry ? 'warn' : 'error', f === undefined ? `the relay '${name}' can commit again` : `the relay '${name}' cannot commit what it has published, and publishes nothing more until it can: ${f.failure}`)
    kept = f
  }
  const commit = async (jobs: readonly Job[]): Promise<void> => {
    for (let todo = jobs; todo.length > 0;) {
      const slots = new Set(todo.flatMap(({ slot }): readonly Slot[] => slot ? [slot] : [])), committed = await store.commit({
        checks: [], writes: [], emits: [], marks: [], parks: todo.flatMap(job => job.do === 'park' ? [job.parked!] : []), unparks: todo.flatMap(job => job.do !== 'park' && job.redrive !== undefined ? [job.redrive] : []),
        checkpoints: [...new Set([...slots].map(slot => slot.track))].map(track => checkpointOf(track, slots)),
      })()
      if (E.isLeft(committed)) { keeps(committed.left); return settle(todo, later(committed.left)) }
      keeps(undefined)
      const { conflict } = committed.right
      if (conflict === undefined) return todo.forEach(finish)
      const lost = conflict.fenced.length === 0 ? todo : todo.filter(job => conflict.fenced.some(c => owns(job, c)))
      for (const job of lost) out.delete(job)
      for (const job of lost) job.settle(E.left({ failure: 'the partition has another owner now', retry: false, fenced: true }))
      todo = todo.filter(job => !lost.includes(job))
    }
  }
  const finish = (job: Job): void => {
    out.delete(job)
    if (job.slot) job.slot.done = true
    while (job.slot?.track.open[0]?.done) job.slot.track.open.shift()
    job.settle(E.right(undefined))
  }
  return async (jobs: readonly Job[], admit: (job: Job) => boolean): Promise<void> => {
    const done: Job[] = [], flush = (): Promise<void> => commit(done.splice(0))
    /** Those of a key whose message has failed meanwhile are not admitted again: they wait behind it. */
    const carry = async (some: readonly Job[]): Promise<void> => {
      const next: Job[] = []
      for (const job of some.filter(admit)) (job.do === 'run' && !out.has(job) ? next : done).push(job)
      if (kept !== undefined) await flush()
      if (kept !== undefined && out.size > 0) return settle(next, later(kept))
      const failed = next.length === 0 ? undefined : await send(next)
      if (failed === undefined) { done.push(...next); return }
      if (!failed.retry && next.length > 1) { await carry(next.slice(0, next.length >> 1)); return carry(next.slice(next.length >> 1)) }
      if (failed.retry && !away) { away = true; runtime.log('warn', `the relay '${name}' cannot publish, and tries again by itself: ${failed.failure}`) }
      await flush() // what is out before it settles first: if that cannot be committed, its key waits behind it, and not the other way round
      settle(next, failed.retry ? later(failed) : failed)
    }
    await carry(jobs)
    await flush()
  }
}

import { type AnyDecider, type Failure, type Job, type Message, type Options, type Parked, type Runtime, type Settled, type Slot, idOf } from '@lowtide/core'
import * as E from 'fp-ts/lib/Either.js'
import { type Queue, queues } from './queues.js'

export interface Ticket { readonly slot?: Slot | undefined; readonly redrive?: Parked | undefined; /** Why it cannot run: it is parked at once. */ readonly unfit?: string | undefined; /** Only moves the checkpoint over it, behind all before it. */ readonly skip?: boolean; /** Where it belongs that has no place of its own. */ readonly partition?: string; readonly done?: (result: Settled) => void }
interface Laning { /** Units that may be under way at once. */ readonly abreast: number; readonly enough?: number; readonly execute: (jobs: readonly Job[], admit: (job: Job) => boolean) => Promise<void>; readonly runtime: Runtime; readonly options: Options; readonly unitLimit: number; /** Told what each attempt came to, before the lane goes on. */ readonly settling?: ((job: Job, result: Settled) => void) | undefined }

export const laneKey = (handler: string, channel: string, key: string): string => `${handler}\u0000${channel}\u0000${key}`
/** The same each time the same message parks. */
export const parkedId = (handler: string, message: string): string => idOf('parked', handler, message)
/** A record of what could not be handled. */
export const parkedOf = (h: AnyDecider, message: Message, at: { channel: string; partition: string }, state: Parked['state'], reason: string, attempts: number, now: number): Parked => ({
  id: parkedId(h.name, message.id), consumer: h.name, channel: at.channel, partition: at.partition, key: message.subject, state, reason, attempts, time: new Date(now).toISOString(),
  ...(message.type === '' ? { raw: String(message.data) } : { message }),
})

/** A job of a lane, and what the lane knows of it. A class, and its key made when somebody asks: there is one for every message. */
class Laned implements Job {
  do: Job['do']; parked: Parked | undefined = undefined; first: boolean; attempts = 0; losses = 0; broke = 0; asks: Job['asks'] = undefined
  /** Attempts that met an outage, and the failure for which it is given up. */
  outages = 0; last: Failure | undefined = undefined
  readonly slot: Slot | undefined; redrive: string | undefined
  private spelled: string | undefined = undefined
  constructor(readonly handler: AnyDecider, readonly message: Message, readonly channel: string, readonly ticket: Ticket, readonly queue: Queue<Laned>, private readonly settled: (job: Laned, result: Settled) => void) {
    this.do = ticket.skip ? 'skip' : 'run'
    this.first = ticket.redrive !== undefined || ticket.skip === true
    this.slot = ticket.slot
    this.redrive = ticket.redrive?.id
  }
  /** Bytes without a key hold none. */
  get key(): string { return this.spelled ??= laneKey(this.handler.name, this.channel, this.message.type === '' && this.message.subject === '' ? this.message.id : this.message.subject) }
  settle(result: Settled): void { this.settled(this, result) }
}
const shut: Settled = E.left({ failure: 'this process is closing', retry: true, fenced: true })
/**
 * What one owning group has to do. A key whose message failed waits, in order, until
 * the retries are over (full-jitter backoff: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/); other keys go on.
 */
export const lane = ({ abreast, enough, execute, runtime, options, unitLimit, settling }: Laning) => {
  const waiting = new Map<string, Laned[]>(), held = new Map<string, string>(), idle: (() => void)[] = [], retries = new Map<Laned, () => void>(), away = new Set<Laned>(), gone = new Set<string>()
  /** By handler: what met an outage and is not done yet. */
  const out = new Map<string, Set<Laned>>()
  let open = 0, closed = false, leaving = false

  const submit = (job: Laned): void => { if (closed) job.settle(shut); else { job.queue.jobs.push(job); lined.kick() } }
  /** Law 4 and law 7: behind a failed message of its key a job waits here, behind a parked one it is parked too. */
  const admit = (job: Job): boolean => {
    if (closed) { job.settle(shut); return false }
    if (job.first) return true
    if (gone.size > 0 && gone.has(job.key)) { job.settle(shut); return false }
    const behind = waiting.size > 0 ? waiting.get(job.key) : undefined // a key is put together of texts: looked up, it costs a tenth of a microsecond
    if (behind) { behind.push(job as Laned); return false } // none but ours were given to be executed
    if (job.do === 'run' && job.slot && held.size > 0 && held.has(job.key)) { job.do = 'park'; job.parked = parkedOf(job.handler, job.message, job.slot.track.of, 'waiting', 'waits behind a parked message of its key', 0, runtime.now()) }
    return true
  }
  const lined = queues<Laned>({ abreast, unitLimit, ...(enough !== undefined && { enough }), runtime, execute: jobs => execute(jobs, admit) })
  const block = (key: string): void => { waiting.set(key, []) }
  const release = (key: string): void => {
    const behind = waiting.get(key) ?? []
    waiting.delete(key)
    if (behind.length === 0) return
    for (const job of behind.toReversed()) job.queue.jobs.unshift(job) // what came later of this key stands in its queue already
    lined.kick()
  }
  const hindered = (job: Laned, { failure }: Failure): void => {
    const { name } = job.handler, jobs = out.get(name)
    if (jobs) { jobs.add(job); return }
    out.set(name, new Set([job]))
    runtime.log('warn', `'${name}' cannot go on, and tries again by itself: ${failure}`, { message: job.message.id, correlationid: job.message.correlationid })
  }
  const end = (job: Laned, result: Settled): void => {
    const { done, skip } = job.ticket, { name } = job.handler, jobs = job.outages > 0 ? out.get(name) : undefined
    if (jobs?.delete(job) && jobs.size === 0) { out.delete(name); if (E.isRight(result)) runtime.log('info', `'${name}' goes on`, { message: job.message.id, correlationid: job.message.correlationid }) }
    if (job.first && job.redrive === undefined && !skip) { job.first = false; release(job.key) }
    open--
    done?.(result)
    if (open === 0 && idle.length > 0) for (const call of idle.splice(0)) call()
  }

  /** For whoever has its place next, and with it what stands behind it of its key. */
  const leave = (job: Laned): void => { gone.add(job.key); end(job, shut) }
  const settled = (job: Laned, result: Settled): void => {
    if (E.isRight(result)) {
      for (const other of away) { away.delete(other); retries.get(other)?.(); retries.delete(other); submit(other) } // what was away is back: nobody waits out his backoff
      if (job.do === 'park' && job.parked!.state !== 'failed') held.set(job.key, job.parked!.partition)
      return end(job, job.last ? E.left(job.last) : result)
    }
    const failure = result.left, { redrive } = job.ticket
    if (failure.fenced || closed) return end(job, E.left({ ...failure, fenced: true }))
    const patient = failure.unavailable === true && (job.slot !== undefined || redrive !== undefined)
    if (leaving && patient) return leave(job)
    if (!job.first) {
      const behind = waiting.get(job.key)
      if (behind) { behind.push(job); return undefined }
      block(job.key)
      job.first = true
    }
    const times = job.handler.settings.retry?.times ?? options.retries
    if (job.do !== 'run' && job.attempts + job.outages === 0) runtime.log('error', `'${job.handler.name}' cannot ${job.do === 'park' ? 'park' : 'go past'} '${job.message.type}' ${job.message.id}, and tries again: ${failure.failure}`, { message: job.message.id, correlationid: job.message.correlationid })
    if (patient && job.outages === 0) hindered(job, failure)
    if (patient) job.outages++; else job.attempts++ // an outage is no message's fault: nothing parks for it, however long it takes
    if (job.do !== 'run' || patient || (failure.retry && redrive === undefined && job.attempts <= times)) {
      job.losses = 0
      if (patient) away.add(job)
      retries.set(job, runtime.after(runtime.random() * Math.min(options.backoffCap, options.backoffBase * 2 ** (job.attempts + job.outages - 1)), () => { retries.delete(job); away.delete(job); submit(job) }))
      return undefined
    }
    if (failure.unavailable && !job.slot && redrive === undefined) return end(job, result) // its caller is told, and may send the id again
    if (job.handler.settings.each === 'instance') { runtime.log('error', `'${job.handler.name}' gave up: ${failure.failure}`, { message: job.message.id, correlationid: job.message.correlationid }); return end(job, result) }
    job.last = failure
    job.do = 'park'
    job.parked = parkedOf(job.handler, job.message, job.slot?.track.of ?? redrive ?? { channel: job.handler.in[0]!.channel.channel, partition: '' }, job.handler.kind === 'command' ? 'failed' : 'parked', failure.failure, job.attempts + (redrive?.attempts ?? 0), runtime.now())
    runtime.log('warn', `'${job.handler.name}' ${job.parked.state === 'failed' ? 'answered failed to' : 'parked'} '${job.message.type}' ${job.message.id} after ${job.parked.attempts} attempts: ${failure.failure}`, { message: job.message.id, correlationid: job.message.correlationid })
    submit(job)
    return undefined
  }

  const told = settling === undefined ? settled : (job: Laned, result: Settled): void => { settling(job, result); settled(job, result) }

  return {
    held, block, release,
    blocked: (key: string): boolean => waiting.has(key),
    take: (handler: AnyDecider, message: Message, channel: string, ticket: Ticket): void => {
      const { unfit, slot, redrive, partition } = ticket, queue = lined.of(slot?.at.partition ?? redrive?.partition ?? partition, message.subject)
      // what is unfit fails in its turn, behind all before it of its key
      const job = new Laned(unfit === undefined ? handler : { ...handler, lookup: () => { throw { failure: unfit, retry: false } satisfies Failure } }, message, channel, ticket, queue, told)
      open++
      submit(job)
    },
    idle: (): Promise<void> => open === 0 ? Promise.resolve() : new Promise(resolve => { idle.push(resolve) }),
    inFlight: (): number => open,
    /** What an outage holds up is not waited for: it has a place in its channel, or among what is parked. */
    leave: (): void => {
      leaving = true
      for (const job of away) { retries.get(job)!(); retries.delete(job); leave(job) }
      away.clear()
    },
    /** Nothing is tried again: what is not done by now is left to whoever has its messages next. */
    close: (): void => {
      closed = true
      const left = [...lined.clear(), ...retries.keys()]
      for (const stop of retries.values()) stop()
      retries.clear()
      away.clear()
      for (const job of left) job.settle(shut)
    },
  }
}
export type Lane = ReturnType<typeof lane>

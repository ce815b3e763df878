import type { Emit, Failure, Job, Message, Outcome, Runtime, Settled, Transport } from '@lowtide/core'
import * as E from 'fp-ts/lib/Either.js'
import type { NotHandled } from './front.js'

/** One attempt at a message, as it begins. */
export interface Attempt { readonly handler: string; readonly channel: string; readonly message: Message; /** Attempts at it before, in this process. */ readonly before: number }
/** What it came to. `again`: it failed, and is tried again or parked next; `fenced`: another process has its partition now, or this one closes. */
export interface Attempted extends Attempt {
  readonly end: 'handled' | 'rejected' | 'parked' | 'waiting' | 'failed' | 'again' | 'fenced'
  /** The rejection's code, or why it failed. */ readonly why?: string | undefined
  /** Conflicts that it lost on the way: so often it was decided again. */ readonly conflicts: number
}
/** What a caller was told. */
export interface Answered { readonly commandId?: string | undefined; readonly rejection?: string | undefined; readonly notHandled?: NotHandled['notHandled'] | undefined }

/**
 * Wraps the work of a process, as tracing and metrics do; `run` does it. It can only look on: the work is done once, with the same result, whether a
 * wrapper calls `run` or not, throws, or never ends. All are optional, and what is not wrapped is called as if there were none.
 */
export interface Observe {
  /** A caller's command, from its draft to its answer; what `run` is given becomes the `traceparent` of its envelope. */
  sending?(command: { readonly type: string; readonly channel: string; readonly traceparent?: string | undefined }, run: (traceparent?: string) => Promise<Answered>): Promise<void>
  /** A batch of a lane, around `execute`. What waits behind another message of its key is among those that begin, and not among those that end. */
  executing?(batch: readonly Attempt[], run: () => Promise<readonly Attempted[]>): Promise<void>
  /** Messages that leave this process: commands on their way to another one, or what a relay carries outside (`by` is its name). */
  publishing?(messages: readonly Emit[], run: () => Promise<Failure | undefined>, by?: string): Promise<void>
}

const traceparent = /^[\da-f]{2}-[\da-f]{32}-[\da-f]{16}-[\da-f]{2}$/
/** Whether it is one as W3C's Trace Context has them. */
export const isTraceparent = (text: unknown): text is string => typeof text === 'string' && traceparent.test(text)

type Execute = (jobs: readonly Job[], admit: (job: Job) => boolean) => Promise<void>
type Settling = (job: Job, result: Settled) => void

const endOf = (job: Job, result: Settled): Pick<Attempted, 'end' | 'why'> => {
  if (E.isLeft(result)) return { end: result.left.fenced ? 'fenced' : 'again', why: result.left.failure }
  if (job.do === 'park') return { end: job.parked!.state === 'redrive' ? 'parked' : job.parked!.state, why: job.parked!.reason }
  const code = result.right?.outcome?.rejection?.code
  return code === undefined ? { end: 'handled' } : { end: 'rejected', why: code }
}
const answerOf = (answer: E.Either<NotHandled, unknown>, outcome: Outcome | undefined): Answered => E.isLeft(answer)
  ? { commandId: answer.left.commandId, notHandled: answer.left.notHandled } : { commandId: outcome?.commandId, rejection: outcome?.rejection?.code }

/** The wrappers of a process. Without `observe` they give back what they are given. */
export const observing = ({ sending, executing, publishing }: Observe, runtime: Pick<Runtime, 'log'>) => {
  const sinks = new Map<Job, { readonly attempt: Attempt; readonly ended: Attempted[] }>(), tried = new WeakMap<Job, number>()
  let warned = false
  const fault = (e: unknown): void => { if (!warned) runtime.log('warn', `what observes this process is broken, and this is told once: ${e instanceof Error ? e.message : String(e)}`); warned = true }
  /** The work and its result are the same whatever the wrapper does. */
  const around = <F, A, T = undefined>(wrap: (run: (given?: T) => Promise<F>) => Promise<void>, task: (given: T | undefined) => Promise<A>, facts: (a: A) => F): Promise<A> => {
    let ran: Promise<A> | undefined
    const run = (given?: T): Promise<A> => ran ??= task(given)
    try {
      wrap(given => {
        const told = run(given).then(facts)
        told.catch(() => {}) // whoever waits for the work hears of it
        return told
      }).catch(fault)
    } catch (e) { fault(e) }
    return run()
  }

  return {
    sending: <C extends { readonly traceparent?: string | undefined }, A>(command: { readonly type: string; readonly channel: string }, c: C, dispatch: (c: C) => Promise<E.Either<NotHandled, A>>, outcome: () => Outcome | undefined): Promise<E.Either<NotHandled, A>> => sending === undefined ? dispatch(c) : around<Answered, E.Either<NotHandled, A>, string>(
      run => sending({ ...command, traceparent: c.traceparent }, run),
      given => dispatch(isTraceparent(given) ? { ...c, traceparent: given } : c), answer => answerOf(answer, outcome())),

    executing: (execute: Execute): Execute => executing === undefined ? execute : (jobs, admit) => {
      const ended: Attempted[] = [], batch: Attempt[] = []
      for (const job of jobs) {
        if (job.do === 'skip') continue // only moves a checkpoint
        const attempt: Attempt = { handler: job.handler.name, channel: job.slot?.at.channel ?? job.handler.in.find(t => t.type === job.message.type)?.channel.channel ?? '', message: job.message, before: tried.get(job) ?? 0 }
        batch.push(attempt)
        sinks.set(job, { attempt, ended })
      }
      return batch.length === 0 ? execute(jobs, admit) : around(run => executing(batch, run), () => execute(jobs, admit).finally(() => { for (const job of jobs) if (sinks.get(job)?.ended === ended) sinks.delete(job) }), () => ended)
    },
    /** What lanes tell before they go on; absent where nobody wants to know. */
    settling: executing && ((job, result) => {
      const sink = sinks.get(job)
      if (sink === undefined) return
      sinks.delete(job)
      if (E.isLeft(result)) tried.set(job, sink.attempt.before + 1)
      sink.ended.push({ ...sink.attempt, ...endOf(job, result), conflicts: job.losses })
    }) satisfies Settling | undefined,

    publishing: (publish: Transport['publish'], by?: string): Transport['publish'] => publishing === undefined ? publish : messages => () => around<Failure | undefined, E.Either<Failure, void>>(
      run => publishing(messages, run, by), publish(messages), sent => E.isLeft(sent) ? sent.left : undefined),
  }
}

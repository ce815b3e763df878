import type { AnyDecider, AnyQuery, AnyResolver, Draft, Emit, Message, Outcome, Parked, ParkedFilter, Rejection } from '@lowtide/core'
import type { Caller, Intake, NotHandled, Sending } from '@lowtide/run'
import type * as E from 'fp-ts/lib/Either.js'
import type { Measured } from './meter.js'
import type { Clock, Instance } from './world.js'

/** What became of a call. `verdict`: `accepted`, the code of a rejection, or why it was not handled. */
export interface Sent { readonly verdict: string; readonly events: readonly Message[]; readonly outcome?: Outcome | undefined; readonly notHandled?: NotHandled | undefined }
export interface Answered { readonly verdict: string; readonly answer?: unknown }

const refused = (n: NotHandled): { verdict: string; events: readonly Message[]; notHandled: NotHandled } => ({ verdict: n.notHandled, events: [], notHandled: n })
const sentOf = (r: E.Either<NotHandled, Outcome>): Sent => r._tag === 'Left' ? refused(r.left)
  : { verdict: r.right.rejection?.code ?? 'accepted', events: r.right.events ?? [], outcome: r.right }

/** An instance as the laws talk to it; each call lets time pass until it has ended. */
export const node = (instance: Instance, clock: Clock, patience: number) => {
  const call = <A>(operation: string, ...args: readonly unknown[]): Promise<A> => {
    const { timeout = 0 } = (args.at(-1) ?? {}) as Caller
    return clock.during(`the end of ${operation}`, patience + timeout, instance.call(operation, args) as Promise<A>)
  }
  const done = async (operation: string, ...args: readonly unknown[]): Promise<string> => {
    const r = await call<E.Either<NotHandled, unknown>>(operation, ...args)
    return r._tag === 'Left' ? r.left.notHandled : 'accepted'
  }
  const list = async (operation: string, ...args: readonly unknown[]): Promise<readonly Parked[]> => {
    const r = await call<E.Either<NotHandled, readonly Parked[]>>(operation, ...args)
    if (r._tag === 'Left') throw new Error(`'${operation}' failed: ${r.left.message}`)
    return r.right
  }
  return {
    instance,
    send: async (draft: Draft, o: Sending = {}): Promise<Sent> => sentOf(await call('send', draft, o)),
    /** Sends, and does not wait: the process may die before it answers. */
    tell: (draft: Draft, o: Sending = {}): { sent: Sent | undefined } => {
      const told: { sent: Sent | undefined } = { sent: undefined }
      instance.call('send', [draft, o]).then(r => { told.sent = sentOf(r as E.Either<NotHandled, Outcome>) }, () => {})
      return told
    },
    answer: async (r: AnyResolver, draft: Draft, o: Caller = {}): Promise<Answered> => {
      const got = await call<E.Either<NotHandled, E.Either<Rejection, unknown>>>('answer', r.name, draft, o)
      return got._tag === 'Left' ? { verdict: got.left.notHandled } : got.right._tag === 'Left' ? { verdict: got.right.left.code } : { verdict: 'accepted', answer: got.right.right }
    },
    query: async (q: AnyQuery, args: unknown, o: Caller = {}): Promise<Answered> => {
      const got = await call<E.Either<NotHandled, unknown>>('query', q.name, args, o)
      return got._tag === 'Left' ? { verdict: got.left.notHandled } : { verdict: 'accepted', answer: got.right }
    },
    parked: (filter: ParkedFilter = {}) => list('parked', filter),
    redrive: (id: string) => done('redrive', id),
    discard: (id: string) => done('discard', id),
    rebuild: (h: AnyDecider) => done('rebuild', h.name),
    listen: (...channels: readonly string[]) => call<string>('listen', channels),
    heard: () => call<readonly Message[]>('heard'),
    publish: async (...emits: readonly Emit[]): Promise<void> => { await call('publish', emits) },
    state: () => call<ReturnType<Intake['state']>>('state'),
    measured: () => call<Measured>('measured'),
    crash: () => instance.crash(), pause: () => instance.pause(), resume: () => instance.resume(), crashed: () => instance.crashed(),
    close: () => clock.during('the end of close()', patience, instance.close()),
  }
}
export type Node = ReturnType<typeof node>

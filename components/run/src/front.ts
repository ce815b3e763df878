import type { AnyHandler, AnyQuery, AnyResolver, Channel, Draft, Issue, Message, Outcome, Rejection, Runtime } from '@lowtide/core'
import type * as E from 'fp-ts/lib/Either.js'
import type { TaskEither } from 'fp-ts/lib/TaskEither.js'

/** Why there is no outcome (`docs/errors.md`); `commandId` may be sent again where the table there says so. */
export interface NotHandled {
  readonly notHandled: 'invalid' | 'forbidden' | 'id-reused' | 'too-old' | 'failed' | 'busy' | 'timeout' | 'projection-parked' | 'unavailable'
  readonly message: string; readonly commandId?: string | undefined; readonly issues?: readonly Issue[] | undefined
}
/** Tells that a caller has gone; an `AbortSignal` is one. */
export interface Gone { readonly aborted: boolean; addEventListener(type: 'abort', call: () => void): void; removeEventListener(type: 'abort', call: () => void): void }
/** Who calls. `id` makes the command's outcome repeatable; `timeout` in milliseconds; once `signal` tells that the caller has gone, nothing waits for its answer any more (what it sent is handled all the same). */
export interface Caller { readonly id?: string | undefined; readonly actor?: string | undefined; readonly tenant?: string | undefined; readonly traceparent?: string | undefined; readonly timeout?: number | undefined; readonly signal?: Gone | undefined }
/** A connection of the database on which a transaction was begun: a client of `pg`, and no pool, which has many. */
export interface Transaction { query(text: string): Promise<unknown>; escapeLiteral(text: string): string }
export interface Sending extends Caller {
  /** `handled`: the outcome stands; `projected`: every projector that takes its events has applied them. */
  readonly wait?: 'handled' | 'projected' | undefined
  /** Decides the command in this transaction of the caller, which commits it, or rolls it back: so the outcome holds only once that has committed. It comes before all that the transaction writes (`docs/postgres.md`). */
  readonly transaction?: Transaction | undefined
}
/** What callers may ask of a process, with handlers as plain values. */
export interface Intake {
  send(draft: Draft, o?: Sending): TaskEither<NotHandled, Outcome>
  answer(resolver: AnyResolver, draft: Draft, o?: Caller): TaskEither<NotHandled, E.Either<Rejection, unknown>>
  query(query: AnyQuery, args: unknown, o?: Caller): TaskEither<NotHandled, unknown>
  /** Messages of channels from now on, lifted to the version known here (what cannot be read is passed over), each listener its own copy; one that returns a promise is waited for. */
  listen(channels: readonly Channel[], listener: (message: Message) => void | Promise<void>): TaskEither<NotHandled, { close(): Promise<void> }>
  /** Whether it can serve: `unavailable` while the store does not answer, which is asked at every poll. */
  state(): 'ready' | 'unavailable' | 'closing'
}
/** A front that has started; `port`: where it listens, if it does. */
export interface Started { readonly port?: number | undefined; close(): Promise<void> }
/** A way in: starts over the app of its process. `faults` are reported at start with those of wiring. */
export interface Front { readonly front: string; faults(functions: readonly AnyHandler[]): readonly string[]; start(intake: Intake, runtime: Runtime, functions: readonly AnyHandler[]): Promise<Started> }

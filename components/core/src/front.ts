import type * as E from 'fp-ts/lib/Either.js'
import type { TaskEither } from 'fp-ts/lib/TaskEither.js'
import type { AnyDecider, AnyHandler, AnyQuery, AnyResolver, Rejection } from './handler.js'
import type { Channel, Draft, Message } from './message.js'
import type { Issue } from './schema.js'
import type { Options, Outcome, Parked, ParkedFilter, Runtime, Shell } from './shell.js'

/** Why there is no outcome (`docs/errors.md`); `commandId` may be sent again where the table there says so. */
export interface NotHandled {
  readonly notHandled: 'invalid' | 'forbidden' | 'id-reused' | 'too-old' | 'failed' | 'busy' | 'timeout' | 'projection-parked' | 'unavailable'
  readonly message: string; readonly commandId?: string | undefined; readonly issues?: readonly Issue[] | undefined
}
/** Who calls. `id` makes the command's outcome repeatable; `timeout` in milliseconds. */
export interface Caller { readonly id?: string | undefined; readonly actor?: string | undefined; readonly tenant?: string | undefined; readonly traceparent?: string | undefined; readonly timeout?: number | undefined }
export interface Sending extends Caller { /** `handled`: the outcome stands; `projected`: every projector that takes its events has applied them. */ readonly wait?: 'handled' | 'projected' | undefined }
/** A running process of a deployment, for callers that know handlers only by value (a front). */
export interface AnyApp {
  send(draft: Draft, o?: Sending): TaskEither<NotHandled, Outcome>
  answer(resolver: AnyResolver, draft: Draft, o?: Caller): TaskEither<NotHandled, E.Either<Rejection, unknown>>
  query(query: AnyQuery, args: unknown, o?: Caller): TaskEither<NotHandled, unknown>
  /** Messages of channels from now on, each a copy of its own; a listener that returns a promise is waited for. */
  listen(channels: readonly Channel[], listener: (message: Message) => void | Promise<void>): TaskEither<NotHandled, { close(): Promise<void> }>
  readonly parked: {
    list(filter?: ParkedFilter): TaskEither<NotHandled, readonly Parked[]>
    show(id: string): TaskEither<NotHandled, Parked>
    /** Runs it again, and then what waits behind it, in order. */
    redrive(id: string): TaskEither<NotHandled, void>
    /** Gives it up; what waits behind it goes on. */
    discard(id: string): TaskEither<NotHandled, void>
  }
  /** Makes the tables of these handlers anew from history, by `write` alone, while the old rows serve; answers with the number of events. */
  rebuild(handler: AnyDecider): TaskEither<NotHandled, number>
  /** What runs here, what the shell guarantees, and every number in force. */
  describe(): Description
  /** Whether intake is open. */
  ready(): boolean
  /** Intake stops, work in flight ends. Safe twice. */
  close(): Promise<void>
}
export interface Description {
  readonly name: string; readonly shell: string; readonly guarantees: Shell['guarantees']; readonly options: Options
  readonly handlers: readonly { readonly name: string; readonly kind: string; readonly process: readonly string[]; readonly group: string; readonly in: readonly string[]; readonly out: readonly string[]; readonly tables: readonly string[] }[]
  readonly channels: readonly { readonly channel: string; readonly writers: readonly string[]; readonly readers: readonly string[] }[]
}

/** A way in: starts over the app of its process. `faults` are reported at start with those of wiring. */
export interface Front { readonly front: string; faults(functions: readonly AnyHandler[]): readonly string[]; start(app: AnyApp, runtime: Runtime): Promise<{ close(): Promise<void> }> }

import type { TaskEither } from 'fp-ts/lib/TaskEither.js'
import type { Rejection } from './handler.js'
import type { Channel, Message } from './message.js'
import type { AnyBinding, Failure } from './port.js'
import type { AnyTable, At, Ask, Row } from './table.js'

/** Where a message stands in its partition; opaque: only `Transport.reached` compares two of one partition. */
export type Position = string
export interface Reach { readonly channel: string; readonly partition: string; readonly position: Position }
/** Changes whenever its row does, and never returns to an earlier value, not even after remove and insert. Opaque. */
export type Version = string | number
export interface Fact { readonly row: Row; readonly version: Version }
export type TableAsk = Extract<Ask, { op: 'get' | 'by' | 'where' }>
export interface TableLookup { readonly lookup: string; readonly ask: TableAsk }

/** What became of a command. `upTo`: how far its events reach in their channels; absent until they are published, where a relay publishes them. */
export type Outcome<C extends string = string, M = Message> = { readonly commandId: string; readonly upTo?: readonly Reach[] | undefined }
  & ({ readonly rejection: Rejection<C | 'constraint'>; readonly events?: never } | { readonly rejection?: never; readonly events: readonly M[] })
/** An inbox mark: this consumer has handled this message. A command's (consumer `''`: ids are one space) holds its outcome. `body` tells another body under the same id. `at`: where the event stands that was delivered. */
export interface Mark { readonly consumer: string; readonly id: string; readonly at?: Reach | undefined; readonly body: string; readonly time: string; readonly outcome?: Outcome | undefined }
/** A message that could not be handled (`parked`, and `failed` for a command, which holds no key), or that waits behind one (`waiting`), or that shall run again (`redrive`). `raw`: what could not be decoded. */
export interface Parked {
  readonly id: string; readonly consumer: string; readonly channel: string; readonly partition: string; readonly key: string
  readonly state: 'parked' | 'waiting' | 'failed' | 'redrive'; readonly reason: string; readonly attempts: number; readonly time: string
  readonly message?: Message | undefined; readonly raw?: string | undefined
}
/** How far a consumer has come; `fence` proves that the partition is still its own, also where the position stays as it is (absent). */
export interface Checkpoint extends Omit<Reach, 'position'> { readonly position?: Position | undefined; readonly consumer: string; readonly fence: string }

/** What must still be so at commit: a row at its version, a row or a unique value absent. */
export type Check = { readonly key: string; readonly table: string; readonly at: At; readonly columns: Row } & ({ readonly index?: never; readonly version: Version | undefined } | { readonly index: number; readonly version?: never })
/** One a row, folded over the batch. All check themselves, but `put`, which takes the place of whatever is there, and `add`, which changes nothing where the row is absent. */
export type Write = { readonly key: string; readonly table: string; readonly at: At; readonly columns: Row } & (
  | { readonly op: 'insert'; readonly row: Row } | { readonly op: 'put'; readonly row: Row }
  | { readonly op: 'update'; readonly row: Row; readonly version: Version }
  | { readonly op: 'remove'; readonly version: Version }
  | { readonly op: 'add'; readonly by: { readonly [column: string]: number } })
export interface Emit { readonly channel: string; readonly message: Message; /** Nothing marks what it came of: it may be committed again. */ readonly again?: boolean }
/** All that a batch commits, whole or not at all. Its statements depend on the kinds of change, never on how many there are. */
export interface Unit {
  readonly checks: readonly Check[]; readonly writes: readonly Write[]; readonly emits: readonly Emit[]; readonly marks: readonly Mark[]
  readonly parks: readonly Parked[]; readonly unparks: readonly string[]; readonly checkpoints: readonly Checkpoint[]
}
/** `stale`: keys of checks, writes and unique values (`keyOf`) that no longer hold; `broken`: of rows that a constraint forbids; `seen`: marks that stand already; `fenced`: checkpoints of a lost partition. An answer, not a failure: nothing was written. */
export interface Conflict { readonly stale: readonly string[]; readonly broken: readonly { readonly key: string; readonly constraint: string }[]; readonly seen: readonly Mark[]; readonly fenced: readonly Checkpoint[] }
/** `marks` as they now stand, their outcomes with `upTo`. */
export type Committed = { readonly marks: readonly Mark[]; readonly conflict?: never } | { readonly conflict: Conflict; readonly marks?: never }
/** The one spelling of what a decision can touch. */
export const keyOf = (table: string, at: At, index?: number): string => index === undefined ? `${table}\u0000${at}` : `${table}\u0000${index}\u0000${at}`

/** `brief`: without what messages and raw texts hold; they are many and large where much is parked. */
export interface ParkedFilter { readonly ids?: readonly string[]; readonly partition?: string; readonly brief?: boolean; readonly limit?: number; readonly consumer?: string; readonly channel?: string; readonly key?: string; readonly state?: Parked['state'] }
/**
 * Keeps state. The laws that the compiler cannot state:
 * - `commit` is atomic (3): all of the unit or nothing, also when the process dies in it. When it fails, the unit may or may not stand: the same marks tell.
 * - Decisions hold (14): between the checks of a unit and its writes no other unit changes what was checked, found or absent.
 * - A mark stands at most once within `dedupWindow` (2); of two units with the same mark, one gets `seen`. Where a log holds no message twice, a checkpoint at its place or behind it tells the same: then the mark itself may be left out.
 * - Uniques, references and inserts are checked on the unit's final state; versions are never used twice.
 * - Emitted messages appear in their channels in commit order per key (4), and no reader passes one that commits late (6).
 * - A checkpoint moves only with the effects before it, and only by the owner of its fence.
 * - Nothing that goes in or comes out shares a reference with the caller.
 */
export interface Store {
  /** One answer a lookup, in their order: no fact, one (`get`, `by`), or the page (`where`). */
  fetch(asked: readonly TableLookup[]): TaskEither<Failure, readonly (readonly Fact[])[]>
  commit(unit: Unit): TaskEither<Failure, Committed>
  /** The marks that stand, of those asked for. */
  seen(asked: readonly Pick<Mark, 'consumer' | 'id' | 'at'>[]): TaskEither<Failure, readonly Mark[]>
  /** How far a consumer's checkpoints stand, and how many messages it holds parked. */
  applied(consumer: string): TaskEither<Failure, { readonly upTo: readonly Reach[]; readonly parked: number }>; /** Sets a consumer's checkpoints, where an operator wants it, and of what comes again the marks are gone; `back`: also to an earlier place; `force`: although a process runs it, which finds itself fenced; `dry`: only tells; `partial`: although events are gone that should come again. Answers from where to where each partition goes, and over how many messages. Absent where nobody can ask for it from outside. */ reset?(consumer: Consumer, to: 'start' | 'end' | Position, how: { readonly back: boolean; readonly force: boolean; readonly dry: boolean; readonly partial?: boolean }): TaskEither<Failure, readonly (Reach & { readonly from: Position; readonly messages: number })[]>
  /** In the order in which they were parked. */
  parked(filter: ParkedFilter): TaskEither<Failure, readonly Parked[]>
  /** `redrive` asks the owner to run it again; `discard` removes it, and what waited behind it is redriven. */
  unpark(id: string, how: 'redrive' | 'discard'): TaskEither<Failure, void>
  /** The messages of channels in an order that keeps every partition's, behind `after`; `at`: where each stands. At most `limit`, and fewer where they are large; none where there is nothing more. */
  history(channels: readonly string[], after: readonly Reach[], limit: number): TaskEither<Failure, { readonly messages: readonly Message[]; readonly at: readonly Reach[]; readonly upTo: readonly Reach[] }>
  /**
   * Empty copies of tables, to rebuild them while the live ones serve; who asks for those of a table that is being rebuilt may be refused. `swap` answers false while the log has messages of these channels
   * behind `upTo`, or others are in the way, who end; it checks uniques and references, and the marks committed to the copies stand with them (or checkpoints at their places): what a projector has not read yet is in its rows already.
   * `left`: how many messages stand behind `after`, nothing where that cannot be told. `close` removes the copies; it is safe twice, and after `swap`. `unitLimit`: most messages in one of its units, where more fit than into others. `lacks`: why the history does not tell all that the rows have, where it does not.
   */
  shadow(tables: readonly AnyTable[]): TaskEither<Failure, Pick<Store, 'fetch' | 'commit'> & { readonly unitLimit?: number; readonly lacks?: string | undefined; swap(channels: readonly string[], upTo: readonly Reach[], readers?: readonly { readonly name: string; readonly channels: readonly string[] }[]): TaskEither<Failure, boolean>; left(channels: readonly string[], after: readonly Reach[]): Promise<number | undefined>; close(): Promise<void> }>
  /** Calls on news of that kind: a hint that may be lost; whoever waits polls underneath. Returns the way to stop. */
  watch(what: 'outcome' | 'applied' | 'parked', listener: () => void): () => void
}

export interface Delivery { readonly position: Position; /** Undecodable: the raw text, the transport's own key if there is one, and the reason. */ readonly message: Message | { readonly raw: string; readonly key?: string | undefined; readonly reason: string } }
export interface Batch { readonly channel: string; readonly partition: string; readonly fence: string; readonly deliveries: readonly Delivery[] }
export interface Consumer { readonly name: string; readonly channels: readonly Channel[]; /** Every instance its own copy, from now on; else instances share. */ readonly broadcast: boolean; /** A relay (`relay-…`): reads what waits in the outbox, in place of the channel. */ readonly outbox?: boolean }
/**
 * Carries messages. The laws:
 * - A published message reaches every consumer at least once (1, 5); within a (channel, key) in order (4); different keys may share a partition.
 * - A partition has one owner at a time per consumer, which holds its newest `fence`.
 * - A new owner gets a batch at once, an empty one where there is nothing to read: so it knows what it holds.
 * - A message that is frozen is so through and through: its reader may hand it on as it is.
 * - The next batch of a partition comes when the promise of the last one resolves, so a slow consumer holds few (10).
 * - A subscription starts behind the store's checkpoint; what is not yet behind one comes again.
 */
export interface Transport {
  /** For callers and relays; results leave through `commit`. */
  publish(messages: readonly Emit[]): TaskEither<Failure, void>
  subscribe(consumer: Consumer, on: { batch(batch: Batch): Promise<void>; revoked(channel: string, partition: string): void }): TaskEither<Failure, { close(): Promise<void> }>
  /** At intake: what to wait for until these channels have room (10), if they have none; results of handlers never wait. */
  room(channels: readonly Channel[]): Promise<void> | undefined
  reached(applied: Position, upTo: Position): boolean
}

/** What a shell promises; each is asked for by a need or a law. */
export interface Guarantees {
  readonly ordering: 'per key' | 'none'; readonly delivery: 'effects once' | 'at least once'
  /** What an accepted command survives. */
  readonly durability: 'process' | 'disk' | 'replicated'
  /** `global`: a unit may touch any key; `partition`: only rows whose `partitionBy` is the message's key. */
  readonly scope: 'global' | 'partition'
  readonly references: 'checked' | 'unchecked'; readonly parkedKey: 'held' | 'passes'
  readonly replay: 'from the start' | 'retained' | 'none'; readonly scaleOut: 'one process' | 'processes'
  /** Most messages in one unit. */
  readonly unitLimit: number
}
/** Time, chance and the log, given to core. */
export interface Runtime {
  now(): number
  /** Calls after so many milliseconds; returns the way to stop it. */
  after(ms: number, call: () => void): () => void
  /** Calls once what is runnable now has run: callers that arrive together make one batch. */
  soon(call: () => void): void
  /** `random`: 0 inclusive to 1 exclusive. */
  random(): number; newId(): string
  log(level: 'info' | 'warn' | 'error', text: string, fields?: object): void
}
/** What a shell is opened over: the tables and channels that its handlers use, and the consumers of this process. */
export interface Plan { readonly tables: readonly AnyTable[]; readonly channels: readonly Channel[]; readonly consumers: readonly Consumer[]; /** Those of every process of the deployment: what one of them has still to take stays for it. */ readonly everywhere: readonly Consumer[]; readonly runtime: Runtime; readonly options: Options }
export interface Report { /** For people. */ readonly text: string; /** For programs: JSON. */ readonly data: unknown; /** Whether something asks for attention: a command that says so ends with 1. */ readonly alarm?: boolean }
/** What a shell's operators can do while nothing or all of it runs: `lowtide <name>`. `flags`: each with what it does; one that is named `prefix <name>` takes a value, and is given as `prefix=…`. */
export interface Verb { readonly name: string; readonly about: string; readonly flags: { readonly [flag: string]: string }; run(plan: Plan, flags: ReadonlySet<string>): TaskEither<Failure, Report> }
/** A technology: opened once a process. `drain` waits, while consumers still run, for what would be lost with this process. */
export interface Shell {
  readonly name: string; readonly guarantees: Guarantees; readonly verbs?: readonly Verb[]; /** Units of a group under way at once in a process, default 1: more where one waits for a server. */ readonly abreast?: number; /** Names of the channels that leave the deployment: what is emitted to them waits in an outbox as well. */ readonly outbox?: readonly string[]
  open(plan: Plan): TaskEither<Failure, { readonly store: Store; readonly transport: Transport; /** A store for one command in a transaction that its caller has begun and ends; a `Left` that another attempt cannot mend tells what is wrong with that transaction. `end` comes last, whatever became of the command; until then `over` keeps what to call at once when its caller waits no more: from then on nothing of it reaches the transaction, nor the next one of the same connection. */ within?(transaction: unknown, over: (leave: () => void) => void): TaskEither<Failure, Pick<Store, 'fetch' | 'commit' | 'seen'> & { end(): ReturnType<TaskEither<Failure, void>> }>; drain(): Promise<void>; close(): Promise<void> }>
}
export type Bindings = { readonly [port: string]: AnyBinding | undefined }
/** Every number in force; `app.describe()` prints them. Times in milliseconds. */
export const defaults = {
  /** Attempts after the first. */ retries: 5, /** Full-jitter backoff: at most base x 2^attempt, never above the cap. */ backoffBase: 100, backoffCap: 10_000,
  /** A caller's wait. */ timeout: 30_000, /** Underneath hints. */ poll: 500,
  /** Messages a partition holds in a consumer, commands a process holds, and messages a channel holds before intake waits. */ buffer: 1_024, /** Results of one message. */ fanOut: 1_000,
  partitions: 8, /** Ownership of a partition without renewal. */ lease: 10_000, /** Marks and outcomes are kept; an older command is `too-old`. */ dedupWindow: 7 * 24 * 3_600_000,
  /** Waits for work in flight when closing, in all its steps. */ grace: 10_000,
} as const
export type Options = { readonly [K in keyof typeof defaults]: number }

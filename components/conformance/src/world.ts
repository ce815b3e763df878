import type { AnyTable, Failure, Guarantees, Message, Options, Row } from '@lowtide/core'
import type * as E from 'fp-ts/lib/Either.js'
import type { Bench } from './batching.js'

/** What an instance suffers. Calls are those between it and its shell, counted from 1 in their order. */
export interface Faults {
  /** The power goes just before this call, or just after it, when nobody will hear its answer. */
  readonly crash?: { readonly call: number; readonly when: 'before' | 'after' }
  /** So many commits fail: before anything is written, or when all stands and the answer is lost. */
  readonly commit?: { readonly times: number; readonly when: 'before' | 'after' }
  /** So many commits find that all they write has changed. */
  readonly stale?: number
  /** Every batch is delivered twice. */
  readonly twice?: boolean
}
/** What an instance is told to be. All of it is JSON, so that an instance may be a process of its own. */
export interface Start {
  /** The URL of a module that exports `functions`. */
  readonly module: string
  /** The names of the handlers that run in it. */
  readonly handlers: readonly string[]
  /** Deploys also the functions that need what the shell does not guarantee. */
  readonly whole: boolean
  readonly options: Partial<Options>
  readonly faults: Faults
  /** The name of one of the saboteurs. */
  readonly sabotage?: string | undefined
  /** What its chance comes from. */
  readonly seed: number
}
/** What the functions' ports are bound to, whichever process they are called in. */
export interface Outside {
  ask(port: string, args: unknown): Promise<E.Either<Failure, unknown>>
  effect(port: string, data: unknown, idempotencyKey: string): Promise<E.Either<Failure, void>>
}
/** One process of the deployment. */
export interface Instance {
  /** Runs one of the operations of `launch`; arguments and answer are JSON. */
  call(operation: string, args: readonly unknown[]): Promise<unknown>
  /** The power goes: nothing of it is heard again, and what it held is free as soon as the shell notices. */
  crash(): Promise<void>
  /** As SIGSTOP: it does nothing, and does not know. */
  pause(): Promise<void>
  resume(): Promise<void>
  /** Closes it gracefully. */
  close(): Promise<void>
  /** Whether it has crashed, also by its faults. */
  crashed(): boolean
}
/** Time as the instances know it. */
export interface Clock {
  now(): number
  /** Lets so many milliseconds pass: a virtual clock jumps over what is idle. */
  pass(ms: number): Promise<void>
  /** Lets time pass until the task has ended. Throws after so many milliseconds. */
  during<A>(what: string, ms: number, task: Promise<A>): Promise<A>
  /** Lets time pass until the answer is truthy. Throws after so many milliseconds. */
  until<A>(what: string, ms: number, condition: () => Promise<A>): Promise<A>
}
/** A shell with something of its own to run on: a memory, a schema of a database, topics of a cluster. Two worlds share no row and no message. */
export interface World {
  readonly guarantees: Guarantees
  readonly clock: Clock
  start(start: Start, outside: Outside): Promise<Instance>
  readonly inspect: {
    rows(table: string): Promise<readonly Row[]>
    /** Messages in commit order per key, also those that everybody has handled. */
    channel(name: string): Promise<readonly Message[]>
  }
  /** A store apart, with these tables, in this process: for laws about the store alone. */
  bench(tables: readonly AnyTable[]): Promise<Bench>
  /** Ends what the instances run on, and starts it again: the server, the broker. Absent where that is this process. */
  restart?(): Promise<void>
  /** Ends its instances, in whatever state they are, and what they ran on. */
  close(): Promise<void>
}
/** A fresh world. `partitions`: of each channel. */
export type Make = (o: { readonly seed: number; readonly partitions: number }) => World | Promise<World>

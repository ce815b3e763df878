import * as E from 'fp-ts/lib/Either.js'
import type { AnyCommand, AnyEvent, AnyType, CodesOf, Draft, DraftOf, Message, MessageOf, TypeOf } from './message.js'
import type { AnyPort, Effect } from './port.js'
import { type Deep, type Input, type Output, type Schema, type of } from './schema.js'
import type { Answers, AnyTable, Change, Lookup, Lookups, Then } from './table.js'

// ---- decisions
/** The business said no: a value, stored and answered, never retried. */
export interface Rejection<C extends string = string> { readonly code: C; readonly message: string; readonly details?: unknown }
/** The decision to go ahead, with its results: events, commands (a policy's) and effects. */
export const accept = <const R extends readonly Draft[]>(...results: R): E.Either<never, readonly R[number][]> => E.right(results)
/** The decision to refuse, with a code that the command declares. */
export const reject = <const C extends string>(code: C, message: string, details?: unknown): E.Either<Rejection<C>, never> => E.left({ code, message, ...(details !== undefined && { details }) })
/** Time and chance come from outside: `now` is the message's time, `id` is the same each time the same message runs. */
export interface Ctx {
  readonly now: string; readonly actor: string | undefined; readonly tenant: string | undefined
  id(label: string): string
  readonly log: (text: string, fields?: object) => void
}

// ---- what every handler is to the executor and to wiring
type Source = AnyTable | (AnyPort & { ask(args: never): Lookup })
type Acting = AnyPort & { effect(data: never): Effect }
type Now<A> = A extends PromiseLike<unknown> ? 'an answer is made at once' : unknown
export interface Settings {
  /** `oneAtATime`: decisions of one key never run side by side, also across processes. */
  needs?: { oneAtATime?: boolean }
  /** Attempts after the first, before an event parks or a command is answered `failed`; default 5. */
  retry?: { times: number }
  /** Every instance gets each message from now on; no tables, no parking. */
  each?: 'instance'
}
export interface AnyHandler {
  readonly kind: 'command' | 'policy' | 'projector' | 'resolver' | 'query' | 'effect'; readonly name: string
  readonly in: readonly AnyType[]; readonly out: readonly AnyType[]; readonly tables: readonly AnyTable[]; readonly ports: readonly AnyPort[]; readonly settings: Settings
}
/** A handler that a process runs: a decision, a projection (which has no `operate`: its events are `in`), or a port's effect. */
export interface AnyDecider extends AnyHandler {
  readonly kind: 'command' | 'policy' | 'projector' | 'effect'
  allow?(ctx: Ctx, message: Message): boolean
  lookup?(message: Message): Lookups | Then
  operate?(ctx: Ctx, message: Message, data: unknown): E.Either<Rejection, readonly Draft[]>
  readonly write: { readonly [type: string]: ((event: Message) => readonly Change[]) | undefined }
}
export interface AnyResolver extends AnyHandler { readonly kind: 'resolver'; readonly after?: AnyDecider | undefined; lookup(events: unknown, command: Message): Lookups | Then; answer(data: unknown): unknown }
export interface AnyQuery extends AnyHandler { readonly kind: 'query'; readonly args: Schema; allow?(ctx: Ctx, args: unknown): boolean; lookup(args: unknown, ctx: Ctx): Lookups | Then; answer(data: unknown, args: unknown): unknown }

// ---- decide
type One<T> = T extends readonly (infer M)[] ? M : T
type SourceName<U> = U extends { readonly port: infer N extends string } ? N : U extends { readonly name: infer N extends string } ? N : never
type TableName<U> = U extends { readonly port: string } ? never : SourceName<U>
type Asking<U> = Lookups<SourceName<U>> | Then<SourceName<U>>
type EffectOf<P> = P extends { effect(data: infer I, o?: { key?: string }): Effect<infer N> } ? Effect<N, I> : never
type Write<X, N extends string> = { readonly [T in TypeOf<X>]: (event: Extract<MessageOf<X>, { type: T }>) => readonly Change<N>[] }
type Writes<X, N extends string> = [X] extends [never] ? { readonly write?: { readonly [type: string]: never } } : { readonly write: Write<X, N> }
type Decision<I, X, E> = E.Either<Rejection<CodesOf<I>>, readonly (DraftOf<X> | EffectOf<E>)[]>
/** A command handler or a policy. */
export interface Decider<K extends 'command' | 'policy', N extends string, I, X, U, E, L extends Lookups | Then> extends AnyDecider {
  readonly kind: K; readonly name: N; readonly [of]?: { in: I; out: X; ports: Extract<U, AnyPort> | E; table: TableName<U> }
  lookup(message: MessageOf<I>): L
  operate(ctx: Ctx, message: MessageOf<I>, data: Answers<L>): Decision<I, X, E>
}
type Define<K extends 'command' | 'policy', M extends AnyType, R extends AnyType> = <
  const N extends string, const I extends M | readonly [M, ...M[]], const X extends readonly R[] = [], const U extends readonly Source[] = [],
  const E extends readonly Acting[] = [], L extends Asking<NoInfer<U>[number]> = {},
>(h: {
  meta: Settings & { name: N; in: I; out?: X; uses?: U; effects?: E; allow?: (ctx: Ctx, message: MessageOf<One<NoInfer<I>>>) => boolean }
  lookup?: (message: MessageOf<One<NoInfer<I>>>) => L
  operate: (ctx: Ctx, message: MessageOf<One<NoInfer<I>>>, data: Answers<NoInfer<L>>) => Decision<One<NoInfer<I>>, NoInfer<X>[number], NoInfer<E>[number]>
} & Writes<Extract<NoInfer<X>[number], AnyEvent>, TableName<NoInfer<U>[number]>>) => Decider<K, N, One<I>, X[number], U[number], E[number], L>

interface Body {
  meta: Settings & { name?: string; in?: AnyType | readonly AnyType[]; of?: AnyType; from?: readonly AnyType[]; after?: AnyDecider; out?: readonly AnyType[]; uses?: readonly (AnyTable | AnyPort)[]; effects?: readonly AnyPort[]; allow?: unknown; args?: Schema }
  lookup?: unknown; operate?: unknown; write?: object; answer?: unknown
}
const define = (kind: AnyHandler['kind']) => ({ meta, ...body }: Body) => ({
  write: {}, ...(kind === 'command' || kind === 'policy' ? { lookup: () => ({}) } : {}), ...body, kind, name: meta.name ?? `answer-${meta.of!.type}`,
  in: [meta.in ?? meta.of ?? []].flat(), out: meta.out ?? meta.from ?? [], settings: { needs: meta.needs ?? {}, ...(meta.retry && { retry: meta.retry }), ...(meta.each && { each: meta.each }) },
  tables: (meta.uses ?? []).filter((u): u is AnyTable => !('port' in u)), ports: [...(meta.uses ?? []).filter((u): u is AnyPort => 'port' in u), ...(meta.effects ?? [])],
  ...(meta.allow !== undefined && { allow: meta.allow }), ...(meta.after && { after: meta.after }), ...(meta.args && { args: meta.args }),
}) as never // each maker below says what it is

/** Decides on commands. `lookup` stands above `operate`: types flow from top to bottom. */
export const commandHandler: Define<'command', AnyCommand, AnyEvent> = define('command')
/** Decides on events: a process manager, whose results may also be commands. */
export const policy: Define<'policy', AnyEvent, AnyCommand | AnyEvent> = define('policy')

// ---- project and answer
export interface Projector<N extends string, X, U> extends AnyDecider { readonly kind: 'projector'; readonly name: N; readonly [of]?: { in: X; out: never; ports: never; table: TableName<U> } }
/** Keeps tables for reading, by `write` alone. */
export const projector: <const N extends string, const X extends AnyEvent | readonly [AnyEvent, ...AnyEvent[]], const U extends readonly AnyTable[]>(h: {
  meta: Settings & { name: N; in: X; uses: U }
  write: Write<One<NoInfer<X>>, TableName<NoInfer<U>[number]>>
}) => Projector<N, One<X>, U[number]> = define('projector')

type Found<X> = { readonly [T in TypeOf<X>]: readonly [Extract<MessageOf<X>, { type: T }>, ...Extract<MessageOf<X>, { type: T }>[]] }
export interface Resolver<M, A, P, X> extends AnyResolver { readonly [of]?: { command: M; answer: [X] extends [never] ? A : A | undefined; ports: P } }
/** Ties a request to its response. `from`: events that the outcome must hold, else there is no answer; `after`: the projector to wait for. */
export const resolver: <const M extends AnyCommand, const U extends readonly Source[], L extends Asking<NoInfer<U>[number]>, A, const X extends readonly AnyEvent[] = []>(h: {
  meta: { of: M; from?: X; after?: AnyDecider & { readonly kind: 'projector' }; uses: U }
  lookup: (events: Found<NoInfer<X>[number]>, command: MessageOf<NoInfer<M>>) => L
  answer: (data: Answers<NoInfer<L>>) => A & Now<A>
}) => Resolver<M, A, Extract<U[number], AnyPort>, X[number]> = define('resolver')

export interface Query<N extends string, I, A, P> extends AnyQuery { readonly name: N; readonly [of]?: { args: I; answer: A; ports: P } }
/** Answers from tables, without a command. */
export const query: <const N extends string, S extends Schema, const U extends readonly Source[], L extends Asking<NoInfer<U>[number]>, A>(h: {
  meta: { name: N; args: S; uses: U; allow?: (ctx: Ctx, args: Deep<Output<NoInfer<S>>>) => boolean }
  lookup: (args: Deep<Output<NoInfer<S>>>, ctx: Ctx) => L
  answer: (data: Answers<NoInfer<L>>, args: Deep<Output<NoInfer<S>>>) => A & Now<A>
}) => Query<N, Deep<Input<S>>, A, Extract<U[number], AnyPort>> = define('query')

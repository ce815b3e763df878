import type { TaskEither } from 'fp-ts/lib/TaskEither.js'
import { type AnyType, type Draft, effectType } from './message.js'
import { type Deep, type Input, type Output, type Schema, type Stable, type of } from './schema.js'
import { type Lookup, atOf } from './table.js'

export interface Failure { readonly failure: string; /** Whether another attempt may help. */ readonly retry: boolean; /** The store, the transport or what a port leads to is not there for now: no message's fault, and no attempt of its. */ readonly unavailable?: boolean }
export interface Effect<N extends string = string, I = unknown> extends Draft<'effect', N, I> {}
export interface PortShape { readonly ask?: { readonly args: Schema; readonly answer: Schema }; readonly effect?: Schema }
/** What the executor needs to know of any port. */
export interface AnyPort { readonly port: string; readonly shape: PortShape; /** The effect as a message type, on the port's own channel. */ readonly message?: AnyType | undefined }
export type Port<N extends string, P extends PortShape> = AnyPort & { readonly port: N; readonly [of]?: P }
  & (P extends { ask: { args: infer A extends Schema; answer: infer B extends Schema } } ? { /** Reads; repeated at each attempt, never checked at commit. */ ask(args: Input<A>): Lookup<N, Deep<Output<B>>> } : unknown)
  & (P extends { effect: infer E extends Schema } ? { /** Acts; at least once, with an idempotency key. `key` orders it; default: the key of the message that caused it. */ effect(data: Input<E>, o?: { key?: string }): Effect<N, Input<E>> } : unknown)
type Binding<P> = (P extends { ask: { args: infer A extends Schema; answer: infer B extends Schema } } ? { readonly ask: (args: Output<A>) => TaskEither<Failure, Input<B>> } : unknown)
  & (P extends { effect: infer E extends Schema } ? { readonly effect: (data: Output<E>, idempotencyKey: string) => TaskEither<Failure, void> } : unknown)
/** What a deployment binds a port to. */
export type Bound<P> = P extends { readonly [of]?: infer S } ? Binding<Exclude<S, undefined>> : never
export interface AnyBinding { ask?(args: unknown): TaskEither<Failure, unknown>; effect?(data: unknown, idempotencyKey: string): TaskEither<Failure, void> }

type Steady<P> = (P extends { effect: infer E extends Schema } ? { effect: Stable<E> } : unknown) & (P extends { ask: { args: infer A extends Schema } } ? { ask: { args: Stable<A> } } : unknown)
/** Declares a door to anything outside the tables: `ask` reads, in lookups; `effect` acts, in results. */
export function port<const N extends string, const P extends PortShape>(name: N, shape: P & Steady<P>): Port<N, P>
export function port(name: string, shape: PortShape): AnyPort {
  return {
    port: name, shape,
    ...(shape.ask && { ask: (args: unknown): Lookup => ({ lookup: name, ask: { op: 'ask', args, at: atOf(['args'], { args: [args] }) } }) }),
    ...(shape.effect && { message: effectType(name, shape.effect), effect: (data: unknown, o: { key?: string } = {}): Effect => ({ kind: 'effect', type: name, data, ...o }) }),
  }
}

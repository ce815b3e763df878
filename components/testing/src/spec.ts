import type { AnyDecider, AnyEvent, AnyPort, AnyQuery, AnyResolver, AnyTable, Bound, Change, CodesOf, Ctx, DraftOf, MessageOf, Projector, Resolver, of } from '@lowtide/core'
import type { TaskEither } from 'fp-ts/lib/TaskEither.js'
import { queries, resolves } from './answer.js'
import type { Example as Loose } from './bench.js'
import { decides, projects } from './decide.js'
import type { Setting } from './message.js'

/** What core keeps on a handler for the compiler alone. */
type Known<H> = H extends { readonly [of]?: infer P } ? Exclude<P, undefined> : never
type Get<P, K extends string> = P extends { readonly [_ in K]: infer V } ? V : never
type Given<T> = DraftOf<T> | MessageOf<T>

type Asked<P> = P extends AnyPort ? Bound<P> extends { readonly ask: (args: infer A) => TaskEither<infer _F, infer B> } ? { readonly port: P['port']; readonly answer: (args: A) => B } : never : never
type Asking<A> = [A] extends [never] ? { readonly ports?: { readonly [port: string]: never } }
  : { /** The answers of the ports that `lookup` asks. */ readonly ports: { readonly [N in Get<A, 'port'> & string]: Get<Extract<A, { port: N }>, 'answer'> } }

/** An example of a command handler or a policy. */
export type DecisionExample<H extends AnyDecider> = {
  /** The rows before: changes of the handler's tables, and events of `out`, which go through `write`. */
  readonly given?: readonly (Change<Get<Known<H>, 'table'> & string> | Given<Extract<Get<Known<H>, 'out'>, AnyEvent>>)[]
  /** `InviteCustomer({ … })`, or `message(InviteCustomer, { … }, { actor })`. */
  readonly when: Given<Get<Known<H>, 'in'>>
  /** The decision, or what makes it of the context (`ctx.id`), or only the code of a rejection. */
  readonly then: Decided<H> | ((ctx: Ctx) => Decided<H>)
} & Asking<Asked<Get<Known<H>, 'ports'>>>
type Decided<H extends AnyDecider> = ReturnType<NonNullable<H['operate']>> | CodesOf<Get<Known<H>, 'in'>> | (H['kind'] extends 'command' ? 'constraint' : never)

type RowOf<T> = T extends { put(row: infer R): unknown } ? R : never
/** An example of a projector. */
export interface ProjectionExample<X, U> {
  /** The rows before: changes of its tables, and events that it has seen. */
  readonly given?: readonly (Change<Get<U, 'name'> & string> | Given<X>)[]
  readonly when: Given<X> | readonly Given<X>[]
  /** All rows of each table that changes, in any order; tables not named stay as they were. */
  readonly then: { readonly [T in Extract<U, AnyTable> as T['name']]?: readonly RowOf<T>[] }
}
/** An example of a query: `when` are its arguments, `then` its answer, `ctx` says who asks. */
export type QueryExample<H> = {
  readonly given?: readonly Change[]
  readonly when: Get<Known<H>, 'args'>
  readonly then: Get<Known<H>, 'answer'>
  readonly ctx?: Pick<Setting, 'actor' | 'tenant' | 'now'>
} & Asking<Asked<Get<Known<H>, 'ports'>>>
/** An example of a resolver: `when` is the command with the events of its outcome. */
export type ResolverExample<H, X> = {
  readonly given?: readonly Change[]
  readonly when: { readonly command: Given<Get<Known<H>, 'command'>>; readonly events: readonly Given<X>[] }
  readonly then: Get<Known<H>, 'answer'>
} & Asking<Asked<Get<Known<H>, 'ports'>>>

export type Handler = AnyDecider | AnyQuery | AnyResolver
export type Example<H> = H extends Projector<infer _N, infer X, infer U> ? ProjectionExample<X, U>
  : H extends AnyDecider ? DecisionExample<H>
  : H extends Resolver<infer _M, infer _A, infer _P, infer X> ? ResolverExample<H, X>
  : QueryExample<H>

/**
 * One example of a handler, without any infrastructure: given rows, when a message comes, then this follows; else it throws, in
 * any test runner. It also holds the handler to its laws:
 *
 * - It is pure: its inputs are frozen, it runs twice without clock, chance and timers, and returns the same bytes.
 * - Results are declared in `out` or `effects`, fit their schemas and can be kept by every store; the code of a rejection is declared.
 * - The changes that `write` makes of its events fit the columns and break no constraint. References to tables that the handler does not use are not checked.
 *
 * @example
 * spec(inviteCustomer, {
 *   given: [CustomerInvited({ customerId: 'c1', email: 'a@b.c' }), customers.insert({ id: 'c2', email: 'd@e.f' })],
 *   when: InviteCustomer({ email: ' A@b.c' }),
 *   then: reject('already-invited', 'Customer already invited'),       // or then: 'already-invited'
 * })
 * spec(inviteCustomer, {
 *   when: InviteCustomer({ email: 'a@b.c' }),
 *   then: ctx => accept(CustomerInvited({ customerId: ctx.id('customer'), email: 'a@b.c' })),
 * })
 * spec(transfer, { …, ports: { limits: () => ({ perTransfer: 100 }) } })
 * spec(customerView, {
 *   when: [CustomerInvited({ customerId: 'c1', email: 'a@b.c' })],
 *   then: { customer_views: [{ id: 'c1', email: 'a@b.c', invited: true }] },
 * })
 * spec(customer, { given: [customerViews.put(row)], when: { id: 'c1' }, then: O.some(row) })
 * spec(invited, { given: [customerViews.put(row)], when: { command: InviteCustomer(…), events: [CustomerInvited(…)] }, then: O.some(row) })
 */
export const spec = <H extends Handler>(handler: H, example: Example<NoInfer<H>>): void => {
  const loose = example as Loose
  switch (handler.kind) {
    case 'command': case 'policy': return decides(handler, loose)
    case 'projector': return projects(handler, loose)
    case 'query': return queries(handler, loose)
    case 'resolver': return resolves(handler, loose)
  }
}

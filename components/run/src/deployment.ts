import {
  type AnyDecider, type AnyHandler, type AnyPort, type Bindings, type Bound, type Draft, type DraftOf, type MessageOf, type Options, type Outcome,
  type Parked, type ParkedFilter, type Rejection, type Shell, type of, defaults,
} from '@lowtide/core'
import type * as E from 'fp-ts/lib/Either.js'
import type { TaskEither } from 'fp-ts/lib/TaskEither.js'
import type { Caller, Front, Intake, NotHandled, Sending } from './front.js'
import type { Relay } from './relay.js'
import type { Rebuilding } from './rebuild.js'
import { type AnyDeployment, faultsOf } from './wiring.js'

/** A running process of a deployment: its intake, and what its operators ask. */
export interface AnyApp extends Intake {
  readonly parked: {
    list(filter?: ParkedFilter): TaskEither<NotHandled, readonly Parked[]>
    show(id: string): TaskEither<NotHandled, Parked>
    /** Runs it again, and then what waits behind it, in order. */
    redrive(id: string): TaskEither<NotHandled, void>
    /** Gives it up; what waits behind it goes on. */
    discard(id: string): TaskEither<NotHandled, void>
  }
  /** Makes the tables of this handler's group anew from history, by `write` alone, while the old rows serve; answers with the number of events. */
  rebuild(handler: AnyDecider, how?: Pick<Rebuilding, 'progress' | 'signal' | 'partial'>): TaskEither<NotHandled, number>
  /** Where the front of this process listens, if it has one that does. */
  readonly port: number | undefined
  /** What runs here, what the shell guarantees, and every number in force. */
  describe(): Description
  /** Intake stops, work in flight ends. Safe twice. */
  close(): Promise<void>
}
export interface Description {
  readonly name: string; readonly shell: string; readonly guarantees: Shell['guarantees']; readonly options: Options
  readonly handlers: readonly { readonly name: string; readonly kind: string; readonly process: readonly string[]; readonly group: string; readonly in: readonly string[]; readonly out: readonly string[]; readonly tables: readonly string[] }[]
  readonly channels: readonly { readonly channel: string; readonly writers: readonly string[]; readonly readers: readonly string[] }[]
}

type InOf<H> = H extends { readonly kind: 'command'; readonly [of]?: infer C } ? C extends { in: infer I } ? I : never : never
type OutOf<H> = H extends { readonly kind: 'command'; readonly [of]?: infer C } ? C extends { out: infer X } ? X : never : never
type Codes<D> = D extends Draft<'command', string, unknown, infer C> ? C : never
type Part<H, F extends string> = H extends { readonly [of]?: infer C } ? C extends { readonly [N in F]: infer V } ? V : never : never
/** A running process of a deployment whose handlers are `H`. */
export interface App<H> extends Omit<AnyApp, 'send' | 'answer' | 'query'> {
  send<D extends DraftOf<InOf<H>>>(draft: D, o?: Sending): TaskEither<NotHandled, Outcome<Codes<D>, MessageOf<OutOf<H>>>>
  /** The answer is absent when the outcome lacks an event of `from`. */
  answer<R extends Extract<H, { kind: 'resolver' }>>(resolver: R, draft: DraftOf<Part<R, 'command'>>, o?: Caller): TaskEither<NotHandled, E.Either<Rejection<Codes<DraftOf<Part<R, 'command'>>> | 'constraint'>, Part<R, 'answer'>>>
  query<Q extends Extract<H, { kind: 'query' }>>(query: Q, args: Part<Q, 'args'>, o?: Caller): TaskEither<NotHandled, Part<Q, 'answer'>>
}

export type Functions = { readonly [name: string]: AnyHandler }
type Members<F> = F extends Functions ? F[keyof F] : never
type PortOf<H> = Extract<Part<H, 'ports'>, AnyPort>
type Bounds<P extends AnyPort> = { readonly [N in P['port']]: Bound<Extract<P, { readonly port: N }>> }
type Ports<P extends AnyPort> = [P] extends [never] ? { readonly ports?: { readonly [name: string]: never } } : { readonly ports: Bounds<P> }
type One<T> = T extends readonly (infer M)[] ? M : T
type NameOf<H> = H extends { readonly kind: string; readonly name: infer N } ? N : never
type Runnable<H> = Exclude<H, { kind: 'resolver' | 'query' }>
type Placed<H, R> = [Exclude<NameOf<H>, NameOf<One<R[keyof R]>>>] extends [never] ? unknown : { readonly 'handlers that no process runs': Exclude<NameOf<H>, NameOf<One<R[keyof R]>>> }
export interface Deployment<H, P extends string> extends AnyDeployment { readonly [of]?: { handlers: H; process: P } }
/** Chooses functions, a shell, and which process runs which handlers. Throws all faults of the wiring at once, in an error whose `code` is `WIRING`. */
export function deployment<const F extends readonly Functions[], const R extends { readonly [process: string]: readonly (Front | Relay | Runnable<Members<NoInfer<F>[number]>>)[] }>(
  d: { readonly name?: string; readonly functions: F; readonly shell: Shell; readonly processes: R; readonly options?: Partial<Options> } & Ports<PortOf<Members<NoInfer<F>[number]>>> & Placed<Runnable<Members<NoInfer<F>[number]>>, NoInfer<R>>,
): Deployment<Members<F[number]>, keyof R & string>
export function deployment(d: { name?: string; functions: readonly Functions[]; shell: Shell; processes: AnyDeployment['processes']; ports?: Bindings; options?: Partial<Options> }): AnyDeployment {
  const whole: AnyDeployment = { name: d.name ?? 'lowtide', functions: d.functions.flatMap(f => Object.values(f)), shell: d.shell, processes: d.processes, ports: d.ports ?? {}, options: { ...defaults, ...d.options } }
  const faults = faultsOf(whole)
  if (faults.length > 0) throw Object.assign(new Error(`[${whole.name}] this deployment cannot start:\n${faults.map(f => `  - ${f}`).join('\n')}`), { code: 'WIRING' })
  return whole
}

import { type Committed, type Failure, type Mark, type Message, type Shell, type Store, type Transport, type Unit, type overlay } from '@lowtide/core'
import * as E from 'fp-ts/lib/Either.js'
import { changed } from './around.js'

/** Breaks one thing around any shell. The suite is worth what it notices. */
export interface Saboteur {
  readonly name: string
  /** The law that must notice. */
  readonly law: number
  /** What else must still hold (a part of a title), for what is broken is one thing. */
  readonly spares: string
  readonly shell?: (shell: Shell) => Shell
  readonly overlay?: typeof overlay
}
export type Answer<A> = Promise<E.Either<Failure, A>>

export const nothing: Unit = { checks: [], writes: [], emits: [], marks: [], parks: [], unparks: [], checkpoints: [] }
export const stands = (r: E.Either<Failure, Committed>): boolean => E.isRight(r) && r.right.conflict === undefined
/** Changes what a commit answers, where it stands. */
export const answering = (r: E.Either<Failure, Committed>, change: (mark: Mark) => Mark): E.Either<Failure, Committed> =>
  E.isRight(r) && r.right.conflict === undefined ? E.right({ marks: r.right.marks.map(change) }) : r

/** A change of the store that keeps notes of its own for every instance. */
export const store = (change: (store: Store) => Partial<Store>) => (shell: Shell): Shell => changed(shell, o => ({ ...o, store: { ...o.store, ...change(o.store) } }))
export const commit = (change: (unit: Unit, commit: (unit: Unit) => Answer<Committed>) => Answer<Committed>): ((shell: Shell) => Shell) => store(s => ({ commit: unit => () => change(unit, u => s.commit(u)()) }))
export const transport = (change: (transport: Transport) => Partial<Transport>) => (shell: Shell): Shell => changed(shell, o => ({ ...o, transport: { ...o.transport, ...change(o.transport) } }))
/** Changes messages on their way to a consumer; `undefined` loses one. */
export const delivered = (t: Transport, change: (message: Message, consumer: string, partition: string) => Message | undefined): Pick<Transport, 'subscribe'> => ({
  subscribe: (consumer, on) => t.subscribe(consumer, {
    ...on,
    batch: b => on.batch({
      ...b,
      deliveries: b.deliveries.flatMap(({ position, message: m }) => {
        if (!('type' in m) || m.type === undefined) return [{ position, message: m }]
        const message = change(m, consumer.name, `${b.channel}/${b.partition}`)
        return message === undefined ? [] : [{ position, message }]
      }),
    }),
  }),
})

import type { Plan, Runtime, Shell, Store, Transport } from '@lowtide/core'
import type { TaskEither } from 'fp-ts/lib/TaskEither.js'

type Opened = Shell extends { open(plan: Plan): TaskEither<infer _F, infer O> } ? O : never
export type Consumed = Parameters<Transport['subscribe']>[1]
/** Something that is done around every call of a port: `deliver`, `hint` and `revoked` go from the shell to the instance, all others the other way. */
export type Each = <A>(call: string, run: () => Promise<A>) => Promise<A>

/** A shell like this one, whose opened ports are changed. */
export const changed = (shell: Shell, change: (opened: Opened, plan: Plan) => Opened, plan: (plan: Plan) => Plan = p => p): Shell => ({
  ...shell,
  open: asked => async () => {
    const planned = plan(asked), opened = await shell.open(planned)()
    return opened._tag === 'Left' ? opened : { ...opened, right: change(opened.right, planned) }
  },
})
const changedStore = (store: Store, each: Each): Store => {
  const shadowed = <S extends Pick<Store, 'fetch' | 'commit'>>(s: S): S => ({ ...s, fetch: asked => () => each('fetch', s.fetch(asked)), commit: unit => () => each('commit', s.commit(unit)) })
  return {
    ...shadowed(store),
    seen: asked => () => each('seen', store.seen(asked)),
    applied: consumer => () => each('applied', store.applied(consumer)),
    parked: filter => () => each('parked', store.parked(filter)),
    unpark: (id, how) => () => each('unpark', store.unpark(id, how)),
    history: (channels, after, limit) => () => each('history', store.history(channels, after, limit)),
    watch: (what, listener) => store.watch(what, () => { void each('hint', async () => listener()) }),
    shadow: tables => async () => {
      const made = await each('shadow', store.shadow(tables))
      return made._tag === 'Left' ? made : { ...made, right: { ...shadowed(made.right), swap: (channels, upTo) => () => each('swap', made.right.swap(channels, upTo)) } }
    },
  }
}
const changedTransport = (transport: Transport, each: Each): Transport => ({
  ...transport,
  publish: messages => () => each('publish', transport.publish(messages)),
  room: channels => { const room = transport.room(channels); return room && each('room', () => room) },
  subscribe: (consumer, on) => () => each('subscribe', transport.subscribe(consumer, {
    batch: b => each('deliver', () => on.batch(b)), revoked: (channel, partition) => { void each('revoked', async () => on.revoked(channel, partition)) },
  })),
})
/** Does something around every call between a shell and its instance. */
export const around = (shell: Shell, each: Each): Shell => changed(shell, o => ({
  store: changedStore(o.store, each), transport: changedTransport(o.transport, each), drain: () => each('drain', o.drain), close: () => each('close', o.close),
}))

export type { Opened, Plan, Runtime }

import { type Failure, type Guarantees, type Shell, type Store, type TableLookup, type Transport, type Unit, seal } from '@lowtide/core'
import * as E from 'fp-ts/lib/Either.js'
import { type MemoryWorld, memoryWorld } from './world.js'

/** What `memory` takes. */
export interface MemoryOptions { /** What outlives this instance, and is shared with others that are given it; default: one of its own. */ readonly world?: MemoryWorld }

/** All in one process: as exact as a database, and gone with the process. */
export const guarantees: Guarantees = {
  ordering: 'per key', delivery: 'effects once', durability: 'process', scope: 'global', references: 'checked',
  parkedKey: 'held', replay: 'from the start', scaleOut: 'one process', unitLimit: 1_000,
}

const ok = <A>(value: A) => (): Promise<E.Either<Failure, A>> => Promise.resolve(E.right(value))
const attempt = <A>(call: () => A) => (): Promise<E.Either<Failure, A>> => {
  try { return Promise.resolve(E.right(call())) } catch (e) { return Promise.resolve(E.left({ failure: `[memory] ${e instanceof Error ? e.message : String(e)}`, retry: false })) }
}
/** Nothing is shared with a caller: what is not frozen is copied. */
const own = <A>(value: A): A => Object.isFrozen(value) ? value : seal(value)
const owned = (u: Unit): Unit => u.writes.every(w => !('row' in w) || Object.isFrozen(w.row)) && u.emits.every(e => Object.isFrozen(e.message)) ? u
  : { ...u, writes: u.writes.map(w => 'row' in w ? { ...w, row: own(w.row) } : w), emits: u.emits.map(e => ({ channel: e.channel, message: own(e.message) })) }

/**
 * A shell in memory: tables, channels, inbox and parked messages in one world. The reference for all others, and enough for tests and small tools.
 *
 * @example deployment({ functions: [functions], shell: memory(), processes: { all: [inviteCustomer, customerView] } })
 */
export const memory = (o: MemoryOptions = {}): Shell & { /** The instance is gone, as if its connections had broken. */ kill(): void } => {
  const leaving: (() => void)[] = []
  let mine = o.world // else one of its own, made at the first start
  return {
    name: 'memory', guarantees,
    kill: () => { for (const leave of leaving.splice(0)) leave() },
    open: ({ tables, runtime, options }) => async () => {
      const world = mine ??= memoryWorld(options), declared = world.declare(tables), instance = runtime.newId(), { log } = world
      if (E.isLeft(declared)) return declared
      const store: Store = {
        fetch: asked => attempt(() => asked.map((l: TableLookup) => world.answer(l))),
        commit: unit => attempt(() => world.commit(owned(unit), runtime.now() - options.dedupWindow)),
        seen: asked => ok(world.seen(asked)),
        applied: consumer => ok(world.applied(consumer)),
        parked: filter => ok(world.find(filter)),
        unpark: (id, how) => () => Promise.resolve(world.unpark(id, how)),
        history: (channels, after, limit) => ok(log.history(channels, after, limit)),
        shadow: list => {
          const s = world.shadow(list)
          return ok({ fetch: asked => attempt(() => asked.map(s.answer)), commit: unit => attempt(() => s.commit(owned(unit))), swap: (channels, upTo) => ok(s.swap(channels, upTo)) })
        },
        watch: world.watch,
      }
      const transport: Transport = {
        publish: messages => attempt(() => { for (const { channel, message } of messages) log.append(channel, own(message)) }),
        subscribe: (consumer, on) => async () => {
          const member = { instance, runtime, on, buffer: options.buffer }
          let leave = consumer.broadcast ? log.listen(consumer.channels, member) : log.join(consumer.name, consumer.channels, member)
          const back = (): void => { if (!consumer.broadcast) { leave(); leave = log.join(consumer.name, consumer.channels, member) } }
          rejoin.add(back)
          const close = (): void => { rejoin.delete(back); leave() }
          leaving.push(close)
          return E.right({ close: async () => close() })
        },
        room: channels => log.room(channels, options.buffer),
        reached: (applied, upTo) => Number(applied) >= Number(upTo),
      }
      const rejoin = new Set<() => void>(), lease = world.lease(instance, options.lease, runtime.now, () => { for (const back of rejoin) back() })
      let stop = (): void => {}
      const beat = (): void => { lease.renew(); stop = runtime.after(options.lease / 3, beat) }
      beat()
      const end = (): void => { stop(); lease.end(); log.evict(instance) }
      leaving.push(end)
      return E.right({ store, transport, drain: () => log.drained(instance), close: async () => end() })
    },
  }
}

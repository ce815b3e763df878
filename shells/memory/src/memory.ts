import type { Shell } from '@lowtide/core'
import * as E from 'fp-ts/lib/Either.js'
import { failure } from './failure.js'
import { guarantees } from './guarantees.js'
import { type Instance, instance } from './instance.js'
import type { State } from './state.js'
import { store } from './store.js'
import { leave, transport } from './transport.js'
import { type World, inner, memoryWorld } from './world.js'

export { guarantees }
/** Times, buffers and the number of partitions are core's options; these are the shell's own. */
export interface MemoryOptions {
  /** What the instances of a deployment share; default: a new world for this shell, shared by all that is opened with it. */
  readonly world?: World
  /** The name for `world.crash` and its like; default `instance-1`, `instance-2`, … in the order of opening. */
  readonly instance?: string
  /** Deliveries in a batch, at most, and never more than the option `buffer`; default 256. */
  readonly batch?: number
}

/** Runs everything in this process: maps with the constraints of a database, and channels. */
export const memory = ({ world = memoryWorld(), instance: name, batch = 256 }: MemoryOptions = {}): Shell & { readonly world: World; /** Its instances are gone, as processes that were killed. */ kill(): void } => {
  const { state, keeper } = world[inner], mine: Instance[] = []
  const refuse = (text: string) => E.left(failure(`cannot open instance '${name ?? 'instance'}': ${text}`))
  return {
    name: 'memory', guarantees, world, kill: () => mine.splice(0).forEach(keeper.kill),
    open: ({ tables, channels, consumers, runtime, options }) => async () => {
      if (name !== undefined && [...state.instances].some(other => other.name === name)) return refuse('another of this name is open in this world; give each its own')
      if (!Number.isInteger(options.partitions) || options.partitions < 1) return refuse(`expected a whole number of partitions, 1 or more, found ${options.partitions}`)
      if (!state.fixed && options.partitions !== (state.partitions ?? options.partitions)) return refuse(`expected ${state.partitions} partitions, as this world has, found ${options.partitions}; another number would move keys to other partitions`)
      for (const table of tables) {
        const fault = state.tables.declare(table)
        if (fault !== undefined) return E.left(fault)
      }
      state.partitions ??= options.partitions
      for (const { channel } of [...channels, ...consumers.flatMap(consumer => consumer.channels)]) state.log.channel(channel)

      const by = instance(name ?? state.nextName(), runtime, options)
      mine.push(by)
      keeper.opened(by)
      return E.right({ store: store(state, by), transport: transport(state, by, Math.min(batch, options.buffer)), drain: () => drain(state, by), close: () => close(state, by, keeper.closed) })
    },
  }
}

/** What only this instance reads would be read by nobody: it waits, as long as `grace`, until that is behind its checkpoints. */
const drain = async (state: State, by: Instance): Promise<void> => by.turn(() => {
  const readers = (of: (other: Instance) => boolean): Set<string> => new Set([...state.consumers.members()].flatMap(({ instance, consumer, left }) => of(instance) && !consumer.broadcast && left === undefined ? consumer.name : []))
  const others = readers(other => other !== by && other.state() === 'running'), mine = [...readers(other => other === by)].filter(name => !others.has(name))
  const done = (): boolean => ![...state.consumers.tracks()].some(({ consumer, backlog }) => mine.includes(consumer) && backlog > 0) && !mine.some(state.parking.redriven)
  return state.until(done, by)
})

/** Safe twice; of a crashed instance nothing is left to close. */
const close = async (state: State, by: Instance, closed: (instance: Instance) => void): Promise<void> => {
  if (by.state() === 'crashed') return
  await by.turn(() => undefined)
  await Promise.all([...state.consumers.members()].filter(member => member.instance === by).map(member => leave(state, member)))
  if (by.state() !== 'running') return
  by.become('closed')
  closed(by)
}

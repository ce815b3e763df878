import { guarantees, memory } from './memory.js'
import { memoryWorld } from './world.js'

/** What the conformance suite tries: one world, instances that join it, and a look inside. */
export const site = (o: { readonly partitions: number }) => {
  const world = memoryWorld(o)
  return { guarantees, join: () => memory({ world }), rows: world.inspect.rows, channel: world.inspect.channel }
}

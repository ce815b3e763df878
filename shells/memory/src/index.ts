export { type MemoryOptions, guarantees, memory } from './memory.js'
export { type MemoryWorld, memoryWorld } from './world.js'

import type { Guarantees } from '@lowtide/core'

/** One process is the whole world: its instances see one state, and it ends with the process. */
export const guarantees: Guarantees = {
  ordering: 'per key', delivery: 'effects once', durability: 'process', scope: 'global', references: 'checked',
  parkedKey: 'held', replay: 'from the start', scaleOut: 'one process', unitLimit: 1000,
}

import type { Guarantees } from '@lowtide/core'

/** One database is the whole world; any number of processes share it. A unit takes about four locks a message, and a server holds some thousands. */
export const guarantees: Guarantees = {
  ordering: 'per key', delivery: 'effects once', durability: 'disk', scope: 'global', references: 'checked',
  parkedKey: 'held', replay: 'from the start', scaleOut: 'processes', unitLimit: 256,
}

import type { Benchmark } from '../figure.js'
import { command } from './command.js'
import { emmett } from './emmett.js'
import { growth } from './growth.js'
import { handling } from './handled.js'
import { heap } from './heap.js'
import { mutation } from './mutation.js'
import { paced } from './paced.js'
import { projector } from './projector.js'
import { rebuild } from './rebuild.js'
import { relay } from './relay.js'
import { retention } from './retention.js'
import { visible } from './visible.js'

/** Everything on a real server, with its full durability. */
export const postgres: readonly Benchmark[] = [...command, emmett, paced, projector, rebuild, relay, handling, visible, growth, retention, heap, mutation]

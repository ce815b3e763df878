import type { Benchmark } from '../figure.js'
import { command } from './command.js'

/** Everything on a real server, with its full durability. */
export const postgres: readonly Benchmark[] = [...command]

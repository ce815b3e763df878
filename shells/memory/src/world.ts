import { type Control, type Keeper, control } from './control.js'
import { type Inspect, inspect } from './inspect.js'
import { type Entry, isMessage } from './log.js'
import { own } from './own.js'
import { type State, stateOf } from './state.js'

/** Leads from a world to what is in it; for this shell only. */
export const inner = Symbol('inner')
/**
 * What lasts when instances go: tables, logs, inbox, checkpoints, parked. Every shell that is opened in it is an
 * instance, which stands for a process: instances share the partitions of their consumers, and can crash and be paused.
 */
export interface World extends Control {
  /** Those that run or are paused, in the order in which they were opened. */
  instances(): readonly { readonly name: string; readonly state: 'running' | 'paused' }[]
  /** Leaves an entry as a foreign writer might: a message of a newer version, or what cannot be decoded. */
  inject(channel: string, entry: Entry): void
  readonly inspect: Inspect
  readonly [inner]: { readonly state: State; readonly keeper: Keeper }
}

export interface WorldOptions {
  /** Of each channel; default: the option `partitions` of the instance that is opened first. */
  readonly partitions?: number
}

export const memoryWorld = ({ partitions }: WorldOptions = {}): World => {
  const state = stateOf(partitions), keeper = control(state), { crash, pause, resume } = keeper
  return {
    crash, pause, resume, inspect: inspect(state), [inner]: { state, keeper },
    instances: () => [...state.instances].map(({ name, state }) => ({ name, state: state() === 'paused' ? 'paused' : 'running' })),
    inject: (channel, entry) => state.log.announce(state.log.append(channel, isMessage(entry) ? entry.subject : entry.key ?? '', own(entry))),
  }
}

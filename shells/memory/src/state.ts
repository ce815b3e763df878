import { type Consumers, consumers } from './consumers.js'
import { type Inbox, inbox } from './inbox.js'
import type { Instance, News } from './instance.js'
import { type Log, log } from './log.js'
import { type Parking, parking } from './parking.js'
import { type Room, room } from './room.js'
import { type Tables, tables } from './tables.js'

/** All that lasts when instances go. */
export interface State {
  readonly tables: Tables; readonly log: Log; readonly inbox: Inbox; readonly parking: Parking; readonly consumers: Consumers; readonly room: Room
  /** Those that are neither closed nor crashed, in the order in which they were opened. */
  readonly instances: Set<Instance>
  /** Of each channel; `fixed`, where the world's maker said so, else the first instance decides. */
  readonly fixed: boolean
  partitions: number | undefined
  nextName(): string
  /** Tells every instance, and those who wait for a condition on this world. */
  news(what: News, by: Instance): void
  /** Resolves when the condition holds, which is asked again when a checkpoint moves or what is parked changes; or when the instance's `grace` is over. */
  until(condition: () => boolean, by: Instance): Promise<void>
}

export const stateOf = (partitions?: number): State => {
  const channels = log(() => state.partitions ?? 1), readers = consumers(channels), waiting = new Set<() => void>()
  let opened = 0
  const state: State = {
    tables: tables(), log: channels, inbox: inbox(), parking: parking(), consumers: readers, room: room(readers), instances: new Set(), partitions, fixed: partitions !== undefined,
    nextName: () => `instance-${++opened}`,
    news: (what, by) => {
      for (const instance of state.instances) instance.news(what)
      if (what === 'outcome') return
      for (const ask of waiting) ask()
      state.room.freed(by)
    },
    until: (condition, by) => condition() ? Promise.resolve() : new Promise(resolve => {
      const done = (): void => { stop(); waiting.delete(ask); resolve() }, ask = (): void => { if (condition()) done() }
      const stop = by.runtime.after(by.options.grace, done)
      waiting.add(ask)
    }),
  }
  return state
}

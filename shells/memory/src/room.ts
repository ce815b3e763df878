import type { Channel } from '@lowtide/core'
import type { Consumers } from './consumers.js'
import type { Instance } from './instance.js'

/** Holds intake back while the readers of a channel lag. */
export interface Room {
  /** Nothing where there is room; else what to wait for. */
  wait(instance: Instance, channels: readonly Channel[]): Promise<void> | undefined
  /** A reader has come on, or an instance runs again. */
  freed(by: Instance): void
  /** Forgets an instance's waiters; those of a closed one go, and find it closed. */
  release(instance: Instance): void
  waiting(): number
}
interface Waiter { readonly instance: Instance; go(): void }
interface Line { readonly channels: readonly Channel[]; readonly waiters: Set<Waiter> }

/**
 * In one turn no more are let through than there is room for: they have not emitted yet, so letting all go at once would
 * overfill a channel by as many as ask. Who is let through may emit nothing, so the next turn counts anew.
 */
export const room = (consumers: Consumers): Room => {
  const lines = new Map<string, Line>(), passed = new Map<string, number>()
  let turning = false
  const full = ({ channel }: Channel, { options }: Instance): boolean => {
    const taken = passed.get(channel) ?? 0
    for (const { backlog } of consumers.on(channel)) if (options.buffer - backlog <= taken) return true
    return options.buffer <= taken
  }
  const pass = (instance: Instance, channels: readonly Channel[]): boolean => {
    for (const channel of channels) if (full(channel, instance)) return false
    for (const { channel } of channels) passed.set(channel, (passed.get(channel) ?? 0) + 1)
    freed(instance)
    return true
  }
  const sweep = (by: Instance): void => {
    turning = false
    passed.clear()
    for (const [name, { channels, waiters }] of lines) {
      for (const waiter of waiters) {
        if (waiter.instance.state() !== 'running') continue
        if (!pass(waiter.instance, channels)) break
        waiters.delete(waiter)
        waiter.go()
      }
      if (waiters.size === 0) lines.delete(name)
    }
    if (passed.size > 0) freed(by)
  }
  const freed = (by: Instance): void => {
    if (turning || (lines.size === 0 && passed.size === 0)) return
    turning = true
    by.runtime.soon(() => sweep(by))
  }
  const queue = (instance: Instance, channels: readonly Channel[], go: () => void): void => {
    const name = JSON.stringify(channels.map(({ channel }) => channel)), line = lines.get(name) ?? { channels, waiters: new Set<Waiter>() }
    line.waiters.add({ instance, go })
    lines.set(name, line)
  }
  const enter = (instance: Instance, channels: readonly Channel[]): Promise<void> | undefined =>
    instance.state() === 'closed' || pass(instance, channels) ? undefined : new Promise(resolve => queue(instance, channels, resolve))
  return {
    freed,
    wait: (instance, channels) => instance.state() === 'running' ? enter(instance, channels) : instance.turn(() => enter(instance, channels)).then(waiting => waiting),
    release: instance => {
      for (const [name, { waiters }] of lines) {
        for (const waiter of waiters) {
          if (waiter.instance !== instance) continue
          waiters.delete(waiter)
          if (instance.state() === 'closed') waiter.go()
        }
        if (waiters.size === 0) lines.delete(name)
      }
      turning = false // the next turn may have been asked of the one that is gone
      for (const { waiters } of lines.values()) for (const waiter of waiters) return freed(waiter.instance)
    },
    waiting: () => [...lines.values()].reduce((sum, { waiters }) => sum + waiters.size, 0),
  }
}

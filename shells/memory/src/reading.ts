import type { Batch, Consumer, Delivery } from '@lowtide/core'
import { textOf } from './failure.js'
import type { Instance } from './instance.js'
import type { Partition } from './log.js'

/** A consumer's subscription in one instance. `lapsed`: it was paused for longer than the lease; `left`: it closes. */
export interface Member {
  readonly instance: Instance; readonly consumer: Consumer; /** Deliveries in a batch, at most. */ readonly largest: number; lapsed: boolean; left: Promise<void> | undefined
  readonly on: { batch(batch: Batch): Promise<void>; revoked(channel: string, partition: string): void }
}
/** One owner's way through a partition, from the day it gets it to the day it loses it. */
export interface Reading {
  readonly fence: string; readonly member: Member
  /** What was handed out ends here; what was handled ends at `done`. */
  readonly next: () => number; readonly done: () => number
  wake(): void
  end(): void
  /** Whether a batch is out; `idle` resolves when none is. */
  out(): boolean
  idle(): Promise<void>
}

/**
 * Hands out batches from behind `after`, one at a time: the next when the promise of the last one resolves. The first comes
 * at once, with nothing in it where there is nothing to read: so the owner knows what it holds.
 */
export const reading = (member: Member, partition: Partition, after: number, fence: string): Reading => {
  const { instance, on, largest } = member, { channel, partition: name, entries } = partition
  const waiting: (() => void)[] = []
  let next = after, done = after, begun = false, out = false, queued = false, ended = false

  const wake = (): void => {
    if (queued || out || ended || member.left !== undefined || (begun && next >= entries.length)) return
    queued = true
    instance.read(pump)
  }
  const settle = (): void => {
    out = false
    for (const call of waiting.splice(0)) call()
    wake()
  }
  const hand = async (deliveries: readonly Delivery[]): Promise<void> => on.batch({ channel, partition: name, fence, deliveries })
  const pump = (): void => {
    queued = false
    if (out || ended || member.left !== undefined) return
    const from = next, deliveries = entries.slice(from, from + largest).map((message, i): Delivery => ({ position: String(from + i + 1), message }))
    begun = out = true
    next += deliveries.length
    hand(deliveries).then(() => { done = next; settle() }, (e: unknown) => {
      if (ended || member.left !== undefined) { settle(); return }
      instance.runtime.log('error', `[memory] consumer '${member.consumer.name}' threw on a batch of ${channel}/${name}, which comes again: ${textOf(e)}`)
      instance.runtime.after(instance.options.backoffBase, () => { next = done = from; settle() })
    })
  }
  return {
    fence, member, wake, next: () => next, done: () => done,
    end: () => { ended = true }, out: () => out,
    idle: () => out ? new Promise(resolve => { waiting.push(resolve) }) : Promise.resolve(),
  }
}

import type { Batch, Consumer, Delivery, Options, Runtime } from '@lowtide/core'
import { failureOf } from '../server/failure.js'
import { type Place, positionOf, printing } from './position.js'
import { messageOf } from './log.js'

/** Who is handed batches, and told when a partition is lost. */
export interface Reader { readonly consumer: Consumer; readonly on: { batch(batch: Batch): Promise<void>; revoked(channel: string, partition: string): void } }
export interface Found { readonly place: Place; readonly text: string }
/** One owner's way through a partition, from when it has it until it loses it. */
export interface Reading {
  readonly channel: string; readonly partition: number; readonly fence: string; readonly by: Reader
  /** Read from behind here. */
  after(): Place
  /** Whether it shall be read now; `begin` says that it is. */
  wants(): boolean
  begin(): void
  /** What was found, in order; all below `low` is among it, or was before, unless there is more than was asked for (`more`). */
  feed(found: readonly Found[], low: number, more: boolean): void
  /** A transaction has written here; or something may have been written. */
  heard(tx: number): void
  look(): void
  /** Knows of a transaction that it has not read yet: an older one still runs. */
  behind(): boolean
  /** Goes on from another place. */
  move(after: Place): void
  /** Hands nothing more out. */
  stop(): void
  stopped(): boolean
  out(): boolean
  /** Resolves when no batch is out. */
  idle(): Promise<void>
}

interface Beginning { readonly by: Reader; readonly channel: string; readonly partition: number; readonly fence: string; readonly after: Place; /** What is not for this reader. */ readonly skip?: (tx: number) => boolean; /** Positions carry prints of their messages. */ readonly prints?: boolean; readonly runtime: Runtime; readonly options: Options; /** Asks for a read. */ wake(): void }
/**
 * Hands out batches from behind `after`, one at a time: the next when the promise of the last one resolves. The first comes at once, with nothing
 * in it where there is nothing to read: so the owner knows what it holds.
 */
export const reading = ({ by, channel, partition, fence, after, skip, prints = false, runtime, options, wake }: Beginning): Reading => {
  const waiting: (() => void)[] = []
  let cursor = after, covered = 0, target = 0, asked = true, begun = false, out = false, stopped = false, cancel: (() => void) | undefined

  const passed = (tx: number): boolean => covered > tx || cursor.tx >= tx
  const settle = (): void => {
    out = false
    for (const call of waiting.splice(0)) call()
    if (!passed(target)) asked = true
    if (asked && !stopped) wake()
  }
  const give = async (deliveries: readonly Delivery[]): Promise<void> => by.on.batch({ channel, partition: String(partition), fence, deliveries })
  const hand = (deliveries: readonly Delivery[]): void => {
    cancel = undefined
    give(deliveries).then(settle, (e: unknown) => {
      if (stopped) { settle(); return }
      runtime.log('error', `[postgres] consumer '${by.consumer.name}' threw on a batch of ${channel}/${partition}, which comes again: ${failureOf('handle it', e).failure}`)
      cancel = runtime.after(options.backoffBase, () => hand(deliveries))
    })
  }
  return {
    channel, partition, fence, by,
    after: () => cursor,
    wants: () => asked && !out && !stopped,
    begin: () => { asked = false },
    feed: (found, low, more) => {
      if (stopped || out) return
      if (!more) covered = Math.max(covered, low)
      else asked = true
      const last = found.at(-1)
      if (last !== undefined) cursor = last.place
      const taken = skip === undefined ? found : found.filter(({ place }) => !skip(place.tx))
      if (taken.length === 0 && begun) return
      begun = out = true
      hand(taken.map(({ place, text }): Delivery => ({ position: positionOf(place, prints ? printing(text) : undefined), message: messageOf(text) })))
    },
    heard: tx => {
      if (tx > target) target = tx
      if (!passed(tx)) asked = true
    },
    look: () => { asked = true },
    behind: () => !out && !stopped && !passed(target),
    move: place => { cursor = place; covered = target = 0; asked = true },
    stop: () => {
      if (stopped) return
      stopped = true
      if (cancel === undefined) return
      cancel()
      cancel = undefined
      settle()
    },
    stopped: () => stopped,
    out: () => out,
    idle: () => out ? new Promise(resolve => { waiting.push(resolve) }) : Promise.resolve(),
  }
}

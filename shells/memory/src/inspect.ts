import type { Message, Parked, Reach, Row } from '@lowtide/core'
import { isMessage } from './log.js'
import { orderOf } from './order.js'
import type { State } from './state.js'

export interface Owner { readonly consumer: string; readonly channel: string; readonly partition: string; readonly instance: string; readonly fence: string }
/** What a test may look at, from outside of every instance. */
export interface Inspect {
  /** In the order of the key; none of a table that nobody opened. */
  rows(table: string): readonly Row[]
  /** Its messages, in commit order; what cannot be decoded is not among them. */
  channel(name: string): readonly Message[]
  /** In the order in which they were parked. */
  parked(): readonly Parked[]
  /** How many marks stand. */
  marks(consumer?: string): number
  checkpoints(): readonly (Reach & { readonly consumer: string })[]
  owners(consumer?: string): readonly Owner[]
  /** Deliveries that were handed out and are not yet behind the checkpoint; of a broadcast consumer, not yet answered for. */
  inFlight(consumer?: string): number
  /** Entries that are not behind the checkpoint of a shared consumer. */
  backlog(consumer?: string): number
  /** How much the world holds, in numbers that do not depend on the heap. What waits: held calls of paused instances, callers at intake, listeners. */
  sizes(): { readonly rows: number; readonly messages: number; readonly marks: number; readonly parked: number; readonly inFlight: number; readonly calls: number; readonly intake: number; readonly watchers: number; readonly subscriptions: number }
}

export const inspect = ({ tables, log, inbox, parking, consumers, room, instances }: State): Inspect => {
  const tracks = (consumer?: string) => [...consumers.tracks()].filter(track => consumer === undefined || track.consumer === consumer)
  const slots = (consumer?: string) => tracks(consumer).flatMap(({ consumer, slots }) => slots.map(slot => ({ consumer, ...slot, at: { channel: slot.partition.channel, partition: slot.partition.partition } })))
  const sum = (counts: Iterable<number>): number => [...counts].reduce((a, b) => a + b, 0)
  const view: Inspect = {
    rows: name => {
      const rows = tables.get(name)
      if (rows === undefined) return []
      return [...rows.held.values()].map(({ row }) => row).sort(orderOf(rows.table, rows.table.key))
    },
    channel: name => log.read([name], [], Infinity).entries.filter(isMessage),
    parked: () => parking.list({}), marks: consumer => inbox.size(consumer),
    checkpoints: () => slots().map(({ consumer, at, checkpoint }) => ({ consumer, ...at, position: String(checkpoint) })),
    owners: consumer => slots(consumer).flatMap(({ consumer, at, reading }) => reading === undefined ? [] : [{ consumer, ...at, instance: reading.member.instance.name, fence: reading.fence }]),
    inFlight: consumer => {
      const broadcasts = [...consumers.members()].filter(({ consumer: { name, broadcast } }) => broadcast && (consumer === undefined || name === consumer))
      return sum(slots(consumer).map(({ reading, checkpoint }) => reading === undefined ? 0 : Math.max(0, reading.next() - checkpoint)))
        + sum(broadcasts.flatMap(consumers.readings).map(reading => reading.next() - reading.done()))
    },
    backlog: consumer => sum(tracks(consumer).map(({ backlog }) => backlog)),
    sizes: () => ({
      rows: sum([...tables.all()].map(({ held }) => held.size)), messages: sum(log.names().flatMap(log.channel).map(({ entries }) => entries.length)), marks: inbox.size(), parked: parking.count(),
      inFlight: view.inFlight(), calls: sum([...instances].map(instance => instance.sizes().calls)), intake: room.waiting(), watchers: sum([...instances].map(instance => instance.sizes().watchers)), subscriptions: [...consumers.members()].length,
    }),
  }
  return view
}

import type { Checkpoint, Reach } from '@lowtide/core'
import { balance } from './balance.js'
import type { Log, Partition } from './log.js'
import { type Member, type Reading, reading } from './reading.js'

/** A partition to a consumer: how far it has come, and who reads on. */
export interface Slot { readonly partition: Partition; checkpoint: number; reading: Reading | undefined }
/** A channel to a consumer. `backlog`: its entries that are not behind a checkpoint. */
export interface Track { readonly consumer: string; readonly channel: string; readonly slots: readonly Slot[]; backlog: number }
/** Who hears that it lost a partition. */
export type Told = (reading: Reading) => boolean
/** Who reads what, and how far they have come. Checkpoints last as long as the world; owners come and go. */
export interface Consumers {
  join(member: Member): void
  leave(member: Member, told: Told): void
  /** Shares the partitions of a consumer out again among those of its members that are there. */
  share(consumer: string, told: Told): void
  members(): Iterable<Member>
  readings(member: Member): readonly Reading[]
  /** The slot of a checkpoint, if its fence is the newest. */
  slot(checkpoint: Checkpoint): Slot | undefined
  /** Moves a checkpoint on, never back. */
  move(checkpoint: Checkpoint): void
  applied(consumer: string): readonly Reach[]
  tracks(): Iterable<Track>
  on(channel: string): readonly Track[]
}

export const consumers = (log: Log): Consumers => {
  const groups = new Map<string, Map<string, Track>>(), byChannel = new Map<string, Track[]>()
  const members = new Set<Member>(), broadcasts = new Map<Member, readonly { readonly reading: Reading; stop(): void }[]>()
  let fences = 0
  const fence = (): string => String(++fences)

  const trackOf = (consumer: string, channel: string): Track => {
    const slots = log.channel(channel).map((partition): Slot => ({ partition, checkpoint: 0, reading: undefined }))
    const track: Track = { consumer, channel, slots, backlog: slots.reduce((sum, { partition }) => sum + partition.entries.length, 0) }
    for (const slot of slots) slot.partition.readers.add(() => { track.backlog++; slot.reading?.wake() })
    byChannel.set(channel, [...byChannel.get(channel) ?? [], track])
    return track
  }
  const give = (slot: Slot, member: Member | undefined, told: Told): void => {
    const { partition: { channel, partition }, reading: old } = slot
    if (old !== undefined) {
      old.end()
      if (told(old)) old.member.instance.tell(() => old.member.on.revoked(channel, partition))
    }
    slot.reading = member && reading(member, slot.partition, slot.checkpoint, fence())
    slot.reading?.wake()
  }
  const share = (consumer: string, told: Told): void => {
    const present = [...members].filter(member => member.consumer.name === consumer && !member.consumer.broadcast && !member.lapsed)
    for (const { channel, slots } of groups.get(consumer)?.values() ?? []) {
      const takers = present.filter(member => member.consumer.channels.some(c => c.channel === channel))
      for (const [i, owner] of balance(slots.map(slot => slot.reading?.member), takers).entries()) {
        if (slots[i]!.reading?.member !== owner) give(slots[i]!, owner, told)
      }
    }
  }
  const shared = function* (consumer: string): Iterable<Slot> {
    for (const { slots } of groups.get(consumer)?.values() ?? []) yield* slots
  }
  return {
    share,
    members: () => members,
    join: member => {
      const { name, channels, broadcast } = member.consumer
      members.add(member)
      if (broadcast) {
        broadcasts.set(member, channels.flatMap(({ channel }) => log.channel(channel)).map(partition => {
          const one = reading(member, partition, partition.entries.length, fence())
          partition.readers.add(one.wake)
          one.wake()
          return { reading: one, stop: () => { one.end(); partition.readers.delete(one.wake) } }
        }))
        return
      }
      const group = groups.get(name) ?? new Map<string, Track>()
      groups.set(name, group)
      for (const { channel } of channels) if (!group.has(channel)) group.set(channel, trackOf(name, channel))
      share(name, () => true)
    },
    leave: (member, told) => {
      members.delete(member)
      for (const { stop } of broadcasts.get(member) ?? []) stop()
      broadcasts.delete(member)
      share(member.consumer.name, told)
    },
    readings: member => [...(broadcasts.get(member) ?? []).map(b => b.reading), ...[...shared(member.consumer.name)].flatMap(({ reading }) => reading?.member === member ? [reading] : [])],
    slot: ({ consumer, channel, partition, fence }) => {
      const slot = groups.get(consumer)?.get(channel)?.slots[Number(partition)]
      return slot?.reading?.fence === fence ? slot : undefined
    },
    move: ({ consumer, channel, partition, position }) => {
      const track = groups.get(consumer)!.get(channel)!, slot = track.slots[Number(partition)]!, forward = Number(position) - slot.checkpoint
      if (forward <= 0) return
      slot.checkpoint += forward
      track.backlog -= forward
    },
    applied: consumer => [...shared(consumer)].filter(({ checkpoint }) => checkpoint > 0).map(({ partition: { channel, partition }, checkpoint }) => ({ channel, partition, position: String(checkpoint) })),
    tracks: function* () { for (const group of groups.values()) yield* group.values() },
    on: channel => byChannel.get(channel) ?? [],
  }
}

import type { Delivery, Message, Reach } from '@lowtide/core'

export type Entry = Delivery['message']
/** One append-only part of a channel; an entry's position is its number, from 1. `orders` tells the commit order over all channels. */
export interface Partition { readonly channel: string; readonly partition: string; readonly entries: Entry[]; readonly orders: number[]; readonly readers: Set<() => void> }
export interface Log {
  /** The partitions of a channel, made when it is first named. */
  channel(name: string): readonly Partition[]
  names(): readonly string[]
  append(channel: string, key: string, entry: Entry): Partition
  /** Tells the readers of a partition of one more entry. Apart from `append`, so that they hear of nothing half done. */
  announce(partition: Partition): void
  /** In commit order over all these channels, each partition from behind a position. */
  read(channels: readonly string[], after: readonly Reach[], limit: number): { readonly entries: readonly Entry[]; readonly at: readonly Reach[]; readonly upTo: readonly Reach[] }
}

/** FNV-1a over UTF-16 units, its bits then mixed: the same partition for the same key, always. */
export const partitionOf = (key: string, partitions: number): number => {
  let hash = 0x811c9dc5
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  return ((hash ^ (hash >>> 13)) >>> 0) % partitions
}
export const isMessage = (entry: Entry): entry is Message => !('raw' in entry)

export const log = (partitions: () => number): Log => {
  const channels = new Map<string, readonly Partition[]>()
  let order = 0
  const channel = (name: string): readonly Partition[] => {
    let all = channels.get(name)
    if (all === undefined) channels.set(name, all = Array.from({ length: partitions() }, (_, i) => ({ channel: name, partition: String(i), entries: [], orders: [], readers: new Set() })))
    return all
  }
  return {
    channel, names: () => [...channels.keys()],
    append: (name, key, entry) => {
      const all = channel(name), partition = all[partitionOf(key, all.length)]!
      partition.entries.push(entry)
      partition.orders.push(order++)
      return partition
    },
    announce: ({ readers }) => { for (const reader of readers) reader() },
    read: (names, after, limit) => {
      const from = (p: Partition): number => Number(after.find(r => r.channel === p.channel && r.partition === p.partition)?.position ?? 0)
      const cursors = [...new Set(names)].flatMap(name => channels.get(name) ?? []).map(partition => ({ partition, next: from(partition) }))
      const entries: Entry[] = [], at: Reach[] = []
      while (entries.length < limit) {
        let least: (typeof cursors)[number] | undefined
        for (const cursor of cursors) {
          const order = cursor.partition.orders[cursor.next]
          if (order !== undefined && (least === undefined || order < least.partition.orders[least.next]!)) least = cursor
        }
        if (least === undefined) break
        entries.push(least.partition.entries[least.next++]!)
        at.push({ channel: least.partition.channel, partition: least.partition.partition, position: String(least.next) })
      }
      return { entries, at, upTo: cursors.filter(({ next }) => next > 0).map(({ partition: { channel, partition }, next }) => ({ channel, partition, position: String(next) })) }
    },
  }
}

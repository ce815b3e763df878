import type { Batch, Channel, Message, Reach, Runtime } from '@lowtide/core'

/** Messages of one channel: partitions in which a key keeps its place, and a number that orders all of them. */
interface Log { readonly partitions: { readonly at: number; readonly message: Message }[][]; readonly readers: Set<Reader>[]; readonly groups: Set<Group> }
interface Reader { readonly wake: () => void }
export interface Listener { batch(batch: Batch): Promise<void>; revoked(channel: string, partition: string): void }
export interface Member { readonly instance: string; readonly runtime: Runtime; readonly on: Listener; /** Most messages of a batch. */ readonly buffer: number }
interface Owner { readonly member: Member; readonly fence: string; stop: () => void }
interface Group { readonly name: string; readonly channels: Set<string>; members: readonly Member[]; readonly owners: Map<string, Owner>; readonly applied: Map<string, number>; behind: number }

const most = 256
/** FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv/), 32 bits: the same key, the same partition, wherever it is published. */
export const partitionOf = (key: string, partitions: number): number => {
  let h = 0x811c9dc5
  for (let i = 0; i < key.length; i++) h = Math.imul(h ^ key.charCodeAt(i), 0x01000193)
  return (h >>> 0) % partitions
}
const place = (channel: string, partition: string | number): string => `${channel}\u0000${partition}`

/** The channels of a world, who reads them, and how far they have come. A partition has one owner a group; each move makes a new fence. */
export const logs = (count: number) => {
  const all = new Map<string, Log>(), groups = new Map<string, Group>(), waiting = new Set<() => void>()
  let last = 0, fences = 0
  const logOf = (channel: string): Log => {
    let log = all.get(channel)
    if (log === undefined) {
      log = { partitions: Array.from({ length: count }, () => []), readers: Array.from({ length: count }, () => new Set<Reader>()), groups: new Set() }
      all.set(channel, log)
    }
    return log
  }
  const moved = (): void => { for (const look of waiting) look() }

  /** Hands a partition out from `cursor`, a batch at a time; the next one when the last is taken. */
  const read = (channel: string, p: number, fence: string, from: number, { runtime, on, buffer }: Member, announced: boolean): (() => void) => {
    const log = logOf(channel), messages = log.partitions[p]!
    let cursor = from, busy = false, open = true, called = false, told = announced
    const pump = async (): Promise<void> => {
      called = false
      if (busy || !open || (told && cursor >= messages.length)) return
      busy = told = true
      const deliveries = messages.slice(cursor, cursor + Math.min(most, buffer)).map(({ message }, i) => ({ position: String(cursor + i), message }))
      cursor += deliveries.length
      await on.batch({ channel, partition: String(p), fence, deliveries })
      busy = false
      if (cursor < messages.length) reader.wake()
    }
    const reader: Reader = { wake: () => { if (!called && !busy && open) { called = true; runtime.soon(() => void pump()) } } }
    log.readers[p]!.add(reader)
    reader.wake()
    return () => { open = false; log.readers[p]!.delete(reader) }
  }
  const balance = (g: Group): void => {
    for (const channel of g.channels) for (let p = 0; p < count; p++) {
      const key = place(channel, p), owner = g.owners.get(key), member = g.members[p % Math.max(1, g.members.length)]
      if (owner?.member === member) continue
      owner?.stop()
      g.owners.delete(key)
      if (owner && g.members.includes(owner.member)) owner.member.on.revoked(channel, String(p))
      if (member === undefined) continue
      const fence = String(++fences)
      g.owners.set(key, { member, fence, stop: read(channel, p, fence, (g.applied.get(key) ?? -1) + 1, member, false) })
    }
    moved()
  }
  const groupOf = (name: string): Group => {
    let g = groups.get(name)
    if (g === undefined) { g = { name, channels: new Set(), members: [], owners: new Map(), applied: new Map(), behind: 0 }; groups.set(name, g) }
    return g
  }
  const leave = (g: Group, gone: (m: Member) => boolean): void => {
    if (!g.members.some(gone)) return
    g.members = g.members.filter(m => !gone(m))
    balance(g)
  }

  return {
    append: (channel: string, message: Message): Reach => {
      const log = logOf(channel), p = partitionOf(message.subject, count), partition = log.partitions[p]!
      partition.push({ at: ++last, message })
      for (const g of log.groups) g.behind++
      for (const r of log.readers[p]!) r.wake()
      return { channel, partition: String(p), position: String(partition.length - 1) }
    },
    join: (name: string, channels: readonly Channel[], member: Member): (() => void) => {
      const g = groupOf(name)
      for (const { channel } of channels) if (!g.channels.has(channel)) {
        g.channels.add(channel)
        logOf(channel).groups.add(g)
        g.behind += logOf(channel).partitions.reduce((n, p) => n + p.length, 0)
      }
      g.members = [...g.members, member]
      balance(g)
      return () => leave(g, m => m === member)
    },
    /** From now on, all partitions, on its own. */
    listen: (channels: readonly Channel[], member: Member): (() => void) => {
      const stops = channels.flatMap(({ channel }) => logOf(channel).partitions.map((m, p) => read(channel, p, '', m.length, member, true)))
      return () => { for (const stop of stops) stop() }
    },
    evict: (instance: string): void => { for (const g of groups.values()) leave(g, m => m.instance === instance) },
    owns: (consumer: string, channel: string, partition: string, fence: string): boolean => groups.get(consumer)?.owners.get(place(channel, partition))?.fence === fence,
    /** A checkpoint never moves back. */
    move: (consumer: string, { channel, partition, position }: Reach): void => {
      const g = groupOf(consumer), key = place(channel, partition), old = g.applied.get(key) ?? -1, now = Number(position)
      if (now <= old) return
      g.applied.set(key, now)
      g.behind -= now - old
      moved()
    },
    applied: (consumer: string): readonly Reach[] => [...groups.get(consumer)?.applied ?? []].map(([key, position]) => ({ channel: key.slice(0, key.indexOf('\u0000')), partition: key.slice(key.indexOf('\u0000') + 1), position: String(position) })),
    /** Resolves when no group that somebody serves is so far behind on these channels. */
    room: (channels: readonly Channel[], most_: number): Promise<void> | undefined => {
      const full = (): boolean => { for (const c of channels) for (const g of all.get(c.channel)?.groups ?? []) if (g.behind >= most_ && g.members.length > 0) return true; return false }
      if (!full()) return undefined
      return new Promise(resolve => { const look = (): void => { if (!full()) { waiting.delete(look); resolve() } }; waiting.add(look) })
    },
    /** Resolves when the groups that nobody but this instance serves have read all. */
    drained: (instance: string): Promise<void> => {
      const left = (): boolean => [...groups.values()].some(g => g.behind > 0 && g.members.length > 0 && g.members.every(m => m.instance === instance))
      if (!left()) return Promise.resolve()
      return new Promise(resolve => { const look = (): void => { if (!left()) { waiting.delete(look); resolve() } }; waiting.add(look) })
    },
    history: (channels: readonly string[], after: readonly Reach[], limit: number): { readonly messages: readonly Message[]; readonly upTo: readonly Reach[] } => {
      const from = new Map(after.map(r => [place(r.channel, r.partition), Number(r.position) + 1]))
      const found = channels.flatMap(channel => logOf(channel).partitions.flatMap((list, p) => { const start = from.get(place(channel, p)) ?? 0; return list.slice(start, start + limit).map((m, i) => ({ ...m, channel, partition: String(p), position: start + i })) }))
      const page = found.sort((a, b) => a.at - b.at).slice(0, limit)
      const upTo = new Map(after.map(r => [place(r.channel, r.partition), r]))
      for (const { channel, partition, position } of page) upTo.set(place(channel, partition), { channel, partition, position: String(position) })
      return { messages: page.map(m => m.message), upTo: [...upTo.values()] }
    },
    /** Whether these channels end where `upTo` says. */
    ends: (channels: readonly string[], upTo: readonly Reach[]): boolean => channels.every(channel => logOf(channel).partitions.every((list, p) => list.length === Number(upTo.find(r => r.channel === channel && r.partition === String(p))?.position ?? -1) + 1)),
    /** All messages of a channel in commit order. */
    channel: (name: string): readonly Message[] => logOf(name).partitions.flat().sort((a, b) => a.at - b.at).map(m => m.message),
  }
}

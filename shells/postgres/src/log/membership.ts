import type { Options, Runtime } from '@lowtide/core'
import { isAway, refusalOf } from '../server/failure.js'
import type { Newsroom } from './newsroom.js'
import { atMost, outage } from './outage.js'
import type { Look, Ownership, Part, Reads, Taken } from './ownership.js'
import type { Moved } from './readers.js'
import type { Reader, Reading } from './reading.js'
import { ownerOf } from './share.js'

interface Given {
  readonly ownership: Ownership; readonly newsroom: Pick<Newsroom, 'tellMembers' | 'onMembers' | 'session'>; readonly runtime: Runtime; readonly options: Options; readonly partitions: number
  /** Begins to read a partition that was taken. */ begin(by: Reader, taken: Taken): Reading
  /** Reads no more of it. */ end(reading: Reading): void
}
/** This process among those that share the partitions of consumers. */
export interface Membership {
  has(consumer: string): boolean
  /** Resolves once the process is known as one that runs this consumer. */
  join(by: Reader): Promise<void>
  /** Waits for batches that are out, and gives up what it has; within `grace`. */
  leave(by: Reader): Promise<void>
  /** The server is another than it was, or may be: what was taken there is not held here, and cursors begin at what is stored, unless that was done already for this server. */
  moved(how: Moved, by?: string): void
  sizes(): { readonly owned: number; readonly members: number }
  /** As a process that was killed. */
  kill(): void
}
/** `free`: no batch is out any more, so it can be given up. */
interface Held extends Part { readonly fence: string; readonly by: Reader; readonly reading: Reading; giving: boolean; free: boolean }
const differs = (a: readonly Reads[], b: readonly Reads[]): boolean => JSON.stringify(a) !== JSON.stringify(b)
/** Renewals in the time of a lease. */
const renewals = 3
/** Nothing where the log says already, once an outage, what broke. */
const whys: { readonly [how in Moved]: string | undefined } = { lower: 'the server counts transactions from a lower one than before', another: 'another server answers, or this one was started again', unknown: undefined, missed: 'the log lacks what was not read yet' }

export const membership = ({ ownership, newsroom, runtime, options, partitions, begin, end }: Given): Membership => {
  const members = new Map<string, Reader>(), held = new Map<string, Held>(), settled = new Set<() => void>(), trouble = outage(runtime, options, 'renew the lease')
  const reads = (): readonly Reads[] => [...members].flatMap(([name, { consumer: { channels } }]) => channels.map(({ channel }) => [name, channel] as const))
  const keyOf = ({ consumer, channel, partition }: Part): string => `${partition}/${channel}/${consumer}`
  let id = runtime.newId(), old = id, joined = false, told: readonly Reads[] = [], listening: number | undefined, renewed = 0, xmax = 0, server: string | undefined, dead = false
  let running: Promise<void> | undefined, next: Promise<void> | undefined, stopTimer: (() => void) | undefined, stopNews: (() => void) | undefined

  const lose = (h: Held): void => {
    held.delete(keyOf(h))
    end(h.reading)
    if (members.get(h.consumer) === h.by || h.reading.out()) h.by.on.revoked(h.channel, String(h.partition))
  }
  const drop = (why?: string): void => {
    if (why !== undefined) runtime.log('warn', `[postgres] ${why}; gives up ${held.size} partitions and joins again`)
    for (const h of held.values()) lose(h)
    old = id
    id = runtime.newId()
    joined = false
    xmax = 0
    server = undefined
  }
  /** Hands nothing more out; what is out may end, for as long as a lease: a batch that never ends must not keep a partition from who can read it. */
  const giveUp = (h: Held, patience: number): Promise<void> => {
    h.giving = true
    h.reading.stop()
    return atMost(runtime, patience, h.reading.idle()).then(() => { h.free = true })
  }
  const wantedOf = ({ alive, owned }: Look): readonly Part[] => {
    const sorted = [...alive.keys()].sort(), sharing = new Map(reads().map(([name, channel]) =>
      [`${channel}\u0000${name}`, sorted.filter(other => alive.get(other)!.some(([n, c]) => n === name && (c === channel || c === null)))]))
    return owned.filter(o => {
      const among = sharing.get(`${o.channel}\u0000${o.consumer}`), h = held.get(keyOf(o))
      if (among === undefined) return false // not of this process
      const mine = ownerOf(o.channel, o.partition, among) === id
      if (h !== undefined) {
        if (!mine && !h.giving) void giveUp(h, Math.min(options.grace, options.lease)).then(kick)
        return false
      }
      return mine && (o.owner === null || o.owner === id || !alive.has(o.owner))
    })
  }
  const round = async (): Promise<void> => {
    const mine = reads(), now = runtime.now(), session = newsroom.session()
    if (members.size === 0 && [...held.values()].every(h => h.free)) {
      if (joined) await ownership.leave(id, [...held.values()])
      for (const h of held.values()) lose(h)
      if (joined) newsroom.tellMembers()
      joined = false
      told = []
      id = runtime.newId()
      return
    }
    // others take this process for gone when its session is: and whoever ended that may have ended the server
    if (joined && listening !== undefined && session !== listening) drop()
    const me = id, how = !joined ? { insteadOf: old } : differs(told, mine) || listening !== session || now - renewed >= options.lease / renewals || now < renewed ? 'renew' : undefined
    const look = await ownership.look(id, mine, how, session)
    if (dead || id !== me) return // dropped meanwhile: another round follows
    if (joined && !look.alive.has(id)) { drop('the lease ran out'); return round() }
    if (look.xmax < xmax) { drop(whys.lower); return round() }
    if (look.server !== (server ?? look.server)) { drop(whys.another); return round() }
    const news = !joined || differs(told, mine)
    xmax = look.xmax
    server = look.server
    joined = true
    if (how !== undefined) { renewed = now; told = mine; listening = session }
    if (news) newsroom.tellMembers()

    const owners = new Map(look.owned.map(o => [keyOf(o), o]))
    for (const h of held.values()) {
      const o = owners.get(keyOf(h))
      if (members.get(h.consumer) === h.by && (o?.owner !== id || o.fence !== h.fence)) lose(h)
    }
    const wanted = wantedOf(look), given = [...held.values()].filter(h => h.free)
    if (wanted.length + given.length === 0) return
    const taken = await ownership.move(id, given, wanted)
    if (dead || id !== me) return
    for (const h of given) lose(h)
    if (given.length > 0) newsroom.tellMembers()
    for (const t of taken) {
      const by = members.get(t.consumer)
      if (by === undefined) continue // it left meanwhile: the next round finds it owned and not held
      held.set(keyOf(t), { ...t, by, reading: begin(by, t), giving: false, free: false })
    }
  }
  const once = async (): Promise<void> => {
    stopTimer?.()
    stopTimer = undefined
    let wait = Math.min(options.poll, options.lease / renewals)
    try {
      await round()
      trouble.over()
      for (const call of settled) call()
    } catch (e) {
      wait = Math.min(trouble.failed(e), options.lease / renewals)
      if (joined && isAway(refusalOf(e))) drop()
      throw e
    } finally {
      if (!dead && (members.size > 0 || joined)) stopTimer = runtime.after(wait, kick)
    }
  }
  /** A round that begins after this call. One at a time. */
  const turn = (): Promise<void> => {
    if (dead) return Promise.resolve()
    if (running === undefined) return running = once().finally(() => { running = undefined })
    return next ??= running.catch(() => {}).then(() => { next = undefined; return turn() })
  }
  const kick = (): void => { turn().catch(() => {}) }
  return {
    has: name => members.has(name),
    join: async by => {
      const { name, channels } = by.consumer
      members.set(name, by)
      try {
        await ownership.rows(name, channels.map(c => c.channel), partitions)
        stopNews ??= newsroom.onMembers(kick)
        await turn()
      } catch (e) {
        if (told.some(([known]) => known === name)) return // known already; what it could not take yet it tries again
        members.delete(name)
        throw e
      }
    },
    leave: async by => {
      const { name } = by.consumer, mine = (): readonly Held[] => [...held.values()].filter(h => h.by === by), until = runtime.now() + options.grace
      let done = (): void => {}
      if (members.get(name) !== by) return
      members.delete(name) // from the next round on the others share without this process, and take each partition when it is free
      await Promise.all(mine().map(h => giveUp(h, options.grace)))
      await atMost(runtime, Math.max(until - runtime.now(), Math.min(options.grace, 500)), new Promise<void>(resolve => {
        done = (): void => { if (mine().length === 0 && (members.size > 0 || !joined)) resolve() }
        settled.add(done)
        kick()
      }))
      settled.delete(done)
      for (const h of mine()) lose(h)
      if (members.size > 0) return
      stopNews?.()
      stopNews = undefined
    },
    moved: (how, by) => { if (joined && by !== server) { drop(whys[how]); kick() } },
    sizes: () => ({ owned: held.size, members: members.size }),
    kill: () => { dead = true; stopTimer?.(); stopNews?.(); for (const h of held.values()) end(h.reading) },
  }
}

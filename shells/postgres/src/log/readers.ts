import type { Options, Runtime } from '@lowtide/core'
import type { Logged } from './bulletin.js'
import type { Database } from '../server/database.js'
import { isAway, refusalOf } from '../server/failure.js'
import type { Log } from './log.js'
import { outage } from './outage.js'
import { type Place } from './position.js'
import type { Found, Reading } from './reading.js'

/**
 * How a server can be another than before: it counts transactions from a lower one; it says so itself; or nobody knows, for a connection broke, or none
 * could be had. After a failover to a copy that lagged, ids of what was lost are given out again: below a cursor that is only in memory a message may
 * stand that was never read, also where the server has counted further meanwhile. `missed`: it is the same, and has removed what was not read here.
 */
export type Moved = 'lower' | 'another' | 'unknown' | 'missed'
interface Given {
  readonly db: Pick<Database, 'fly'>; readonly log: Pick<Log, 'read' | 'measured'>; readonly runtime: Runtime; readonly options: Options
  /** Deliveries in a batch, at most. */ readonly limit: number
  /** What was read is of a log whose newest start is this. */ started?(start: string | null): void
  /** The server is another (`by`, where it says so), or may be. */ moved(how: Moved, by?: string): void
}
/** All that is read in this process. Whoever wants to read in one turn is read for in one round trip. */
export interface Readers {
  add(reading: Reading): void
  remove(reading: Reading): void
  /** Reads for those that want it. */
  wake(): void
  heard(news: Logged | 'everything'): void
  sizes(): { readonly readings: number; readonly out: number }
  close(): void
}

/**
 * Bytes of messages in a round trip, and in all that this process has read and not handled yet, but for `least` a reading and one message at least: a
 * backlog of large ones must fit into memory, and its answer come in time. `least` holds a batch of small ones.
 */
const most = 16 * 2 ** 20, least = 2 ** 18, first = 32
/** Up to here a message is never compressed. */
const plain = 1_500

export const readers = ({ db, log, runtime, options, limit, started, moved }: Given): Readers => {
  const places = new Map<string, Set<Reading>>(), trouble = outage(runtime, options, 'read the log')
  const placeOf = (channel: string, partition: number): string => `${partition}/${channel}`
  const all = function* (): Iterable<Reading> { for (const set of places.values()) yield* set }
  let size = Math.min(limit, first), planned = false, flying = false, closed = false, lowest = 0, server: string | undefined, large = false, wait = 1
  let stopPoll: (() => void) | undefined, stopAgain: (() => void) | undefined

  const wake = (): void => {
    if (planned || flying || closed) return
    planned = true
    runtime.soon(() => void read())
  }
  /** What is held back by an older transaction is looked for again, soon at first, then as often as everything is. */
  const again = (): void => {
    if (stopAgain !== undefined || closed) return
    stopAgain = runtime.after(Math.min(wait, options.poll), () => {
      stopAgain = undefined
      for (const reading of all()) if (reading.behind()) reading.look()
      wake()
    })
    wait = Math.min(wait * 2, options.poll)
  }
  const poll = (): void => {
    if (closed) return
    stopPoll = runtime.after(options.poll, poll)
    for (const reading of all()) reading.look()
    wake()
  }
  const ask = async (wanting: readonly Reading[]): Promise<void> => {
    const after = wanting.map(reading => reading.after()), asked = size, bytes = Math.floor(Math.max(most / [...all()].length, Math.min(most / wanting.length, least)))
    const each = Math.floor(bytes / asked), measuring = large
    const [landed] = await db.fly([{ statement: measuring ? log.measured : log.read, params: [wanting.map(r => r.channel), wanting.map(r => r.partition), after.map(a => a.tx), after.map(a => a.n), asked, measuring ? bytes : each] }]), { rows } = landed!
    trouble.over()
    const low = Number(rows[0]![1]), by = rows[0]![5]!, how: Moved | undefined = low < lowest ? 'lower' : by !== (server ?? by) ? 'another' : undefined
    server = by
    if (how !== undefined) { lowest = low; for (const reading of wanting) reading.look(); moved(how, how === 'another' ? by : undefined); return }
    started?.(rows[0]![6] ?? null)
    if (low > lowest) wait = 1
    lowest = low
    /** Behind a hole: who reads on would never know. A copy of each instance has no checkpoint and no rows that lack something; it goes on. */
    const found = wanting.map((): Found[] => []), cut = new Set<number>(), missed = new Set(rows.flatMap(row => row[7] != null && wanting[Number(row[0]) - 1]!.by.consumer.broadcast === false ? [Number(row[0]) - 1] : []))
    let longest = 0
    for (const [i, , tx, n, text] of rows) {
      const at = Number(i) - 1, here = found[at]!
      if (tx == null || cut.has(at)) continue
      if (text == null) { cut.add(at); continue }
      here.push({ place: { tx: Number(tx), n: Number(n) }, text })
      if (!measuring) continue
      const length = Buffer.byteLength(text)
      longest = Math.max(longest, length)
      if (length > bytes) cut.add(at) // nothing behind it says so
    }
    large = measuring ? cut.size > 0 || longest > Math.min(each, plain) : cut.size > 0
    // where large ones were cut off, the server need not measure so many of them again
    size = measuring && cut.size > 0 ? Math.max(1, ...found.map(({ length }) => length)) : large && !measuring ? asked : Math.min(limit, asked * 2)
    // one whose cursor has moved meanwhile was begun anew elsewhere
    for (const [i, reading] of wanting.entries()) if (missed.has(i)) reading.look(); else if (reading.after() === after[i]) reading.feed(found[i]!, low, cut.has(i) || found[i]!.length >= asked)
    if (missed.size > 0) moved('missed')
  }
  const read = async (): Promise<void> => {
    planned = false
    if (closed || flying) return
    const wanting = [...all()].filter(reading => reading.wants())
    if (wanting.length === 0) return
    flying = true
    for (const reading of wanting) reading.begin()
    let pause: number | undefined
    try { await ask(wanting) } catch (e) {
      pause = trouble.failed(e)
      size = Math.max(1, size >> 1)
      for (const reading of wanting) reading.look()
      if (isAway(refusalOf(e))) moved('unknown')
    }
    if (pause !== undefined && !closed) await new Promise<void>(resolve => { stopAgain?.(); stopAgain = runtime.after(pause, () => { stopAgain = undefined; resolve() }) })
    flying = false
    let more = false, behind = false
    for (const reading of all()) { more ||= reading.wants(); behind ||= reading.behind() }
    if (more) wake()
    if (behind) again()
  }
  return {
    wake,
    add: reading => {
      const place = placeOf(reading.channel, reading.partition), here = places.get(place) ?? new Set()
      places.set(place, here.add(reading))
      stopPoll ??= runtime.after(options.poll, poll)
      wake()
    },
    remove: reading => {
      reading.stop()
      const place = placeOf(reading.channel, reading.partition), here = places.get(place)
      here?.delete(reading)
      if (here?.size === 0) places.delete(place)
      if (places.size === 0) { stopPoll?.(); stopPoll = undefined }
    },
    heard: news => {
      if (news === 'everything') for (const reading of all()) reading.look()
      else for (const reading of places.get(placeOf(news.channel, news.partition)) ?? []) reading.heard(news.tx)
      wake()
    },
    sizes: () => ({ readings: [...all()].length, out: [...all()].filter(reading => reading.out()).length }),
    close: () => { closed = true; stopPoll?.(); stopAgain?.() },
  }
}
/** Behind everything of the transactions below. */
export const before = (tx: number): Place => ({ tx: tx - 1, n: 2 ** 31 - 1 })

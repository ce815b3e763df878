import type { Channel, Options, Runtime } from '@lowtide/core'
import type { Database } from '../server/database.js'
import type { Newsroom } from './newsroom.js'
import { outage } from './outage.js'
import { statement } from '../server/statement.js'

interface Given { readonly db: Pick<Database, 'at' | 'fly'>; readonly newsroom: Pick<Newsroom, 'watch'>; readonly runtime: Runtime; readonly options: Options }
/** Holds intake back while live consumers lag. */
export interface Room {
  wait(channels: readonly Channel[]): Promise<void> | undefined
  /** So many messages were committed to a channel here. */
  wrote(channel: string, count: number): void
  sizes(): { readonly waiting: number }
  /** Who waits goes, and finds all closed. */
  close(): void
}
/**
 * What is known of a channel: how far its slowest live consumer lagged when last measured, and what was written here since, or let in and may yet
 * write. Who was let in before may write after the measurement, or never: `early` counts them for the next, and half of them for each one after.
 */
interface Level { lag: number; wrote: number; passed: number; early: number }
interface Waiter { readonly channels: readonly Channel[]; go(): void }

/** Milliseconds from one measurement to the next, and how many times as long as it took. */
const pause = 10, rest = 4

export const room = ({ db, newsroom, runtime, options }: Given): Room => {
  const levels = new Map<string, Level>(), line = new Set<Waiter>(), due = new Set<string>(), { buffer, poll } = options, trouble = outage(runtime, options, 'measure how far consumers lag')
  /** What leaves waits in the outbox for as long as the outside is away: relays hold nobody back. Of each channel, how many messages its slowest live consumer has not behind its checkpoint; no partition is counted further than `buffer`, by an ordered walk that ends there: a bitmap would hold all that is behind. */
  const measure = statement(`with live as materialized (select distinct c.name, c.channel from ${db.at('lowtide_instances')} i cross join unnest(i.consumers, i.channels) c(name, channel) where i.until > clock_timestamp() and not starts_with(c.name, 'relay-'))
    select u.channel, coalesce(max(g.lag), 0) from unnest($1::text[]) u(channel)
    left join lateral (
      select sum(x.n) as lag from (select distinct name from live where channel = u.channel or channel is null) reader cross join lateral (
        select (select count(*) from (select from ${db.at('lowtide_log')} l where l.channel = c.channel and l.partition = c.partition and (l.tx, l.n) > (c.tx, c.n) order by l.tx, l.n limit $2::int) few) as n
        from ${db.at('lowtide_consumers')} c where c.consumer = reader.name and c.channel = u.channel) x
      group by reader.name) g on true
    group by u.channel`)
  let measuring = false, away = false, next = 0, closed = false, stopTimer: (() => void) | undefined, stopWatch: (() => void) | undefined, stopLook: (() => void) | undefined

  const levelOf = (channel: string): Level => {
    let level = levels.get(channel)
    if (level === undefined) levels.set(channel, level = { lag: 0, wrote: 0, passed: 0, early: 0 })
    return level
  }
  const guess = ({ lag, wrote, passed, early }: Level): number => lag + Math.max(wrote, passed + early)
  const pass = (channels: readonly Channel[]): boolean => {
    if (away) return true // they meet the outage themselves, and are told of it: 'busy' would be another story
    for (const { channel } of channels) if (guess(levelOf(channel)) >= buffer) return false
    for (const { channel } of channels) { levelOf(channel).passed++; check(channel) }
    return true
  }
  const check = (channel: string): void => {
    if (guess(levelOf(channel)) <= buffer / 2 || due.has(channel)) return
    due.add(channel)
    plan()
  }
  const plan = (): void => {
    if (measuring || closed) return
    measuring = true
    const wait = next - runtime.now()
    if (wait > 0 && wait <= 10_000) stopLook = runtime.after(wait, () => void look())
    else runtime.soon(() => void look())
  }
  const sweep = (): void => {
    for (const waiter of line) {
      if (!pass(waiter.channels)) continue // who waits for other channels may go
      line.delete(waiter)
      waiter.go()
    }
    if (line.size > 0) watch()
    else { stopTimer?.(); stopTimer = undefined; stopWatch?.(); stopWatch = undefined }
  }
  const look = async (): Promise<void> => {
    if (closed) return
    const begun = runtime.now()
    for (const waiter of line) for (const { channel } of waiter.channels) due.add(channel)
    const channels = [...due], before = new Map(channels.map(channel => [channel, { ...levelOf(channel) }]))
    due.clear()
    let wait: number | undefined
    try {
      const [landed] = await db.fly([{ statement: measure, params: [channels, buffer] }])
      trouble.over()
      away = false
      for (const [channel, lag] of landed!.rows) {
        const level = levelOf(channel!), { wrote, passed } = before.get(channel!)!
        level.lag = Number(lag)
        level.wrote -= wrote
        level.passed -= passed
        level.early = Math.max(0, passed + Math.floor(level.early / 2) - wrote)
      }
    } catch (e) { wait = trouble.failed(e); away = true }
    next = begun + Math.max(pause, rest * (runtime.now() - begun))
    if (closed) return
    if (wait !== undefined) {
      sweep()
      for (const channel of channels) due.add(channel)
      stopTimer?.()
      stopTimer = runtime.after(wait, () => { stopTimer = undefined; measuring = false; plan() })
      return
    }
    measuring = false
    sweep()
  }
  /** While somebody waits. */
  const watch = (): void => {
    stopWatch ??= newsroom.watch('applied', plan)
    if ([...line].some(({ channels }) => channels.some(({ channel }) => levelOf(channel).early > 0))) plan()
    stopTimer ??= runtime.after(poll, () => { stopTimer = undefined; plan() })
  }
  return {
    wait: channels => {
      if (closed || (![...line].some(waiter => waiter.channels.some(a => channels.some(b => a.channel === b.channel))) && pass(channels))) return undefined
      return new Promise(resolve => {
        line.add({ channels, go: resolve })
        plan()
      })
    },
    wrote: (channel, count) => { levelOf(channel).wrote += count; check(channel) },
    sizes: () => ({ waiting: line.size }),
    close: () => {
      closed = true
      stopTimer?.(); stopWatch?.(); stopLook?.()
      for (const waiter of line) waiter.go()
      line.clear()
    },
  }
}

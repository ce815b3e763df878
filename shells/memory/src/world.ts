import { type AnyTable, type Committed, type Failure, type Mark, type Message, type Outcome, type Parked, type ParkedFilter, type Reach, type Row, type Unit, canonical } from '@lowtide/core'
import * as E from 'fp-ts/lib/Either.js'
import { logs } from './log.js'
import { keep } from './rows.js'

export type News = 'outcome' | 'applied' | 'parked'
const no = (failure: string): E.Either<Failure, never> => E.left({ failure, retry: false })
type Asked = Pick<Mark, 'consumer' | 'id'>
const nothing: readonly never[] = []

/** What outlives an instance: rows, logs, inbox, checkpoints, parked messages. Instances that are given the same world share it. `partitions`: of each channel, 8. */
export const memoryWorld = (o: { readonly partitions?: number } = {}) => {
  const shapes = new Map<string, AnyTable>(), parked = new Map<string, Parked>(), count = new Map<string, number>()
  const watchers: { readonly [what in News]: Set<() => void> } = { outcome: new Set(), applied: new Set(), parked: new Set() }, told = new Set<News>()
  const log = logs(o.partitions ?? 8), leases = new Map<string, number>()
  let version = 0
  const versions = { next: (): number => ++version }
  let tables = keep([], versions)

  /** After the commit, never inside it, and once for all that happened meanwhile. */
  const tell = (what: News): void => {
    if (told.has(what)) return
    told.add(what)
    queueMicrotask(() => { told.delete(what); for (const call of watchers[what]) call() })
  }
  const counted = (consumer: string, by: number): void => { count.set(consumer, (count.get(consumer) ?? 0) + by) }
  const put = (p: Parked): void => { if (!parked.has(p.id) && p.state !== 'failed') counted(p.consumer, 1); parked.set(p.id, p) }
  const drop = (id: string): void => { const p = parked.get(id); if (p && p.state !== 'failed') counted(p.consumer, -1); parked.delete(id) }
  const find = ({ id, consumer, channel, key, state }: ParkedFilter): readonly Parked[] => {
    const list = id === undefined ? [...parked.values()] : [parked.get(id)].flatMap(p => p ?? [])
    return list.filter(p => (consumer ?? p.consumer) === p.consumer && (channel ?? p.channel) === p.channel && (key ?? p.key) === p.key && (state ?? p.state) === p.state)
  }
  const reached = ({ commandId, rejection, events }: Outcome, at: ReadonlyMap<string, Reach>): Outcome => {
    if (rejection) return { commandId, rejection, upTo: nothing }
    const upTo = new Map<string, Reach>()
    if (events.length > 1) for (const e of events) { const r = at.get(e.id)!; upTo.set(`${r.channel}\u0000${r.partition}`, r) }
    return { commandId, events, upTo: events.length === 1 ? [at.get(events[0]!.id)!] : [...upTo.values()] }
  }
  /** A mark of an event is no more than its time: there is one for each message and consumer. */
  const inbox = new Map<string, Map<string, Mark | string>>()
  const inboxOf = (consumer: string): Map<string, Mark | string> => { let box = inbox.get(consumer); if (box === undefined) { box = new Map(); inbox.set(consumer, box) } return box }
  const markOf = ({ consumer, id }: Asked): Mark | undefined => { const m = inbox.get(consumer)?.get(id); return typeof m === 'string' ? { consumer, id, body: '', time: m } : m }
  const seen = (asked: readonly Asked[]): readonly Mark[] => {
    let found: Mark[] | undefined
    for (const a of asked) { const m = markOf(a); if (m) (found ??= []).push(m) }
    return found ?? nothing
  }
  /** A few of the oldest, each time: what the window has left behind is forgotten. */
  const forget = (consumer: string, before: number): void => {
    let n = 0
    for (const [id, m] of inboxOf(consumer)) { if (++n > 2 || Date.parse(typeof m === 'string' ? m : m.time) >= before) return; inboxOf(consumer).delete(id) }
  }

  const commit = (unit: Unit, oldest: number): Committed => {
    const fenced = unit.checkpoints.filter(c => !log.owns(c.consumer, c.channel, c.partition, c.fence)), before = seen(unit.marks)
    const checks = unit.checks.filter(c => !tables.holds(c)), { stale, broken, finals } = tables.foresee(unit.writes)
    if (fenced.length + before.length + checks.length + stale.length + broken.length > 0) return { conflict: { fenced, seen: before, broken, stale: [...checks.map(c => c.key), ...stale] } }

    tables.apply(finals)
    const at = new Map<string, Reach>()
    for (const { channel, message } of unit.emits) at.set(message.id, log.append(channel, message))
    const stand = unit.marks.map(m => {
      const mark = m.outcome ? { consumer: m.consumer, id: m.id, body: m.body, time: m.time, outcome: reached(m.outcome, at) } : m
      inboxOf(m.consumer).set(m.id, m.outcome || m.body !== '' ? mark : m.time)
      return mark
    })
    for (const p of unit.parks) put(p)
    for (const id of unit.unparks) drop(id)
    for (const { consumer, channel, partition, position } of unit.checkpoints) if (position !== undefined) log.move(consumer, { channel, partition, position })
    if (unit.checkpoints.length > 0) tell('applied')
    if (unit.marks.length > 0) { forget(unit.marks[0]!.consumer, oldest); tell('outcome') }
    if (unit.parks.length + unit.unparks.length > 0) { tell('parked'); tell('applied') }
    return { marks: stand }
  }

  return {
    log, commit, find,
    /** Makes the tables that are not there yet; another declaration under the same name is refused. */
    declare: (list: readonly AnyTable[]): E.Either<Failure, void> => {
      const other = list.find(t => shapes.has(t.name) && canonical(shapes.get(t.name)) !== canonical(t)), fresh = list.filter(t => !shapes.has(t.name))
      if (other) return no(`table '${other.name}' is declared otherwise in this world already; give the new one another name`)
      for (const t of fresh) shapes.set(t.name, t)
      const old = tables, names = [...shapes.keys()].filter(n => !fresh.some(t => t.name === n))
      tables = keep([...shapes.values()], versions)
      tables.adopt(old, names)
      return E.right(undefined)
    },
    answer: (l: Parameters<typeof tables.answer>[0]) => tables.answer(l),
    seen,
    applied: (consumer: string) => ({ upTo: log.applied(consumer), parked: count.get(consumer) ?? 0 }),
    unpark: (id: string, how: 'redrive' | 'discard'): E.Either<Failure, void> => {
      const p = parked.get(id)
      if (p === undefined) return no(`nothing parked has the id '${id}'`)
      const line = p.state === 'failed' ? [p] : find({ consumer: p.consumer, channel: p.channel, key: p.key }).filter(x => x.state !== 'failed'), head = line[0]!
      if (how === 'redrive' && head.id !== id) return no(`'${id}' waits behind '${head.id}' of its key '${p.key}'; redrive that one first`)
      if (how === 'redrive') parked.set(id, { ...p, state: 'redrive' })
      else {
        drop(id)
        const next = line[1]
        if (head.id === id && next) parked.set(next.id, { ...next, state: 'redrive' })
      }
      tell('parked'); tell('applied')
      return E.right(undefined)
    },
    shadow: (list: readonly AnyTable[]) => {
      const rows = keep(list, versions), names = list.map(t => t.name), done: Mark[] = []
      return {
        answer: rows.answer,
        commit: (unit: Unit): Committed => {
          const { stale, broken, finals } = rows.foresee(unit.writes), checks = unit.checks.filter(c => !rows.holds(c))
          if (stale.length + broken.length + checks.length > 0) return { conflict: { stale: [...checks.map(c => c.key), ...stale], broken, seen: [], fenced: [] } }
          rows.apply(finals)
          done.push(...unit.marks)
          return { marks: unit.marks }
        },
        swap: (channels: readonly string[], upTo: readonly Reach[]): boolean => {
          if (!log.ends(channels, upTo)) return false
          tables.adopt(rows, names)
          for (const m of done) inboxOf(m.consumer).set(m.id, m.time)
          return true
        },
      }
    },
    /** An instance that does not renew in time loses its partitions; when it wakes up it is told, and joins anew. Whoever renews looks after the others. */
    lease: (instance: string, ms: number, now: () => number, lost: () => void) => {
      leases.set(instance, now() + ms)
      return {
        renew: (): void => {
          if (!leases.has(instance)) lost()
          leases.set(instance, now() + ms)
          for (const [other, until] of leases) if (until < now()) { leases.delete(other); log.evict(other) }
        },
        end: (): void => { leases.delete(instance) },
      }
    },
    watch: (what: News, call: () => void): (() => void) => { watchers[what].add(call); return () => { watchers[what].delete(call) } },
    /** For tests: all rows of a table, all messages of a channel, all that is parked. */
    inspect: { rows: (table: string): readonly Row[] => tables.rows(table), channel: (name: string): readonly Message[] => log.channel(name), parked: (): readonly Parked[] => [...parked.values()] },
  }
}
export type MemoryWorld = ReturnType<typeof memoryWorld>

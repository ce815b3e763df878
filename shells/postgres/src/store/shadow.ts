import type { AnyTable, Committed, Failure, Mark, Reach, Runtime, Store, Unit } from '@lowtide/core'
import * as E from 'fp-ts/lib/Either.js'
import type { Database } from '../server/database.js'
import { failureOf, isFailure } from '../server/failure.js'
import { compare, isOnce, placeOf, positionOf } from '../log/position.js'
import { belongs, copiesOf, literal } from './copies.js'
import { cursorsOf, endsOf, endsStep, leftStep } from './history.js'
import { txOf } from './gate.js'
import { locking, ownershipOf, rebuildOf } from './locks.js'
import { type Shape, shapeOf } from './shape.js'
import { identifier, statement } from '../server/statement.js'
import { guarding, patience } from './guarding.js'
import { type Log, reading } from './reading.js'

type Shadow = Awaited<ReturnType<ReturnType<Store['shadow']>>> extends E.Either<Failure, infer S> ? S : never
interface Shadowing {
  readonly db: Database; readonly shift: number; readonly partitions: number; readonly name: string; readonly runtime: Pick<Runtime, 'after' | 'random' | 'now' | 'log'>
  readonly originals: readonly AnyTable[]
  readonly log: Log
  /** A store over other tables, which nobody else writes. */
  readonly over: (shapes: (table: string) => Shape) => { fetch: Store['fetch']; commit: (unit: Unit) => Promise<E.Either<Failure, Committed>> }
  readonly unknown: (table: string) => Failure
}
/** Rows of one unit: nobody else waits for it, and it takes no locks. */
const unitLimit = 2_000

/** Records of what is parked, by consumer and message. */
const waitingIn = async (db: Database): Promise<Map<string, string>> => new Map((await db.fly([{ statement: statement(`select consumer, message ->> 'id', id from ${db.at('lowtide_parked')} where consumer <> '' and message ->> 'id' is not null`), params: [] }]))[0]!.rows.map(([consumer, message, id]) => [`${consumer}\u0000${message}`, id!]))

/**
 * Empty copies of tables beside the live ones, whose rows take the place of theirs in one transaction. It keeps out those who write the tables, and units of
 * the consumers by the locks of their partitions (a late put would write an old row over a rebuilt one); who reads goes on. Their checkpoints go to the end of
 * what was rebuilt, so what a consumer has not read yet is in its rows already, and get a new fence: what its owner has in hand is in the rows too, and it begins
 * anew behind them (else it would park, behind a parked message, what is in the rows, and a redrive would write it again). Marks stand for what has no place of its own, and for what is parked, which then runs again and finds them.
 * A rebuild holds a lock on each of its tables in a transaction of its own connection: it ends with the process, however that ends.
 */
export const shadow = async ({ db, shift, partitions, name, runtime, originals, log, over, unknown }: Shadowing): Promise<E.Either<Failure, Shadow>> => {
  const schema = identifier(db.schema), locks = locking(db.schema), doing = `rebuild ${originals.map(t => `'${t.name}'`).join(', ')}`
  const lockOf = (table: string): number => { const one = locks(); one.exclusive(rebuildOf(table)); return one.numbers()[0]! }
  const copies = copiesOf(db, name, originals, lockOf, new Date(runtime.now()).toISOString()), begun = await guarding({ db, runtime, doing, locks: originals.map(t => lockOf(t.name)), copies })
  if (E.isLeft(begun)) return begun
  const history = await reading(log)
  if (E.isLeft(history)) { await begun.right.close(); return history }
  const { lacks, lost } = history.right, close = async (): Promise<void> => { await begun.right.close(); await history.right.close() }, untold = lacks === undefined ? new Map<string, string>() : await waitingIn(db).catch((e: unknown) => failureOf('look up what is parked', e))
  if (isFailure(untold)) { await close(); return E.left(untold) }
  const guard = begun.right, shapes = new Map(originals.map(table => [table.name, shapeOf(table, copies.at(table.name))]))
  const store = over(table => { const shape = shapes.get(table); if (shape === undefined) throw unknown(table); return shape })
  const stood = statement(`select u.o from unnest($1::text[], $2::text[]) with ordinality u(c, i, o) join ${copies.marks} m on m.consumer = u.c and m.id = u.i`)
  /** Consumers, and of which channels they took something. */
  const consumers = new Map<string, Set<string>>()
  let held: { readonly since: number; readonly of: number; readonly goals: readonly Reach[] } | undefined

  /** Nobody writes the tables from here on: what stands in the log now has to be in the rows. */
  const hold = async (channels: readonly string[], upTo: readonly Reach[]): Promise<readonly Reach[]> => {
    const taking = locks(), cursors = cursorsOf(channels, partitions, upTo)
    for (const consumer of consumers.keys()) for (const channel of channels) for (let partition = 0; partition < partitions; partition++) taking.exclusive(ownershipOf(consumer, channel, partition))
    await guard.hold([...taking.size() > 0 ? [taking.script()] : [], `lock table ${originals.map(table => db.at(table.name)).join(', ')} in exclusive mode`])
    return endsOf((await log.db.fly([endsStep(identifier(log.db.schema), cursors)]))[0]!)
  }
  const behind = (goals: readonly Reach[], upTo: readonly Reach[]): boolean => goals.some(goal => {
    const to = placeOf(goal.position), at = upTo.find(r => r.channel === goal.channel && r.partition === goal.partition), { tx, n } = at === undefined ? { tx: 0, n: 0 } : placeOf(at.position)
    return tx < to.tx || (tx === to.tx && n < to.n)
  })
  /** What was parked and never came: it stands nowhere else. */
  const staying = (): readonly string[] => [...untold].flatMap(([whose, id]) => consumers.has(whose.slice(0, whose.indexOf('\u0000'))) ? [id] : [])
  const replacement = async (upTo: readonly Reach[], stay: readonly string[]): Promise<string> => {
    const gone = new Map((await log.removed?.() ?? []).map(r => [`${r.partition}/${r.channel}`, r]))
    const ends = log.identity === undefined ? upTo : cursorsOf([...new Set([...consumers.values()].flatMap(channels => [...channels]))], partitions, upTo).map(({ channel, partition, ...place }): Reach => {
      const to = gone.get(`${partition}/${channel}`) // what is gone is behind it, else it would be missed for ever
      return { channel, partition: String(partition), position: positionOf(to !== undefined && compare(to, place) > 0 ? to : place) }
    }), witnesses = await log.witnessed?.(ends.map(r => ({ channel: r.channel, partition: Number(r.partition), ...placeOf(r.position) }))) ?? [], witnessed = new Map(ends.map((r, i) => [r, witnesses[i]]))
    const moves = [...consumers].flatMap(([consumer, channels]) => ends.filter(r => channels.has(r.channel)).map(r => `(${literal(consumer)}, ${literal(r.channel)}, ${r.partition}::smallint, ${placeOf(r.position).tx}::bigint, ${placeOf(r.position).n}${log.identity === undefined ? '' : [positionOf(placeOf(r.position), witnessed.get(r)?.print ?? ''), witnessed.get(r)?.start].map(text => `, ${text == null ? 'null' : literal(text)}`).join('')})`))
    // of the same log it goes on, and never back; of another one the place that it had says nothing
    const to = log.identity === undefined ? 'tx = greatest(x.tx, excluded.tx), n = case when (x.tx, x.n) < (excluded.tx, excluded.n) then excluded.n else x.n end' : 'tx = excluded.tx, n = excluded.n, print = excluded.print, start = excluded.start'
    const own = [...consumers.keys()].map(literal).join(', '), but = stay.length === 0 ? '' : ` and id not in (${stay.map(literal).join(', ')})`
    return [
      `set constraints all deferred`, copies.replace, `insert into ${schema}.lowtide_inbox select * from ${copies.marks} on conflict do nothing`,
      ...moves.length === 0 ? [] : [`insert into ${schema}.lowtide_consumers as x (consumer, channel, partition, tx, n${log.identity === undefined ? '' : ', print, start'}) values ${moves.join(', ')} on conflict (consumer, channel, partition) do update set ${to}, fence = x.fence + 1`],
      ...log.identity === undefined ? [] : [...consumers.keys()].map(consumer => belongs(schema, consumer, log.identity!)),
      ...own === '' ? [] : [
        `insert into ${schema}.lowtide_inbox (consumer, id, body, time, tx) select consumer, message ->> 'id', '', now(), ${txOf(shift)} from ${schema}.lowtide_parked where consumer in (${own}) and message ->> 'id' is not null${but} on conflict do nothing`,
        `update ${schema}.lowtide_parked set state = 'redrive' where consumer in (${own}) and state = 'parked' and message is not null${but}`,
      ],
      copies.drop,
    ].join(';\n')
  }
  return E.right({
    unitLimit, lacks, close,
    fetch: asked => async () => guard.ended() === undefined ? store.fetch(asked)() : E.left(guard.ended()!),
    left: async (channels, after) => {
      let sum = 0
      try { for (const cursor of cursorsOf(channels, partitions, after)) { if (guard.ended() !== undefined) return undefined; sum += Number((await log.db.fly([leftStep(identifier(log.db.schema), cursor)]))[0]!.rows[0]![0]) } } catch { return undefined }
      return sum
    },
    commit: unit => async () => {
      const ended = guard.ended(), marks = unit.marks.filter(m => m.at === undefined || !isOnce(placeOf(m.at.position))) // of the others the checkpoint tells
      if (ended !== undefined) return E.left(ended)
      if (marks.length > 0) {
        let seen: readonly Mark[]
        try {
          const [landed] = await db.fly([{ statement: stood, params: [marks.map(m => m.consumer), marks.map(m => m.id)] }])
          seen = landed!.rows.map(([nth]) => marks[Number(nth) - 1]!)
        } catch (e) { return E.left(failureOf('look up the marks of a rebuild', e)) }
        if (seen.length > 0) return E.right({ conflict: { stale: [], broken: [], seen, fenced: [] } }) // published twice
      }
      const committed = await store.commit({ checks: unit.checks.filter(c => c.index === undefined), writes: unit.writes, marks: [], emits: [], parks: [], unparks: [], checkpoints: [] }).catch((e: unknown) => E.left(isFailure(e) ? e : failureOf('write a copy', e)))
      if (E.isLeft(committed) || committed.right.conflict) return committed
      for (const { consumer, at, id } of unit.marks) { untold.delete(`${consumer}\u0000${id}`); const of = consumers.get(consumer) ?? new Set(); if (at !== undefined) of.add(at.channel); consumers.set(consumer, of) }
      if (marks.length === 0) return E.right({ marks: unit.marks })
      const rows = marks.map(m => `(${[m.consumer, m.id, m.body, m.time].map(literal).join(', ')}, 0)`).join(', ')
      try { await db.script(`insert into ${copies.marks} (consumer, id, body, time, tx) values ${rows}`) } catch (e) { return E.left(failureOf('keep the marks of a rebuild', e)) }
      return E.right({ marks: unit.marks })
    },
    swap: (channels, upTo, readers = []) => async () => {
      for (const reader of readers) consumers.set(reader.name, new Set([...consumers.get(reader.name) ?? [], ...reader.channels])) // also who finds nothing has read all
      for (;;) {
        const ended = guard.ended()
        if (ended !== undefined) return E.left(ended)
        if (await guard.early()) return E.right(false) // what is written meanwhile is read
        try {
          held ??= { since: runtime.now(), of: consumers.size, goals: await hold(channels, upTo) }
          if (held.of < consumers.size) { held = undefined; await guard.release(); continue } // one that took its first event meanwhile: its partitions are not locked yet
          if (!behind(held.goals, upTo)) {
            const gone = await lost()
            if (gone !== undefined) return E.left(gone)
            const stay = staying()
            await guard.end(await replacement(upTo, stay))
            if (stay.length > 0) runtime.log('warn', `[postgres] ${stay.length} parked messages stay parked, for their events were removed, so they are in no row: redrive or discard them`)
            return E.right(true)
          }
          if (runtime.now() - held.since > patience.hold) { held = undefined; await guard.release() } // an older transaction still runs: others go on meanwhile
          await guard.pause()
          return E.right(false)
        } catch (e) {
          held = undefined
          const fault = await guard.failed(e)
          if (fault !== undefined) return E.left(fault)
        }
      }
    },
  })
}

import type { AnyTable, Committed, Failure, Mark, Reach, Runtime, Store, Unit } from '@lowtide/core'
import * as E from 'fp-ts/lib/Either.js'
import { columnOf } from '../schema/columns.js'
import type { Database } from '../server/database.js'
import { failure, failureOf, redacted, refusalOf } from '../server/failure.js'
import { cursorsOf } from './history.js'
import { locking, ownershipOf } from './locks.js'
import { type Shape, shapeOf } from './shape.js'
import { identifier, statement } from '../server/statement.js'

type Shadow = Awaited<ReturnType<ReturnType<Store['shadow']>>> extends E.Either<Failure, infer S> ? S : never
interface Shadowing {
  readonly db: Database; readonly partitions: number; readonly name: string; readonly runtime: Pick<Runtime, 'after' | 'random'>
  readonly originals: readonly AnyTable[]
  /** A store over other tables. */
  readonly over: (shapes: (table: string) => Shape) => { fetch: Store['fetch']; commit: (unit: Unit) => Promise<E.Either<Failure, Committed>> }
  readonly unknown: (table: string) => Failure
}
/** Who waits for a table lets nobody else pass meanwhile: short waits, and pauses in between that grow. */
const patience = { lock: '2s', tries: 10, base: 100, cap: 3_000 } as const
const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`

/**
 * Empty copies of tables beside the live ones, without uniques and references: those are checked when the rows take the place of the live ones, in
 * one transaction that keeps everybody else out of the tables. Marks stand from then on: what a consumer has not read yet is in its rows already. No unit of
 * these consumers stands between its checks and its writes then, for it holds its partitions: a late put would write an old row over a rebuilt one, and
 * the later events, whose marks stand, would not be read again.
 * What a process that died in the middle leaves are tables that nobody reads; the next rebuild removes them.
 */
export const shadow = async ({ db, partitions, name, runtime, originals, over, unknown }: Shadowing): Promise<E.Either<Failure, Shadow>> => {
  const schema = identifier(db.schema), copyOf = (table: string): string => `lowtide_copy_${name}_${originals.findIndex(t => t.name === table)}`, marks = `lowtide_copy_${name}_marks`
  const shapes = new Map(originals.map(table => [table.name, shapeOf(table, db.at(copyOf(table.name)))]))
  const store = over(table => { const shape = shapes.get(table); if (shape === undefined) throw unknown(table); return shape })
  const columns = (table: AnyTable): string => [...Object.keys(table.columns).map(identifier), 'lowtide_version'].join(', ')
  const drop = [...originals.map(table => `drop table if exists ${db.at(copyOf(table.name))}`), `drop table if exists ${db.at(marks)}`].join('; ')
  const stood = statement(`select u.o from unnest($1::text[], $2::text[]) with ordinality u(c, i, o) join ${db.at(marks)} m on m.consumer = u.c and m.id = u.i`)
  const locks = locking(db.schema), consumers = new Set<string>()
  let ended: Failure | undefined
  try {
    await db.script([
      // copies whose makers are gone hold no lock: each maker keeps a session's lock would be one more connection, so age tells instead
      `do $do$ declare r record; begin for r in select c.oid::regclass::text as t from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = ${literal(db.schema)} and c.relkind = 'r' and c.relname like 'lowtide\\_copy\\_%'
        and obj_description(c.oid)::timestamptz < clock_timestamp() - interval '1 day' loop execute 'drop table ' || r.t; end loop; end $do$`,
      ...originals.flatMap(table => [
        `create table ${db.at(copyOf(table.name))} (${[...Object.entries(table.columns).map(([column, { kind, optional }]) => `${identifier(column)} ${columnOf(kind).type}${optional ? '' : ' not null'}`), 'lowtide_version bigint not null', `primary key (${table.key.map(identifier).join(', ')})`].join(', ')})`,
        `comment on table ${db.at(copyOf(table.name))} is ${literal(new Date().toISOString())}`,
      ]),
      `create table ${db.at(marks)} (like ${schema}.lowtide_inbox, primary key (consumer, id))`, `comment on table ${db.at(marks)} is ${literal(new Date().toISOString())}`,
    ].join('; '))
  } catch (e) { return E.left(failureOf(`copy the tables ${originals.map(t => t.name).join(', ')}`, e)) }

  const behind = (channels: readonly string[], upTo: readonly Reach[]): string => cursorsOf(channels, partitions, upTo)
    .map(c => `exists (select from ${schema}.lowtide_log where channel = ${literal(c.channel)} and partition = ${c.partition} and (tx, n) > (${c.tx}, ${c.n}))`).join(' or ') || 'false'
  return E.right({
    fetch: store.fetch,
    commit: unit => async () => {
      if (ended !== undefined) return E.left(ended)
      if (unit.marks.length > 0) {
        let seen: readonly Mark[]
        try {
          const [landed] = await db.fly([{ statement: stood, params: [unit.marks.map(m => m.consumer), unit.marks.map(m => m.id)] }])
          seen = landed!.rows.map(([nth]) => unit.marks[Number(nth) - 1]!)
        } catch (e) { return E.left(failureOf('look up the marks of a rebuild', e)) }
        if (seen.length > 0) return E.right({ conflict: { stale: [], broken: [], seen, fenced: [] } }) // published twice
      }
      const committed = await store.commit({ checks: unit.checks.filter(c => c.index === undefined), writes: unit.writes, marks: [], emits: [], parks: [], unparks: [], checkpoints: [] })
      if (E.isLeft(committed) || committed.right.conflict || unit.marks.length === 0) return E.map((): Committed => ({ marks: unit.marks }))(committed)
      for (const { consumer } of unit.marks) consumers.add(consumer)
      const rows = unit.marks.map(m => `(${[m.consumer, m.id, m.body, m.time].map(literal).join(', ')}, 0)`).join(', ')
      try { await db.script(`insert into ${db.at(marks)} (consumer, id, body, time, tx) values ${rows}`) } catch (e) { return E.left(failureOf('keep the marks of a rebuild', e)) }
      return E.right({ marks: unit.marks })
    },
    swap: (channels, upTo) => async () => {
      if (ended !== undefined) return E.left(ended)
      const live = originals.map(table => db.at(table.name)), taking = locks()
      for (const consumer of consumers) for (const channel of channels) for (let partition = 0; partition < partitions; partition++) taking.exclusive(ownershipOf(consumer, channel, partition))
      // who writes these tables has to end first: what it emitted is seen then
      const text = [
        `set local lock_timeout = '${patience.lock}'`, taking.script(), `lock table ${live.join(', ')} in access exclusive mode`,
        `do $do$ begin if ${behind(channels, upTo)} then raise exception 'behind' using errcode = 'LT002'; end if; end $do$`,
        `set constraints all deferred`,
        ...live.map(table => `delete from ${table}`),
        ...originals.map(table => `insert into ${db.at(table.name)} (${columns(table)}) select ${columns(table)} from ${db.at(copyOf(table.name))}`),
        `insert into ${schema}.lowtide_inbox select * from ${db.at(marks)} on conflict do nothing`, drop,
      ].join('; ')
      for (let tries = 1; ; tries++) {
        try {
          await db.script(text)
          ended = failure('cannot use copies of tables that have taken the place of the live ones; ask for new ones')
          return E.right(true)
        } catch (e) {
          const { code, message, constraint } = refusalOf(e)
          if (code === 'LT002') return E.right(false)
          if (code?.startsWith('23') === true) {
            ended = failure(`cannot put the rebuilt tables in place: ${constraint ?? ''}: ${redacted(message)}`)
            await db.script(drop).catch(() => {}) // else the next rebuild does, a day later
            return E.left(ended)
          }
          if ((code !== '55P03' && code !== '40P01') || tries === patience.tries) return E.left(failureOf('put the rebuilt tables in place', e))
          await new Promise<void>(resolve => { runtime.after(runtime.random() * Math.min(patience.cap, patience.base * 2 ** tries), resolve) })
        }
      }
    },
  })
}

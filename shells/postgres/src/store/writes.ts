import type { Checkpoint, Emit, Mark, Parked, Write } from '@lowtide/core'
import { whole } from './checks.js'
import { open } from './gate.js'
import { partitionOf, placeOf } from '../log/position.js'
import { type Shape, apart, between, columnar, jsons, named, rowsOf, same } from './shape.js'
import { type Step, identifier, statements } from '../server/statement.js'

// Every statement ends with the gate: shut by a check, it writes nothing.

/** `jsons`, together. */
const joined = (texts: readonly (string | null)[]): string => texts.map(text => text ?? '').join(between)

/** Ends the transaction where fewer rows were written than had been found: somebody had written past the locks. */
const must = (written: string, count: string, schema: string, what: string): string => `with w as (${written} returning 1) select ${schema}.lowtide_must(not (${open}) or (select count(*) from w) = ${count}::bigint, '${what.replaceAll("'", "''")}')`

/** Whether something in the flight may shut the gate; to ask costs as much as a tenth of an insert. */
export type Gate = 'gated' | 'free'
export const behind = (gate: Gate): string => gate === 'gated' ? ` where ${open}` : ''
/** One row tells the transaction's id by itself. */
const answering = (single: boolean, insert: string): string => single ? `${insert} returning tx` : `with w as (${insert} returning tx) select max(tx) from w`

type Op<O extends Write['op']> = Extract<Write, { op: O }>
export const writing = (schema: string, tx: string) => {
  const at = (table: string): string => `${schema}.${table}`, kept = statements()
  return {
    insert: (shape: Shape, rows: readonly Op<'insert'>[], gate: Gate): Step => {
      const { columns } = shape, values = columnar(shape, columns)
      for (const { row } of rows) values.add(row)
      return { statement: shape.kept(`insert ${gate} ${rows.length === 1}`, () => `insert into ${shape.at} (${columns.map(identifier).join(', ')}, lowtide_version) select ${columns.map((_, i) => `u.v${i}`).join(', ')}, ${tx} from ${values.rows('v')}${behind(gate)}`), params: values.given() }
    },
    /** Whatever stands there gives way, also what somebody wrote past the locks. */
    put: (shape: Shape, rows: readonly Op<'put'>[], gate: Gate): Step => {
      const { columns, table: { key } } = shape, values = columnar(shape, columns), set = (): string => [...columns.filter(column => !key.includes(column)).map(identifier), 'lowtide_version'].map(column => `${column} = excluded.${column}`).join(', ')
      for (const { row } of rows) values.add(row)
      return { statement: shape.kept(`put ${gate} ${rows.length === 1}`, () => `insert into ${shape.at} (${columns.map(identifier).join(', ')}, lowtide_version) select ${columns.map((_, i) => `u.v${i}`).join(', ')}, ${tx} from ${values.rows('v')}${behind(gate)} on conflict (${key.map(identifier).join(', ')}) do update set ${set()}`), params: values.given() }
    },
    update: (shape: Shape, rows: readonly Op<'update'>[]): Step => {
      const { columns, table: { key, name } } = shape, rest = columns.filter(column => !key.includes(column)), keys = columnar(shape, key), values = columnar(shape, rest), next = columns.length + 1
      for (const { row } of rows) { keys.add(row); values.add(row) }
      const arrays = (): string => [keys.text(1), values.text(key.length + 1), `$${next}::bigint[]`].filter(text => text !== '').join(', '), names = (): string => [named(key, 'k'), named(rest, 'v'), 'w'].filter(text => text !== '').join(', ')
      return {
        statement: shape.kept('update', () => must(`update ${shape.at} t set ${[...rest.map((column, i) => `${identifier(column)} = u.v${i}`), `lowtide_version = ${tx}`].join(', ')} from unnest(${arrays()}) u(${names()}) where ${same(key, 'k')} and t.lowtide_version = u.w and ${open}`, `$${next + 1}`, schema, `a row of '${name}'`)),
        params: [...keys.params, ...values.params, rows.map(r => Number(r.version)), rows.length],
      }
    },
    remove: (shape: Shape, rows: readonly Op<'remove'>[]): Step => {
      const { table: { key, name } } = shape, keys = columnar(shape, key)
      for (const { columns } of rows) keys.add(columns)
      return {
        statement: shape.kept('remove', () => must(`delete from ${shape.at} t using unnest(${keys.text(1)}, $${key.length + 1}::bigint[]) u(${named(key, 'k')}, w) where ${same(key, 'k')} and t.lowtide_version = u.w and ${open}`, `$${key.length + 2}`, schema, `a row of '${name}'`)),
        params: [...keys.params, rows.map(r => Number(r.version)), rows.length],
      }
    },
    add: (shape: Shape, rows: readonly Op<'add'>[], columns: readonly string[]): Step => {
      const { table: { key } } = shape, keys = columnar(shape, key), by = columnar(shape, columns)
      for (const row of rows) { keys.add(row.columns); by.add(whole(row.by, columns)) }
      return {
        statement: shape.kept(`add ${columns.join()}`, () => `update ${shape.at} t set ${[...columns.map((column, i) => `${identifier(column)} = t.${identifier(column)} + u.b${i}`), `lowtide_version = ${tx}`].join(', ')} from unnest(${keys.text(1)}, ${by.text(key.length + 1)}) u(${named(key, 'k')}, ${named(columns, 'b')}) where ${same(key, 'k')} and ${open}`),
        params: [...keys.params, ...by.params],
      }
    },
    /** Answers with the transaction's id. */
    marks: (marks: readonly Mark[], outcomes: readonly (string | null)[], gate: Gate): Step => {
      const single = marks.length === 1, [{ consumer, id, body, time }] = marks as readonly [Mark]
      return {
        statement: kept(`marks ${gate} ${single}`, () => answering(single, `insert into ${at('lowtide_inbox')} (consumer, id, body, time, tx, outcome) select u.c, u.i, u.b, u.t, ${tx}, u.r::json
          from ${rowsOf(['text', 'text', 'text', 'timestamptz', jsons], 'c, i, b, t, r', single)}${behind(gate)}`)),
        params: single ? [consumer, id, body, time, outcomes[0]!] : [marks.map(m => m.consumer), marks.map(m => m.id), marks.map(m => m.body), marks.map(m => m.time), joined(outcomes)],
      }
    },
    /** `answers`: with the transaction's id. `from`: the first of their numbers. */
    emits: (emits: readonly Emit[], partitions: readonly number[], gate: Gate, answers: boolean, from: number): Step => {
      const single = emits.length === 1, texts = emits.map(e => JSON.stringify(e.message)), text = (): string => `insert into ${at('lowtide_log')} (channel, partition, tx, n, message) select u.c, u.p, ${tx}, u.o - 1 + ${from}, u.m::json
        from ${rowsOf(['text', 'smallint', jsons], 'c, p, m', single, true)}${behind(gate)}`
      return {
        statement: kept(`emits ${gate} ${single} ${answers} ${from}`, () => answers ? answering(single, text()) : text()),
        params: single ? [emits[0]!.channel, partitions[0]!, texts[0]!] : [emits.map(e => e.channel), partitions, joined(texts)],
      }
    },
    /**
     * What stands under its id keeps its place and gets another state, reason and number of attempts. Where a mark tells that it is done, for a rebuild took it in while it
     * was tried again, it runs once more and finds itself done: nobody else would ever take it off the list.
     */
    parks: (parks: readonly Parked[]): Step => ({
      statement: kept('parks', () => `insert into ${at('lowtide_parked')} as p (id, consumer, channel, partition, key, state, reason, attempts, time, message, raw)
        select u.i, u.c, u.h, u.p, u.k, case when exists (select from ${at('lowtide_inbox')} x where x.consumer = u.c and x.id = u.m::json ->> 'id') then 'redrive' else u.s end, u.r, u.a, u.t, u.m::json, u.w from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::int[], $9::timestamptz[], ${apart(10)}, $11::text[]) with ordinality u(i, c, h, p, k, s, r, a, t, m, w, o)
        where ${open} order by u.o on conflict (id) do update set state = excluded.state, reason = excluded.reason, attempts = excluded.attempts`),
      params: [
        parks.map(p => p.id), parks.map(p => p.consumer), parks.map(p => p.channel), parks.map(p => p.partition), parks.map(p => storable(p.key)), parks.map(p => p.state), parks.map(p => storable(p.reason)), parks.map(p => p.attempts), parks.map(p => p.time),
        joined(parks.map(p => p.message === undefined ? null : JSON.stringify(p.message))), parks.map(p => p.raw === undefined ? null : storable(p.raw)),
      ],
    }),
    unparks: (ids: readonly string[]): Step => ({ statement: kept('unparks', () => `delete from ${at('lowtide_parked')} where id = any($1::text[]) and ${open}`), params: [ids] }),
    /** `start`: of the log that a replica reads, null where it tells none; with it what stands at the place is kept. */
    checkpoints: (checkpoints: readonly (Checkpoint & { readonly position: string })[], start?: string | null): Step => {
      const places = checkpoints.map(c => placeOf(c.position)), replica = start !== undefined, newer = (column: string, to: string): string => `${column} = case when (u.x, u.n) > (x.tx, x.n) then ${to} else x.${column} end`
      return {
        statement: kept(`checkpoints ${replica}`, () => must(`update ${at('lowtide_consumers')} x set tx = greatest(x.tx, u.x), n = case when u.x > x.tx then u.n when u.x = x.tx then greatest(x.n, u.n) else x.n end${replica ? `, ${newer('print', 'u.w')}, ${newer('start', '$9::text')}` : ''}
          from unnest($1::text[], $2::text[], $3::smallint[], $4::bigint[], $5::bigint[], $6::int[]${replica ? ', $8::text[]' : ''}) u(c, h, p, f, x, n${replica ? ', w' : ''}) where x.consumer = u.c and x.channel = u.h and x.partition = u.p and x.fence = u.f and ${open}`, '$7', schema, 'the owner of a partition')),
        params: [checkpoints.map(c => c.consumer), checkpoints.map(c => c.channel), checkpoints.map(c => Number(c.partition)), checkpoints.map(c => c.fence), places.map(p => p.tx), places.map(p => p.n), checkpoints.length, ...replica ? [checkpoints.map(c => c.position), start] : []],
      }
    },
  }
}
/** Texts from outside may hold what Postgres cannot. */
const storable = (text: string): string => text.toWellFormed().replaceAll('\u0000', '\uFFFD')
export const partitionsOf = (emits: readonly Emit[], partitions: number): readonly number[] => emits.map(e => partitionOf(e.message.subject, partitions))

import { type Check, type Checkpoint, type Mark, type Row, type Write, keyOf } from '@lowtide/core'
import { placeOf } from '../log/position.js'
import { shut } from './gate.js'
import { type Passing, passedBefore } from './passing.js'
import { type Shape, columnar, named, same } from './shape.js'
import { type Param, type Statements, type Step, identifier } from '../server/statement.js'

/** One check of a unit, a part of one statement: a row for whatever does not hold, with its number from 1. `of` tells its text, whose parameters begin with `first`. */
export interface Checking { readonly of: string; text(first: number): string; params(): readonly Param[]; found(nth: number, detail: string | null | undefined): void }
export interface Found { readonly stale: Set<string>; readonly broken: { readonly key: string; readonly constraint: string }[]; readonly seen: Mark[]; readonly fenced: Checkpoint[] }

const absent = -1
/** Rows at their version, or absent: what was read, and what is to be written. By key, each on its own: no plan of a join can go wrong. */
export const rowsCheck = (shape: Shape, expected: readonly { readonly key: string; readonly columns: Row; readonly version: number | undefined }[], { stale }: Found): Checking => {
  const { table: { key }, at } = shape, values = columnar(shape, key), versions: number[] = []
  for (const { columns, version } of expected) { values.add(columns); versions.push(version ?? absent) }
  return {
    of: `rows ${at}`, params: () => [...values.params, versions], found: nth => { stale.add(expected[nth - 1]!.key) },
    text: first => `select u.o, null::text from unnest(${values.text(first)}, $${first + key.length}::bigint[]) with ordinality u(${named(key, 'k')}, v, o) where coalesce((select t.lowtide_version from ${at} t where ${same(key, 'k')}), ${absent}) <> u.v`,
  }
}
/** Values of a unique index that nobody may have. */
export const uniqueCheck = (shape: Shape, index: number, checks: readonly Check[], { stale }: Found): Checking => {
  const columns = shape.table.unique[index]!, values = columnar(shape, columns)
  for (const check of checks) values.add(check.columns)
  return {
    of: `unique ${shape.at} ${index}`, params: () => values.params, found: nth => { stale.add(checks[nth - 1]!.key) },
    text: first => `select u.o, null::text from unnest(${values.text(first)}) with ordinality u(${named(columns, 'k')}, o) where exists (select from ${shape.at} t where ${same(columns, 'k')})`,
  }
}
type Add = Extract<Write, { op: 'add' }>
/** Sums that a number of JavaScript could not hold. */
export const sumsCheck = (shape: Shape, adds: readonly Add[], columns: readonly string[], { broken }: Found): Checking => {
  const { table: { key }, at } = shape, keys = columnar(shape, key), by = columnar(shape, columns)
  for (const add of adds) { keys.add(add.columns); by.add(whole(add.by, columns)) }
  const over = (): string => columns.map((name, i) => `when abs(t.${identifier(name)} + u.b${i}) > 9007199254740991 then '${i}'`).join(' ')
  return {
    of: `sums ${at} ${columns.join()}`, params: () => [...keys.params, ...by.params],
    text: first => `select o, i from (select u.o, case ${over()} end as i from unnest(${keys.text(first)}, ${by.text(first + key.length)}) with ordinality u(${named(key, 'k')}, ${named(columns, 'b')}, o) join ${at} t on ${same(key, 'k')}) x where i is not null`,
    found: (nth, detail) => { const { table, at: place } = adds[nth - 1]!; broken.push({ key: keyOf(table, place), constraint: `${table}.${columns[Number(detail)]} within 2^53` }) },
  }
}
/** What is added, in all these columns. */
export const whole = (by: { readonly [column: string]: number }, columns: readonly string[]): Row => Object.fromEntries(columns.map(name => [name, by[name] ?? 0]))

/** A consumer without any mark, as most have none of events, is asked for once. */
export const marksCheck = (inbox: string, marks: readonly Mark[], { seen }: Found): Checking => ({
  of: inbox, params: () => [marks.map(m => m.consumer), marks.map(m => m.id), [...new Set(marks.map(m => m.consumer))]], found: nth => { seen.push(marks[nth - 1]!) },
  text: first => `select u.o, null::text from unnest($${first}::text[], $${first + 1}::text[]) with ordinality u(c, i, o) where exists (select from ${inbox} m where m.consumer = any($${first + 2}::text[])) and exists (select from ${inbox} m where m.consumer = u.c and m.id = u.i)`,
})
/** Checkpoints that belong to another owner now, or stand already where a mark of theirs has its place. */
export const fencesCheck = (consumers: string, passings: readonly Passing[], { fenced, seen }: Found): Checking => ({
  of: consumers,
  params: () => [passings.map(p => p.checkpoint.consumer), passings.map(p => p.checkpoint.channel), passings.map(p => Number(p.checkpoint.partition)), passings.map(p => p.checkpoint.fence), passings.map(p => p.first?.tx ?? null), passings.map(p => p.first?.n ?? null)],
  found: (nth, detail) => { const here = passings[nth - 1]!; if (detail == null) fenced.push(here.checkpoint); else seen.push(...passedBefore(here, placeOf(detail))) },
  text: first => `select u.o, case when x.fence = u.f then concat(x.tx, '.', x.n) end from unnest($${first}::text[], $${first + 1}::text[], $${first + 2}::smallint[], $${first + 3}::bigint[], $${first + 4}::bigint[], $${first + 5}::int[]) with ordinality u(c, h, p, f, tx, n, o)
    left join ${consumers} x on x.consumer = u.c and x.channel = u.h and x.partition = u.p where x.fence is distinct from u.f or (x.tx, x.n) >= (u.tx, u.n)`,
})

/** All of them as one statement, which answers with the number of the check, and of what it found. */
export const together = (kept: Statements, checks: readonly Checking[]): Step => {
  const firsts: number[] = [], params: Param[] = []
  for (const check of checks) { firsts.push(params.length + 1); params.push(...check.params()) }
  return {
    params,
    statement: kept(checks.map(c => c.of).join('\u0000'), () => checks.map(({ text }, i) => `select ${i}, x.o, x.d, ${shut} from (${text(firsts[i]!)}) x(o, d)`).join(' union all ')),
  }
}

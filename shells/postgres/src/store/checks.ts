import { type Check, type Checkpoint, type Mark, type Row, type Write, keyOf } from '@lowtide/core'
import { shut } from './gate.js'
import { type Shape, columnar, named, same } from './shape.js'
import { type Param, type Statements, type Step, identifier } from '../server/statement.js'

/** One check of a unit, a part of one statement: a row for whatever does not hold, with its number from 1. `of` tells its text, whose parameters begin with `first`. */
export interface Checking { readonly of: string; text(first: number): string; params(): readonly Param[]; found(nth: number, detail: string | null | undefined): void }
export interface Found { readonly stale: Set<string>; readonly broken: { readonly key: string; readonly constraint: string }[]; readonly seen: Pick<Mark, 'consumer' | 'id'>[]; readonly fenced: Checkpoint[] }

const absent = -1
/** Rows at their version, or absent: what was read, and what is to be written. By key, each on its own: no plan of a join can go wrong. */
export const rowsCheck = (shape: Shape, expected: readonly { readonly key: string; readonly columns: Row; readonly version: number | undefined }[], { stale }: Found): Checking => {
  const { table: { key }, at } = shape, values = columnar(shape, key), versions: number[] = []
  for (const { columns, version } of expected) { values.add(columns); versions.push(version ?? absent) }
  return {
    of: `rows ${at}`, params: () => [...values.params, versions], found: nth => { stale.add(expected[nth - 1]!.key) },
    text: first => `select u.o, null::int from unnest(${values.text(first)}, $${first + key.length}::bigint[]) with ordinality u(${named(key, 'k')}, v, o) where coalesce((select t.lowtide_version from ${at} t where ${same(key, 'k')}), ${absent}) <> u.v`,
  }
}
/** Values of a unique index that nobody may have. */
export const uniqueCheck = (shape: Shape, index: number, checks: readonly Check[], { stale }: Found): Checking => {
  const columns = shape.table.unique[index]!, values = columnar(shape, columns)
  for (const check of checks) values.add(check.columns)
  return {
    of: `unique ${shape.at} ${index}`, params: () => values.params, found: nth => { stale.add(checks[nth - 1]!.key) },
    text: first => `select u.o, null::int from unnest(${values.text(first)}) with ordinality u(${named(columns, 'k')}, o) where exists (select from ${shape.at} t where ${same(columns, 'k')})`,
  }
}
type Add = Extract<Write, { op: 'add' }>
/** Sums that a number of JavaScript could not hold. */
export const sumsCheck = (shape: Shape, adds: readonly Add[], columns: readonly string[], { broken }: Found): Checking => {
  const { table: { key }, at } = shape, keys = columnar(shape, key), by = columnar(shape, columns)
  for (const add of adds) { keys.add(add.columns); by.add(whole(add.by, columns)) }
  const over = (): string => columns.map((name, i) => `when abs(t.${identifier(name)} + u.b${i}) > 9007199254740991 then ${i}`).join(' ')
  return {
    of: `sums ${at} ${columns.join()}`, params: () => [...keys.params, ...by.params],
    text: first => `select o, i from (select u.o, case ${over()} end as i from unnest(${keys.text(first)}, ${by.text(first + key.length)}) with ordinality u(${named(key, 'k')}, ${named(columns, 'b')}, o) join ${at} t on ${same(key, 'k')}) x where i is not null`,
    found: (nth, detail) => { const { table, at: place } = adds[nth - 1]!; broken.push({ key: keyOf(table, place), constraint: `${table}.${columns[Number(detail)]} within 2^53` }) },
  }
}
/** What is added, in all these columns. */
export const whole = (by: { readonly [column: string]: number }, columns: readonly string[]): Row => Object.fromEntries(columns.map(name => [name, by[name] ?? 0]))

export const marksCheck = (inbox: string, marks: readonly Mark[], { seen }: Found): Checking => ({
  of: inbox, params: () => [marks.map(m => m.consumer), marks.map(m => m.id)], found: nth => { seen.push(marks[nth - 1]!) },
  text: first => `select u.o, null::int from unnest($${first}::text[], $${first + 1}::text[]) with ordinality u(c, i, o) where exists (select from ${inbox} m where m.consumer = u.c and m.id = u.i)`,
})
export const fencesCheck = (consumers: string, checkpoints: readonly Checkpoint[], { fenced }: Found): Checking => ({
  of: consumers, params: () => [checkpoints.map(c => c.consumer), checkpoints.map(c => c.channel), checkpoints.map(c => Number(c.partition)), checkpoints.map(c => c.fence)], found: nth => { fenced.push(checkpoints[nth - 1]!) },
  text: first => `select u.o, null::int from unnest($${first}::text[], $${first + 1}::text[], $${first + 2}::smallint[], $${first + 3}::bigint[]) with ordinality u(c, h, p, f, o)
    where not exists (select from ${consumers} x where x.consumer = u.c and x.channel = u.h and x.partition = u.p and x.fence = u.f)`,
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

import { type Check, type Checkpoint, type Mark, type Row, type Write, keyOf } from '@lowtide/core'
import { shut } from './gate.js'
import { type Shape, columnar, named, same } from './shape.js'
import { type Step, identifier, statement } from './statement.js'

/** One check of a unit: what its rows, which are numbers from 1, say about. */
export interface Checking { readonly step: Step; found(nth: number, cells: readonly (string | null)[]): void }
export interface Found { readonly stale: Set<string>; readonly broken: { readonly key: string; readonly constraint: string }[]; readonly seen: Pick<Mark, 'consumer' | 'id'>[]; readonly fenced: Checkpoint[] }

const absent = -1
/** Rows at their version, or absent: what was read, and what is to be written. By key, each on its own: no plan of a join can go wrong. */
export const rowsCheck = (shape: Shape, expected: readonly { readonly key: string; readonly columns: Row; readonly version: number | undefined }[], { stale }: Found): Checking => {
  const { table: { key }, at } = shape, values = columnar(shape, key, 1), versions: number[] = []
  for (const { columns, version } of expected) { values.add(columns); versions.push(version ?? absent) }
  return {
    step: {
      statement: statement(`select u.o, ${shut} from unnest(${values.text}, $${values.next}::bigint[]) with ordinality u(${named(key, 'k')}, v, o) where coalesce((select t.lowtide_version from ${at} t where ${same(key, 'k')}), ${absent}) <> u.v`),
      params: [...values.params, versions],
    },
    found: nth => { stale.add(expected[nth - 1]!.key) },
  }
}
/** Values of a unique index that nobody may have. */
export const uniqueCheck = (shape: Shape, index: number, checks: readonly Check[], { stale }: Found): Checking => {
  const columns = shape.table.unique[index]!, values = columnar(shape, columns, 1)
  for (const check of checks) values.add(check.columns)
  return {
    step: { statement: statement(`select u.o, ${shut} from unnest(${values.text}) with ordinality u(${named(columns, 'k')}, o) where exists (select from ${shape.at} t where ${same(columns, 'k')})`), params: values.params },
    found: nth => { stale.add(checks[nth - 1]!.key) },
  }
}
type Add = Extract<Write, { op: 'add' }>
/** Sums that a number of JavaScript could not hold. */
export const sumsCheck = (shape: Shape, adds: readonly Add[], columns: readonly string[], { broken }: Found): Checking => {
  const { table: { key }, at } = shape, keys = columnar(shape, key, 1), by = columnar(shape, columns, keys.next)
  for (const add of adds) { keys.add(add.columns); by.add(whole(add.by, columns)) }
  const over = columns.map((name, i) => `when abs(t.${identifier(name)} + u.b${i}) > 9007199254740991 then ${i}`).join(' ')
  return {
    step: {
      statement: statement(`select o, ${shut}, i from (select u.o, case ${over} end as i from unnest(${keys.text}, ${by.text}) with ordinality u(${named(key, 'k')}, ${named(columns, 'b')}, o) join ${at} t on ${same(key, 'k')}) x where i is not null`),
      params: [...keys.params, ...by.params],
    },
    found: (nth, cells) => { const { table, at: place } = adds[nth - 1]!; broken.push({ key: keyOf(table, place), constraint: `${table}.${columns[Number(cells[2])]} within 2^53` }) },
  }
}
/** What is added, in all these columns. */
export const whole = (by: { readonly [column: string]: number }, columns: readonly string[]): Row => Object.fromEntries(columns.map(name => [name, by[name] ?? 0]))

export const marksCheck = (inbox: string, marks: readonly Mark[], { seen }: Found): Checking => ({
  step: {
    statement: statement(`select u.o, ${shut} from unnest($1::text[], $2::text[]) with ordinality u(c, i, o) where exists (select from ${inbox} m where m.consumer = u.c and m.id = u.i)`),
    params: [marks.map(m => m.consumer), marks.map(m => m.id)],
  },
  found: nth => { seen.push(marks[nth - 1]!) },
})
export const fencesCheck = (consumers: string, checkpoints: readonly Checkpoint[], { fenced }: Found): Checking => ({
  step: {
    statement: statement(`select u.o, ${shut} from unnest($1::text[], $2::text[], $3::smallint[], $4::bigint[]) with ordinality u(c, h, p, f, o)
      where not exists (select from ${consumers} x where x.consumer = u.c and x.channel = u.h and x.partition = u.p and x.fence = u.f)`),
    params: [checkpoints.map(c => c.consumer), checkpoints.map(c => c.channel), checkpoints.map(c => Number(c.partition)), checkpoints.map(c => c.fence)],
  },
  found: nth => { fenced.push(checkpoints[nth - 1]!) },
})

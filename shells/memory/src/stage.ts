import { type At, type Check, type Failure, type Row, type Write, atOf, keyOf } from '@lowtide/core'
import * as E from 'fp-ts/lib/Either.js'
import { failure, textOf } from './failure.js'
import { type Held, type Reference, type Rows, type Unique, rowOf } from './rows.js'

/** What a unit makes of one row: what stands at its key now, and what shall stand there, if anything. */
export interface Staged { readonly rows: Rows; readonly at: At; readonly held: Held | undefined; readonly row: Row | undefined }
/** A unit's writes against the rows as they stand: ready to be put, unless something is in their way. */
export interface Stage {
  readonly staged: readonly Staged[]; readonly stale: readonly string[]
  readonly broken: readonly { readonly key: string; readonly constraint: string }[]; readonly failure: Failure | undefined
}
/** Where the rows of a unit are found. */
export interface Site { find(table: string): Rows | undefined; to(parent: string): readonly Reference[]; unknown(table: string): Failure }

/** A row with numbers added to it, or the constraint that forbids it. A null stays null, as in SQL. */
const added = ({ table }: Rows, row: Row, by: { readonly [column: string]: number }): E.Either<string, Row> => {
  const sum: Record<string, unknown> = { ...row }
  for (const [column, n] of Object.entries(by)) {
    const kind = table.columns[column]?.kind, now = row[column]
    if ((kind !== 'int' && kind !== 'float') || table.key.includes(column)) throw new TypeError(`column '${table.name}.${column}': expected int or float outside of the key, found ${kind ?? 'no such column'}`)
    if (typeof now !== 'number') continue
    const then = now + n
    if (kind === 'int' && Number.isInteger(n) && !Number.isSafeInteger(then)) return E.left(`${table.name}.${column} within 2^53`)
    if (kind === 'float' && Number.isFinite(n) && !Number.isFinite(then)) return E.left(`${table.name}.${column} finite`)
    sum[column] = then
  }
  return E.right(rowOf(table, sum))
}

/** So few are looked through; more have a map. Most units write one row or two. */
const few = 4
/** What a unit leaves of the rows that it writes. */
const finals = (writes: number) => {
  const staged: Staged[] = [], maps = writes > few ? new Map<Rows, Map<At, Staged>>() : undefined
  return {
    staged,
    at: (rows: Rows, at: At): Staged | undefined => maps ? maps.get(rows)?.get(at) : staged.find(s => s.rows === rows && s.at === at),
    add: (one: Staged): void => {
      staged.push(one)
      const mine = maps?.get(one.rows)
      if (mine) mine.set(one.at, one)
      else maps?.set(one.rows, new Map([[one.at, one]]))
    },
  }
}

/**
 * Lays a unit's checks and writes against the rows. All that is in their way is found, not only the first: checks against
 * the rows as they stand, uniques and references against the final state, as if every write were done. Changes nothing.
 */
export const stage = (site: Site, checks: readonly Check[], writes: readonly Write[], constrained: boolean): Stage => {
  const stale: string[] = [], broken: { key: string; constraint: string }[] = []
  const final = finals(writes.length), { staged } = final
  let fault: Failure | undefined

  for (const { table, at, index, version } of checks) {
    const rows = site.find(table), unique = index === undefined ? undefined : rows?.uniques[index]
    if (rows === undefined || (index !== undefined && unique === undefined)) fault ??= rows === undefined ? site.unknown(table) : failure(`cannot check unique index ${index} of table '${table}': it has ${rows.uniques.length}`)
    else if (unique === undefined ? rows.held.get(at)?.version !== version : unique.held.has(at)) stale.push(keyOf(table, at, index))
  }

  /** The row that a write leaves; a write that finds another row than it was made for is stale. */
  const rowAfter = (rows: Rows, write: Write, held: Held | undefined): Row | undefined => {
    if (write.op === 'add') {
      if (held === undefined) return undefined
      const sum = added(rows, held.row, write.by)
      if (E.isRight(sum)) return sum.right
      broken.push({ key: keyOf(write.table, write.at), constraint: sum.left })
      return held.row
    }
    if (write.op === 'insert' ? held !== undefined : write.op !== 'put' && held?.version !== write.version) stale.push(keyOf(write.table, write.at))
    if (write.op === 'remove') return undefined
    const row = rowOf(rows.table, write.row), at = atOf(rows.table.key, row)
    if (at !== write.at) throw new TypeError(`cannot write a row of table '${write.table}' at the key ${write.at}: it has the key ${at}`)
    return row
  }
  for (const write of writes) {
    const rows = site.find(write.table)
    if (rows === undefined) { fault ??= site.unknown(write.table); continue }
    if (final.at(rows, write.at) !== undefined) { fault ??= failure(`cannot commit: table '${write.table}' is written twice at the key ${write.at}; expected one write a row`); continue }
    const held = rows.held.get(write.at)
    try {
      const row = rowAfter(rows, write, held)
      if (held !== undefined || row !== undefined) final.add({ rows, at: write.at, held, row })
    } catch (e) { fault ??= failure(`cannot ${write.op === 'add' ? 'add to' : write.op} a row of table '${write.table}': ${textOf(e)}`) }
  }
  if (!constrained) return { staged, stale, broken, failure: fault }

  let taken: Map<Unique, Set<At>> | undefined
  const take = (rows: Rows, unique: Unique, index: number, value: At): void => {
    const holder = unique.held.get(value), moved = holder && final.at(rows, atOf(rows.table.key, holder.row))
    const free = holder === undefined || (moved !== undefined && (moved.row === undefined || unique.at(moved.row) !== value))
    let others = staged.length > 1 ? taken?.get(unique) : undefined
    if (!free || others?.has(value)) stale.push(keyOf(rows.table.name, value, index))
    if (staged.length === 1) return
    if (others === undefined) (taken ??= new Map()).set(unique, others = new Set())
    others.add(value)
  }
  const refer = (reference: Reference, value: At): void => {
    const parent = site.find(reference.parent), moved = parent && final.at(parent, value)
    if (moved === undefined && !parent?.held.has(value)) stale.push(keyOf(reference.parent, value)) // one that the unit removes is broken: fresh data would not help
  }
  /** How many rows refer to a parent in the end. */
  const referring = (reference: Reference, at: At): number => {
    let count = reference.count.get(at) ?? 0
    for (const { rows, held, row } of staged) {
      if (rows !== reference.rows) continue
      if (held && reference.at(held.row) === at) count--
      if (row && reference.at(row) === at) count++
    }
    return count
  }
  for (const { rows, at, held, row } of staged) {
    if (row === undefined) {
      for (const reference of site.to(rows.table.name)) if (referring(reference, at) > 0) broken.push({ key: keyOf(rows.table.name, at), constraint: reference.constraint })
      continue
    }
    for (let index = 0; index < rows.uniques.length; index++) {
      const unique = rows.uniques[index]!, value = unique.at(row)
      if (value !== undefined && !(held && unique.at(held.row) === value)) take(rows, unique, index, value)
    }
    for (const reference of rows.references) {
      const value = reference.at(row)
      if (value !== undefined && !(held && reference.at(held.row) === value)) refer(reference, value)
    }
  }
  return { staged, stale, broken, failure: fault }
}

import { type AnyTable, type At, type Row, atOf, misfit, seal } from '@lowtide/core'
import { type Order, orderOf, rankOf } from './order.js'
import { own } from './own.js'
import { type Sorted, sorted } from './sorted.js'

/** A row that stands: the same object for as long as the row does. */
export interface Held { row: Row; version: number }
/** A unique index. A value with a null in it never collides. */
export interface Unique { readonly columns: readonly string[]; at(row: Row): At | undefined; readonly held: Map<At, Held> }
/** A declared index: all rows in the order of its columns, then of the key. */
export interface Index { readonly columns: readonly string[]; readonly order: Order; readonly held: Sorted<Held> }
/** A reference, with how many rows refer to each parent. */
export interface Reference { readonly rows: Rows; readonly parent: string; readonly constraint: string; at(row: Row): At | undefined; readonly count: Map<At, number> }
/** The rows of one table. It keeps its indexes true and checks nothing: a unit does, before it writes. */
export interface Rows {
  readonly table: AnyTable; readonly held: Map<At, Held>
  readonly uniques: readonly Unique[]; readonly indexes: readonly Index[]; readonly references: readonly Reference[]
  /** Replaces what stands at a key by a row, or by nothing. Cannot fail. */
  put(at: At, held: Held | undefined, row: Row | undefined, version: number): void
}

/** A sealed copy of a row, its columns in the table's order (one shape for all rows); throws a TypeError for what does not fit. */
export const rowOf = (table: AnyTable, row: Row): Row => {
  const fault = misfit(table, row) ?? (table.key.some(column => row[column] === null) ? `column of the key '${table.name}.${table.key.join('+')}': expected a value, found null` : undefined)
  if (fault !== undefined) throw new TypeError(fault)
  const copy: Record<string, unknown> = {}
  for (const column in table.columns) {
    const value = row[column]
    copy[column] = value === 0 ? 0 : typeof value === 'object' ? own(value) : seal(value, column) // JSON has no -0
  }
  return Object.freeze(copy)
}

/** A row's value in some columns, unless one of them is null. */
const valued = (columns: readonly string[]) => (row: Row): At | undefined => {
  for (const column of columns) if (row[column] === null) return undefined
  return atOf(columns, row)
}

/** `keyOf` names the key columns of a table that is referred to, as soon as it is known. */
export const rowsOf = (table: AnyTable, keyOf: (parent: string) => readonly string[] | undefined): Rows => {
  const held = new Map<At, Held>()
  const uniques = table.unique.map((columns): Unique => ({ columns, at: valued(columns), held: new Map() }))
  const indexes = table.indexes.map((columns): Index => {
    const fields = [...columns, ...table.key], order = orderOf(table, fields), rank = rankOf(table, fields)
    return { columns, order, held: sorted((a, b) => order(a.row, b.row), ({ row }) => rank(row)) }
  })
  const refer = (field: string, parent: string): Reference => ({
    rows, parent, constraint: `${table.name}.${field}`, count: new Map(),
    at: row => {
      const value = row[field], key = keyOf(parent)
      return value === null ? undefined : key !== undefined && key.length > 1 ? atOf(key, value as Row) : atOf([field], row)
    },
  })
  const counted = (count: Map<At, number>, at: At | undefined, by: 1 | -1): void => {
    if (at === undefined) return
    const now = (count.get(at) ?? 0) + by
    if (now === 0) count.delete(at)
    else count.set(at, now)
  }

  const references: Reference[] = []
  const rows: Rows = {
    table, held, uniques, indexes, references,
    put: (at, old, row, version) => {
      const before = old?.row, now: Held | undefined = row && (old ?? { row, version })
      for (const { order, held } of indexes) if (before && !(row && order(before, row) === 0)) held.remove(old!)
      if (now && row) { now.row = row; now.version = version }
      for (const { order, held } of indexes) if (now && !(before && order(before, now.row) === 0)) held.add(now)
      for (const unique of uniques) {
        const from = before && unique.at(before), to = row && unique.at(row)
        if (from === to) continue
        if (from !== undefined && unique.held.get(from) === old) unique.held.delete(from) // another row of the unit may hold it by now
        if (to !== undefined) unique.held.set(to, now!)
      }
      for (const reference of references) {
        const from = before && reference.at(before), to = row && reference.at(row)
        if (from === to) continue
        counted(reference.count, from, -1)
        counted(reference.count, to, 1)
      }
      if (now === undefined) held.delete(at)
      else if (old === undefined) held.set(at, now)
    },
  }
  for (const [field, parent] of Object.entries(table.references)) references.push(refer(field, parent))
  return rows
}

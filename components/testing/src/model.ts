import { type Alter, type AnyTable, type Ask, type Change, type Lookup, type Row, misfit, seal } from '@lowtide/core'
import * as O from 'fp-ts/lib/Option.js'
import { canonical } from './diff.js'

/** The name of what a change broke: `customers.id` (an insert of a row that exists), `customers.email` (a unique index), `accounts.owner` (a reference), columns joined by `+`. */
export type Constraint = string
/** The rows of tables by their names, ordered by key. */
export type Rows = { readonly [table: string]: readonly Row[] }

/** The algebra in its plainest form: see `model`. */
export interface Model {
  /** One change on the rows as they stand: nothing, or the constraint that forbids it; then nothing has changed. References wait for `dangling`. Throws when a row does not fit its columns. */
  apply(change: Change): Constraint | undefined
  /** The first reference to a row that does not exist. To be asked at the end of each message. References to tables that the model lacks are not checked. */
  dangling(): Constraint | undefined
  /** All changes of one message, or none of them and the constraint that forbids them. */
  run(changes: readonly Change[]): Constraint | undefined
  /** What a shell answers: `where` in the order of `orderBy`, then the key; strings by code point, nulls last. */
  answer<A>(lookup: Lookup<string, A>): A
  /** All rows, to look at or to go back to. */
  rows(): Rows
  restore(rows: Rows): void
}

const equals = (a: unknown, b: unknown): boolean => canonical(a) === canonical(b)
const fits = (wanted: Row, row: Row): boolean => Object.keys(wanted).every(column => equals(wanted[column], row[column]))
const pick = (columns: readonly string[], row: Row): Row => Object.fromEntries(columns.map(column => [column, row[column]]))

const compare = (a: unknown, b: unknown): number => {
  if (a === null || b === null) return Number(a === null) - Number(b === null)
  if (typeof a === 'number' && typeof b === 'number') return a - b
  // UTF-8 sorts by code point, JavaScript's strings do not. False sorts before true as text, too.
  const [left, right] = [a, b].map(value => Buffer.from(typeof value === 'string' ? value : canonical(value)))
  return Buffer.compare(left!, right!)
}
const by = (columns: readonly string[]) => (a: Row, b: Row): number =>
  columns.map(column => compare(a[column], b[column])).find(order => order !== 0) ?? 0

/**
 * Tables in memory with nothing clever in them: changes one by one, lookups by full scan. `spec` decides on it, and it is
 * the reference that a batch of any shell must equal.
 *
 * @example
 * const rows = model([customers])
 * rows.run([customers.insert({ id: 'c1', email: 'a@b.c' })]) // undefined
 * rows.run([customers.insert({ id: 'c2', email: 'a@b.c' })]) // 'customers.email'
 * rows.answer(customers.get('c1'))                           // some({ id: 'c1', email: 'a@b.c' })
 */
export const model = (tables: readonly AnyTable[]): Model => {
  const state = new Map<string, readonly Row[]>(tables.map(({ name }) => [name, []]))

  const tableOf = (name: string): AnyTable => tables.find(table => table.name === name) ?? refuse(name)
  const refuse = (name: string): never => {
    throw new Error(`[testing] no table '${name}' here; there is ${[...state.keys()].map(known => `'${known}'`).join(', ') || 'none'}`)
  }
  const rowsOf = (table: AnyTable): readonly Row[] => state.get(table.name)!
  const find = (table: AnyTable, key: Row): Row | undefined => rowsOf(table).find(row => fits(pick(table.key, key), row))
  const without = (table: AnyTable, key: Row): readonly Row[] => rowsOf(table).filter(row => !fits(pick(table.key, key), row))

  const set = (table: AnyTable, row: Row): Constraint | undefined => {
    const fault = misfit(table, row)
    if (fault !== undefined) throw new TypeError(`[testing] ${fault}`)
    const others = without(table, row)
    // As in SQL: a null equals no other, so it is never taken.
    const taken = table.unique.find(columns => columns.every(column => row[column] !== null) && others.some(other => fits(pick(columns, row), other)))
    if (taken !== undefined) return `${table.name}.${taken.join('+')}`
    state.set(table.name, [...others, seal(pick(Object.keys(table.columns), row))].sort(by(table.key)))
    return undefined
  }
  const update = (table: AnyTable, now: Row, patch: Row): Constraint | undefined => {
    const moved = table.key.find(column => column in patch)
    if (moved !== undefined) throw new TypeError(`[testing] an update of '${table.name}' sets its key '${moved}'; remove the row and insert another`)
    return set(table, { ...now, ...patch })
  }
  const increment = (table: AnyTable, now: Row, delta: Readonly<Record<string, number>>): Constraint | undefined => {
    const other = Object.keys(delta).find(column => typeof now[column] !== 'number')
    if (other !== undefined) throw new TypeError(`[testing] column '${table.name}.${other}': expected a number to increment, found ${canonical(now[other])}`)
    const sums = Object.fromEntries(Object.entries(delta).map(([column, more]) => [column, Number(now[column]) + more]))
    const over = Object.keys(sums).find(column => table.columns[column]?.kind === 'int' && !Number.isSafeInteger(sums[column]))
    return over === undefined ? update(table, now, sums) : `${table.name}.${over} within 2^53`
  }
  const alter = (table: AnyTable, change: Alter): Constraint | undefined => {
    const named = change.op === 'update' ? { ...change.when, ...change.patch } : change.op === 'increment' ? change.by : {}
    const stranger = Object.keys(named).find(column => !(column in table.columns))
    if (stranger !== undefined) throw new TypeError(`[testing] table '${table.name}' has no column '${stranger}'; it has ${Object.keys(table.columns).join(', ')}`)
    const now = find(table, 'key' in change ? change.key : change.row)
    switch (change.op) {
      case 'insert': return now === undefined ? set(table, change.row) : `${table.name}.${table.key.join('+')}`
      case 'put': return set(table, change.row)
      case 'update': return now === undefined || !fits(change.when ?? {}, now) ? undefined : update(table, now, change.patch)
      case 'increment': return now === undefined ? undefined : increment(table, now, change.by)
      case 'remove': { state.set(table.name, without(table, change.key)); return undefined }
    }
  }

  const page = (table: AnyTable, { equal, orderBy, after, limit }: Extract<Ask, { op: 'where' }>): readonly Row[] => {
    const order = by(orderBy === undefined ? table.key : [orderBy, ...table.key])
    // Where the row of `after` is gone its key still has a place among the keys, but none in another order: nothing is behind it.
    const mark = after === undefined || orderBy === undefined ? after : find(table, after)
    const found = rowsOf(table).filter(row => fits(equal, row) && (after === undefined || (mark !== undefined && order(row, mark) > 0)))
    return found.sort(order).slice(0, limit)
  }
  const lookUp = ({ lookup, ask }: Lookup): O.Option<Row> | readonly Row[] => {
    switch (ask.op) {
      case 'nothing': return O.none
      case 'noRows': return []
      case 'get': return O.fromNullable(find(tableOf(lookup), ask.key))
      case 'by': return O.fromNullable(Object.values(ask.key).includes(null) ? undefined : rowsOf(tableOf(lookup)).find(row => fits(ask.key, row)))
      case 'where': return page(tableOf(lookup), ask)
      default: throw new Error(`[testing] '${lookup}' is a port; a model answers for tables only`)
    }
  }

  const self: Model = {
    apply: ({ change, alter: what }) => alter(tableOf(change), what),
    dangling: () => {
      for (const table of tables) for (const [column, parent] of Object.entries(table.references)) {
        const target = tables.find(({ name }) => name === parent)
        if (target !== undefined && rowsOf(table).some(row => row[column] !== null && find(target, { [target.key[0]!]: row[column] }) === undefined)) return `${table.name}.${column}`
      }
      return undefined
    },
    run: changes => {
      const before = self.rows()
      let whole = false
      try {
        const broken = changes.reduce<Constraint | undefined>((found, change) => found ?? self.apply(change), undefined) ?? self.dangling()
        whole = broken === undefined
        return broken
      } finally { if (!whole) self.restore(before) }
    },
    answer: <A>(lookup: Lookup<string, A>) => lookUp(lookup) as A, // the phantom of the lookup says which
    rows: () => Object.fromEntries(state),
    restore: rows => { for (const [name, list] of Object.entries(rows)) state.set(tableOf(name).name, [...list].sort(by(tableOf(name).key))) },
  }
  return self
}

import type { AnyTable, ColumnKind, Fact, Row } from '@lowtide/core'
import { fits, seal } from '@lowtide/core'
import { columnOf } from '../schema/columns.js'
import type { Cells } from '../server/flight.js'
import { type Param, type Statements, type Value, identifier, statements } from '../server/statement.js'

/** A declared table as statements need it. */
export interface Shape {
  readonly table: AnyTable
  /** Its name in a statement. */
  readonly at: string
  readonly columns: readonly string[]
  /** All columns of `t`, the version first. */
  readonly select: string
  /** Its statements. */
  readonly kept: Statements
  /** The row from the cells of `select`, which begin there. */
  fact(cells: Cells, from: number): Fact
}
export const shapeOf = (table: AnyTable, at: string): Shape => {
  const columns = Object.keys(table.columns), reads = columns.map(name => columnOf(table.columns[name]!.kind))
  return {
    table, at, columns, kept: statements(), select: ['t.lowtide_version', ...columns.map((name, i) => reads[i]!.read(`t.${identifier(name)}`))].join(', '),
    fact: (cells, from) => {
      const row: { [column: string]: unknown } = {}
      for (let i = 0; i < columns.length; i++) {
        const cell = cells[from + 1 + i]!, value = cell === null ? null : reads[i]!.decode(cell)
        row[columns[i]!] = typeof value === 'object' ? seal(value) : value
      }
      return { row: Object.freeze(row), version: Number(cells[from]) }
    },
  }
}
export const kindOf = ({ table }: Shape, column: string): ColumnKind => table.columns[column]!.kind

/** Texts of JSON, one a row, which never hold this: so they need no quoting in an array, a tenth of this process' time at large batches. */
export const jsons = 'jsons', between = '\u001e'
export const apart = (param: number): string => `string_to_array($${param}, E'\\x1e', '')`
/**
 * Rows of parameters as `u`: an array a column, or of a single row plain values, for which the server needs a third of the time (an insert into the inbox: 42
 * instead of 99 us). `numbered`: `o` is their number, from 1.
 */
export const rowsOf = (types: readonly string[], names: string, single: boolean, numbered = false): string => {
  const one = (type: string, i: number): string => `$${i + 1}::${type === jsons ? 'text' : type}`, many = (type: string, i: number): string => type === jsons ? apart(i + 1) : `$${i + 1}::${type}[]`
  return single ? `(select ${types.map(one).join(', ')}${numbered ? ', 1::bigint' : ''}) u(${names}${numbered ? ', o' : ''})` : `unnest(${types.map(many).join(', ')})${numbered ? ' with ordinality' : ''} u(${names}${numbered ? ', o' : ''})`
}

/** Whether a row can have these values: what no column holds is found by nobody, and needs no question. */
export const possible = (shape: Shape, columns: readonly string[], row: Row): boolean => columns.every(name => {
  const column = shape.table.columns[name]!, value = row[name]
  return value !== null && value !== undefined && fits[column.kind](value, column) && (column.kind !== 'text' || ((value as string).isWellFormed() && !(value as string).includes('\u0000')))
})

/** Values of some columns, one array a column: `text` casts them in a statement, from parameter `first` on. */
export const columnar = (shape: Shape, columns: readonly string[]) => {
  const types = columns.map(name => columnOf(kindOf(shape, name))), values: Value[][] = columns.map(() => [])
  return {
    text: (first: number): string => types.map((type, i) => `$${first + i}::${type.array}`).join(', '), params: values as readonly Param[],
    /** All of them as the rows of a statement, and its parameters. */
    rows: (by: string, numbered = false): string => rowsOf(types.map(type => type.array.slice(0, -2)), named(columns, by), values[0]!.length === 1, numbered),
    given: (): readonly Param[] => values[0]!.length === 1 ? values.map(column => column[0]!) : values,
    add: (row: Row): void => { for (let i = 0; i < columns.length; i++) { const value = row[columns[i]!]; values[i]!.push(value === null || value === undefined ? null : types[i]!.encode(value)) } },
  }
}
/** Names of unnested columns, apart from those of tables. */
export const named = (columns: readonly string[], by: string): string => columns.map((_, i) => `${by}${i}`).join(', ')
/** That `t` has the values that were unnested as `u`. */
export const same = (columns: readonly string[], by: string): string => columns.map((name, i) => `t.${identifier(name)} = u.${by}${i}`).join(' and ')

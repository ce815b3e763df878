import type { AnyTable, ColumnKind, Fact, Row } from '@lowtide/core'
import { seal } from '@lowtide/core'
import { columnOf } from './columns.js'
import type { Cells } from './flight.js'
import { type Param, type Statements, type Value, identifier, statements } from './statement.js'

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

/** Values of some columns, one array a column: `text` casts them in a statement, from parameter `first` on. */
export const columnar = (shape: Shape, columns: readonly string[]) => {
  const types = columns.map(name => columnOf(kindOf(shape, name))), values: Value[][] = columns.map(() => [])
  return {
    text: (first: number): string => types.map((type, i) => `$${first + i}::${type.array}`).join(', '), params: values as readonly Param[],
    add: (row: Row): void => { for (let i = 0; i < columns.length; i++) { const value = row[columns[i]!]; values[i]!.push(value === null || value === undefined ? null : types[i]!.encode(value)) } },
  }
}
/** Names of unnested columns, apart from those of tables. */
export const named = (columns: readonly string[], by: string): string => columns.map((_, i) => `${by}${i}`).join(', ')
/** That `t` has the values that were unnested as `u`. */
export const same = (columns: readonly string[], by: string): string => columns.map((name, i) => `t.${identifier(name)} = u.${by}${i}`).join(' and ')

import type { AnyTable, Failure } from '@lowtide/core'
import { failure } from './failure.js'
import { type Reference, type Rows, rowsOf } from './rows.js'

/** The tables of a world, by name. */
export interface Tables {
  get(name: string): Rows | undefined
  all(): Iterable<Rows>
  /** The references to a table, from all tables. */
  to(parent: string): readonly Reference[]
  /** Adds a table; one that stands must have the same shape. */
  declare(table: AnyTable): Failure | undefined
  replace(rows: Rows): void
  keyOf(name: string): readonly string[] | undefined
  /** Never the same twice, in this world. */
  version(): number
}

const shapeOf = ({ columns, key, unique, indexes, references }: AnyTable): string =>
  JSON.stringify({ columns: Object.entries(columns).map(([name, { kind, optional }]) => `${name}: ${kind}${optional ? ', optional' : ''}`).sort(), key, unique, indexes, references })

export const tables = (): Tables => {
  const named = new Map<string, Rows>()
  let references = new Map<string, Reference[]>(), versions = 0
  const keyOf = (name: string): readonly string[] | undefined => named.get(name)?.table.key
  const replace = (rows: Rows): void => {
    named.set(rows.table.name, rows)
    references = new Map()
    for (const { references: of } of named.values()) for (const reference of of) references.set(reference.parent, [...references.get(reference.parent) ?? [], reference])
  }
  return {
    get: name => named.get(name), all: () => named.values(), to: parent => references.get(parent) ?? [], replace, keyOf, version: () => ++versions,
    declare: table => {
      const standing = named.get(table.name)
      if (standing === undefined) replace(rowsOf(table, keyOf))
      else if (shapeOf(standing.table) !== shapeOf(table)) return failure(`cannot open table '${table.name}': expected the shape that it has in this world, ${shapeOf(standing.table)}, found ${shapeOf(table)}; give the new shape a new name, or a new world`)
      return undefined
    },
  }
}

export const unknownTable = (name: string, known: Iterable<Rows>): Failure => failure(`cannot find table '${name}'; known: ${[...known].map(rows => rows.table.name).join(', ') || 'none'}`)

import type { AnyTable } from '@lowtide/core'
import { columnOf } from './columns.js'
import { constraintName, fitsName, indexName, keyName, longestName } from './names.js'

/** What a row of each table carries besides its columns: the id of the transaction that wrote it last, made to rise as positions do. */
export const versionColumn = 'lowtide_version'
export const reserved = 'lowtide_'

export interface DeclaredColumn { readonly name: string; readonly type: string; readonly required: boolean }
/** `parent`: of a reference, the table referred to, by its key. */
export interface Constraint { readonly kind: 'key' | 'unique' | 'reference'; readonly name: string; readonly columns: readonly string[]; readonly parent?: string }
export interface Index { readonly name: string; readonly columns: readonly string[] }
/** A declared table as it must stand in the database. */
export interface Declared { readonly name: string; readonly columns: readonly DeclaredColumn[]; readonly key: Constraint; readonly uniques: readonly Constraint[]; readonly references: readonly Constraint[]; readonly indexes: readonly Index[] }

/**
 * What the server enforces for a table, by the names that its errors carry. A column that is unique and refers to a row (one to one) has two
 * constraints, whose names must differ.
 */
const constraintsOf = (table: AnyTable) => {
  const alone = (field: string): boolean => table.unique.some(columns => columns.length === 1 && columns[0] === field)
  return {
    key: { kind: 'key', name: keyName(table.name), columns: table.key } as const,
    uniques: table.unique.map(columns => ({ kind: 'unique', name: constraintName(table.name, columns.join('+')), columns }) as const),
    references: Object.entries(table.references).map(([field, parent]) =>
      ({ kind: 'reference', name: constraintName(table.name, alone(field) ? `${field} (reference)` : field), columns: [field], parent }) as const),
  }
}
/** Of a declared table: its constraints by name, as errors of the server name them. */
export const constraintsByName = (table: AnyTable): ReadonlyMap<string, Constraint> => {
  const { key, uniques, references } = constraintsOf(table)
  return new Map([key, ...uniques, ...references].map(constraint => [constraint.name, constraint]))
}

/** Index columns, then the key: pages come in an order that is always the same one. */
const paged = (columns: readonly string[], key: readonly string[]): readonly string[] => [...new Set([...columns, ...key])]
const indexesOf = (table: AnyTable): readonly Index[] => {
  const declared = table.indexes.map(columns => paged(columns, table.key))
  const led = new Set([table.key, ...table.unique, ...declared].map(columns => columns[0]))
  const referring = Object.keys(table.references).filter(field => !led.has(field)).map(field => [field]) // else each removal of a parent reads the whole table
  return [...new Map([...declared, ...referring].map(columns => [columns.join('+'), { name: indexName(table.name, columns), columns }])).values()]
}

export const declaredOf = (table: AnyTable): Declared => ({
  name: table.name, ...constraintsOf(table), indexes: indexesOf(table),
  columns: [
    ...Object.entries(table.columns).map(([name, { kind, optional }]) => ({ name, type: columnOf(kind).type, required: !optional })),
    { name: versionColumn, type: 'bigint', required: true },
  ],
})

/** What Postgres cannot hold as it is declared; each with what to do. `keyOf` knows the keys of tables that stand already. */
export const misshapen = (tables: readonly AnyTable[], keyOf: (table: string) => readonly string[] | undefined = () => undefined): readonly string[] => {
  const faults: string[] = [], named = new Map(tables.map(table => [table.name, table])), taken = new Map<string, string>()
  const take = (name: string, by: string): void => {
    const other = taken.get(name)
    if (other !== undefined) faults.push(`${by} and ${other} would both be named '${name}' in the database; rename one of them`)
    taken.set(name, by)
  }
  for (const table of tables) {
    const say = (text: string): number => faults.push(`table '${table.name}' ${text}`)
    const { key, uniques, references, indexes } = declaredOf(table)
    take(table.name, `table '${table.name}'`)
    for (const { name, columns } of [key, ...uniques, ...indexes]) take(name, `the key, unique or index ${columns.join('+')} of '${table.name}'`)
    if (!fitsName(table.name)) say(`has a name that the database cannot hold: expected 1 to ${longestName} bytes; rename it`)
    if (table.name.startsWith(reserved)) say(`has a name that begins with '${reserved}', as Lowtide's own do; rename it`)
    for (const column of Object.keys(table.columns)) {
      if (!fitsName(column)) say(`has a column '${column}', whose name the database cannot hold: expected 1 to ${longestName} bytes; rename it`)
      if (column === versionColumn) say(`has a column '${column}', which Lowtide adds itself; rename it`)
    }
    for (const [what, columns] of [['key', table.key], ...table.unique.map(columns => ['unique', columns] as const), ...table.indexes.map(columns => ['index', columns] as const)] as const) {
      for (const column of columns) {
        const found = table.columns[column]
        if (found === undefined) say(`names '${column}' in its ${what}, which is not among its columns ${Object.keys(table.columns).join(', ')}`)
        else if (found.kind === 'json' || found.kind === 'decimal') say(`has the ${found.kind} column '${column}' in its ${what}: equal values may have several texts; take a column of another kind`)
        else if (what === 'key' && found.optional) say(`has the optional column '${column}' in its key; a key is never null`)
      }
    }
    for (const { columns, parent = '' } of references) {
      const field = columns[0]!, known = named.get(parent), parentKey = known?.key ?? keyOf(parent), own = table.columns[field]
      if (own === undefined) say(`refers to '${parent}' by '${field}', which is not among its columns ${Object.keys(table.columns).join(', ')}`)
      else if (parentKey === undefined) say(`refers by '${field}' to table '${parent}', which is neither declared here nor in the database; known: ${[...named.keys()].join(', ')}`)
      else if (parentKey.length > 1) say(`refers by '${field}' to table '${parent}', whose key is ${parentKey.join('+')}: a foreign key of Postgres needs a column for each; give '${parent}' a key of one column, or leave the reference to the decision`)
      else if (known !== undefined && known.columns[parentKey[0]!]?.kind !== own.kind) say(`refers by '${field}' (${own.kind}) to '${parent}.${parentKey[0]}' (${known.columns[parentKey[0]!]?.kind}); expected one kind`)
    }
  }
  return faults
}

import { type Constraint, type Index, type Declared, type DeclaredColumn } from './declared.js'
import { identifier } from '../server/statement.js'

// SQL for people to read: each function gives one statement or, for a table, those that make it.

const list = (columns: readonly string[]): string => columns.map(identifier).join(', ')
export const columnSql = ({ name, type, required }: DeclaredColumn): string => `${identifier(name)} ${type}${required ? ' not null' : ''}`

/** Uniques may be put off, since a unit may hand a value from one row to another; references are, since a unit may hold child and parent in any order. */
const constraintSql = (schema: string, { kind, name, columns, parent }: Constraint): string => `constraint ${identifier(name)} ${{
  key: `primary key (${list(columns)})`,
  unique: `unique (${list(columns)}) deferrable initially immediate`,
  reference: `foreign key (${list(columns)}) references ${identifier(schema)}.${identifier(parent ?? '')} deferrable initially deferred`,
}[kind]}`

export const ddl = (schema: string) => {
  const at = (name: string): string => `${identifier(schema)}.${identifier(name)}`, alter = (table: string, what: string): string => `alter table ${at(table)} ${what};`
  const createIndex = (table: string, { name, columns }: Index): string => `create index ${identifier(name)} on ${at(table)} (${list(columns)});`
  return {
    at,
    /** Without references: those follow when all tables stand. A page keeps room, so that a row that changes no index stays on it. */
    createTable: ({ name, columns, key, uniques, indexes }: Declared): string => [
      `create table ${at(name)} (\n  ${[...columns.map(columnSql), ...[key, ...uniques].map(constraint => constraintSql(schema, constraint))].join(',\n  ')}\n) with (fillfactor = 90);`,
      ...indexes.map(index => createIndex(name, index)),
    ].join('\n'),
    createIndex,
    dropIndex: (name: string): string => `drop index ${at(name)};`,
    addColumn: (table: string, column: DeclaredColumn): string => alter(table, `add column ${columnSql(column)}`),
    allowNull: (table: string, column: string): string => alter(table, `alter column ${identifier(column)} drop not null`),
    forbidNull: (table: string, column: string): string => alter(table, `alter column ${identifier(column)} set not null`),
    addConstraint: (table: string, constraint: Constraint): string => alter(table, `add ${constraintSql(schema, constraint)}`),
    dropConstraint: (table: string, name: string): string => alter(table, `drop constraint ${identifier(name)}`),
    renameConstraint: (table: string, from: string, to: string): string => alter(table, `rename constraint ${identifier(from)} to ${identifier(to)}`),
  }
}

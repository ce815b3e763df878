import type { AnyTable } from '@lowtide/core'
import { complete } from '../roles/grants.js'
import { ddl } from './ddl.js'
import { identifier } from '../server/statement.js'
import type { Live, LiveConstraint, LiveIndex, LiveTable } from './live.js'
import { indexPrefix } from './names.js'
import { type Constraint, type Declared, misshapen, declaredOf, versionColumn } from './declared.js'

/** A constraint that rows which stand already have to keep. */
export interface Adds { readonly table: string; readonly constraint: Constraint }
/** A change that `lowtide migrate` makes. `lack` says what is missing, for somebody who starts without it; nothing, where it harms nobody. */
export interface Change { readonly name: string; readonly sql: string; readonly lack?: string; readonly adds?: Adds }
export interface Difference {
  readonly changes: readonly Change[]
  /** What a person has to settle: where, expected, found, and what to do. */
  readonly faults: readonly string[]
  /** Tables to which a column is added that every row must have: it matters whether they are empty. */
  readonly unsure: readonly string[]
}

const same = (a: readonly string[], b: readonly string[]): boolean => a.length === b.length && a.every((name, i) => name === b[i])
const kinds: { readonly [kind: string]: string } = { v: 'a view', m: 'a materialized view', f: 'a foreign table' }
const fields = (columns: readonly string[]): string => columns.join('+')

/** Made by others, who write it, too: they need a default of the version, and what they have declared is not dropped without a word. */
const isShared = ({ columns }: LiveTable): boolean => columns.find(({ name }) => name === versionColumn)?.filled ?? true

const columnsOf = (shape: Declared, live: LiveTable, empty: boolean, sql: ReturnType<typeof ddl>): Difference => {
  const changes: Change[] = [], faults: string[] = [], standing = new Map(live.columns.map(column => [column.name, column]))
  let unsure = false
  for (const column of shape.columns) {
    const found = standing.get(column.name), name = `'${shape.name}.${column.name}'`
    if (found === undefined && column.name === versionColumn) changes.push({ name: `share table '${shape.name}' with those who made it`, sql: sql.addColumn(shape.name, { ...column, type: `${column.type} default 0` }), lack: `table '${shape.name}' was not made by Lowtide and has no column '${column.name}'` })
    else if (found === undefined) {
      if (column.required && !empty) {
        unsure = true
        faults.push(`cannot add column ${name}: expected a value in every row, found rows that would have none; first declare it optional, run 'lowtide migrate' and fill it, then run: ${sql.forbidNull(shape.name, column.name)} and declare it as it shall be`)
      } else changes.push({ name: `add column ${name}`, sql: sql.addColumn(shape.name, column), lack: `table '${shape.name}' has no column '${column.name}' (${column.type})` })
    } else if (found.type !== column.type) faults.push(`column ${name} has another type: expected ${column.type}, found ${found.type}; declare it as it is, or run: ${sql.changeType(shape.name, column)}`)
    else if (found.made) faults.push(`column ${name} is made by the server alone: expected one that a row can bring, found 'generated always'; run: ${sql.allowValue(shape.name, column.name, found.made)}`)
    else if (column.required && !found.required) faults.push(`column ${name} may be null: expected 'not null', found none; fill it and run: ${sql.forbidNull(shape.name, column.name)} or declare it optional`)
    else if (!column.required && found.required) changes.push({ name: `allow null in ${name}`, sql: sql.allowNull(shape.name, column.name), lack: `column ${name} is 'not null', and is declared optional` })
  }
  const declared = new Set(shape.columns.map(({ name }) => name))
  for (const { name, required, filled } of live.columns) {
    if (!declared.has(name) && required && !filled) faults.push(`column '${shape.name}.${name}' is not declared: expected that a row can be written without it, found 'not null' and no default; declare it, or run: ${sql.allowNull(shape.name, name)}`)
  }
  return { changes, faults, unsure: unsure ? [shape.name] : [] }
}

const holds = (wanted: Constraint, found: LiveConstraint): boolean => same(wanted.columns, found.columns) && found.sound && found.deferrable
  && (wanted.kind === 'unique' ? found.kind === 'u' && !found.deferred : found.kind === 'f' && found.deferred && found.parent === wanted.parent)
export const worded = ({ kind, columns, parent }: Constraint): string => kind === 'unique' ? `unique ${fields(columns)}` : `reference from ${fields(columns)} to '${parent}'`

/** What forbids less or more than the declaration does: first goes what must go, since names may be taken by it. */
const constraintsOf = (shape: Declared, live: LiveTable, sql: ReturnType<typeof ddl>): { readonly first: readonly Change[]; readonly last: readonly Change[]; readonly faults: readonly string[] } => {
  const first: Change[] = [], last: Change[] = [], faults: string[] = []
  const key = live.constraints.find(({ kind }) => kind === 'p')
  if (key === undefined || !same(key.columns, shape.key.columns)) faults.push(`table '${shape.name}' has another key: expected ${fields(shape.key.columns)}, found ${key === undefined ? 'none' : fields(key.columns)}; declare the key that it has, or move the rows to a table of another name`)
  else if (key.deferrable) faults.push(`table '${shape.name}' has a key that may be put off: expected one that is checked at once, to which references can point; make it anew without 'deferrable'`)
  else if (key.name !== shape.key.name) first.push({ name: `rename the key of '${shape.name}'`, sql: sql.renameConstraint(shape.name, key.name, shape.key.name), lack: `the key of table '${shape.name}' is named '${key.name}', expected '${shape.key.name}'` })

  const shared = isShared(live), left = new Set(live.constraints.filter(({ kind }) => kind === 'u' || kind === 'f'))
  for (const wanted of [...shape.uniques, ...shape.references]) {
    const found = [...left].filter(constraint => holds(wanted, constraint)).sort((a, b) => Number(b.name === wanted.name) - Number(a.name === wanted.name))[0]
    if (found === undefined) last.push({ name: `add ${worded(wanted)} of '${shape.name}'`, sql: sql.addConstraint(shape.name, wanted), lack: `table '${shape.name}' has no ${worded(wanted)}`, adds: { table: shape.name, constraint: wanted } })
    else {
      left.delete(found)
      if (found.name !== wanted.name) first.push({ name: `rename constraint '${found.name}' of '${shape.name}'`, sql: sql.renameConstraint(shape.name, found.name, wanted.name), lack: `constraint '${found.name}' of table '${shape.name}' has another name: expected '${wanted.name}'` })
    }
  }
  /** Of others, and the same but for when it is checked: it gives way to ours. */
  const replaced = (found: LiveConstraint): boolean => [...shape.uniques, ...shape.references].some(wanted => holds(wanted, { ...found, deferrable: true, deferred: wanted.kind === 'reference' }))
  const foreign = shared ? [...left].filter(found => !replaced(found)) : []
  for (const found of foreign) {
    left.delete(found)
    const to = found.parent === null ? '' : ` to '${found.parent}'`, what = found.kind === 'u' ? 'unique' : 'reference from'
    faults.push(`table '${shape.name}' has the constraint '${found.name}' (${what} ${fields(found.columns)}${to}), which is not declared so: expected none that decisions know nothing of; declare it, or run: ${sql.dropConstraint(shape.name, found.name)}`)
  }
  const dropped = [...left].map(({ name, columns, kind }): Change => ({
    name: `drop constraint '${name}' of '${shape.name}'`, sql: sql.dropConstraint(shape.name, name), lack: `table '${shape.name}' has the constraint '${name}' (${kind === 'u' ? 'unique' : 'reference from'} ${fields(columns)}), which is not declared so`,
  }))
  for (const { name, kind } of live.constraints) if (kind === 'c' || kind === 'x') faults.push(`table '${shape.name}' has the ${kind === 'c' ? 'check' : 'exclusion'} '${name}', which decisions know nothing of: expected none; decide it in 'operate', and run: ${sql.dropConstraint(shape.name, name)}`)
  return { first: [...dropped, ...first], last, faults }
}

const indexesOf = (shape: Declared, live: LiveTable, sql: ReturnType<typeof ddl>): { readonly first: readonly Change[]; readonly last: readonly Change[]; readonly faults: readonly string[] } => {
  const first: Change[] = [], last: Change[] = [], faults: string[] = [], fits = (columns: readonly string[], index: LiveIndex): boolean => index.plain && !index.unique && same(columns, index.columns)
  for (const index of live.indexes) {
    const ours = index.name.startsWith(indexPrefix(shape.name)), wanted = shape.indexes.some(({ columns }) => fits(columns, index))
    if (index.unique && isShared(live) && !(index.plain && shape.uniques.some(({ columns }) => same(columns, index.columns)))) faults.push(`table '${shape.name}' has the unique index '${index.name}', which is not declared so: expected none that decisions know nothing of; declare it as unique, or run: ${sql.dropIndex(index.name)}`)
    else if (index.unique) first.push({ name: `drop unique index '${index.name}' of '${shape.name}'`, sql: sql.dropIndex(index.name), lack: `table '${shape.name}' has the unique index '${index.name}', which is not declared so` })
    else if ((ours && !wanted) || shape.indexes.some(({ name, columns }) => name === index.name && !fits(columns, index))) first.push({ name: `drop index '${index.name}' of '${shape.name}'`, sql: sql.dropIndex(index.name) })
  }
  for (const index of shape.indexes) {
    if (!live.indexes.some(found => fits(index.columns, found))) last.push({ name: `add index ${fields(index.columns)} of '${shape.name}'`, sql: sql.createIndex(shape.name, index), lack: `table '${shape.name}' has no index on ${fields(index.columns)}` })
  }
  return { first, last, faults }
}

/** What must change so that the live schema is as declared. Tables that are not declared stay as they are, and so do columns: data is never dropped. */
export const difference = (schema: string, tables: readonly AnyTable[], live: Live, isEmpty: (table: string) => boolean = () => false): Difference => {
  const sql = ddl(schema), keyOf = (name: string): readonly string[] | undefined => live.tables.get(name)?.constraints.find(({ kind }) => kind === 'p')?.columns
  const wrong = misshapen(tables, keyOf)
  if (wrong.length > 0) return { changes: [], faults: wrong, unsure: [] }
  const first: Change[] = [], middle: Change[] = [], last: Change[] = [], faults: string[] = [], unsure: string[] = []
  for (const shape of tables.map(declaredOf)) {
    const standing = live.tables.get(shape.name)
    if (standing === undefined) {
      middle.push({ name: `create table '${shape.name}'`, sql: sql.createTable(shape), lack: `there is no table '${shape.name}'` })
      last.push(...shape.references.map(reference => ({ name: `add ${worded(reference)} of '${shape.name}'`, sql: sql.addConstraint(shape.name, reference) })))
    } else if (standing.kind !== 'r' && standing.kind !== 'p') faults.push(`'${shape.name}' is ${kinds[standing.kind] ?? 'no table'}: expected a table; rename one of them`)
    else {
      const columns = columnsOf(shape, standing, isEmpty(shape.name), sql), constraints = constraintsOf(shape, standing, sql), indexes = indexesOf(shape, standing, sql)
      first.push(...constraints.first, ...indexes.first)
      middle.push(...columns.changes)
      last.push(...constraints.last, ...indexes.last)
      faults.push(...columns.faults, ...constraints.faults, ...indexes.faults)
      unsure.push(...columns.unsure)
      if (!standing.columns.some(({ name }) => name === versionColumn)) faults.push(...standing.triggers.map(({ name, runs }) => `trigger '${name}' of table '${shape.name}' runs ${runs}, which finds what it names by the search_path of whoever writes: expected one of its own, since Lowtide's connections have none but pg_catalog; run: alter function ${runs} set search_path = ${identifier(schema)}, public`))
      if (standing.rights.length < complete.length) faults.push(`role '${live.role}' may not read and write table '${shape.name}': run, as its owner: grant select, insert, update, delete on table ${sql.at(shape.name)} to the role`)
    }
  }
  return { changes: [...first, ...middle, ...last], faults, unsure }
}


import type { AnyTable } from '@lowtide/core'
import { columnOf } from '../schema/columns.js'
import type { Database } from '../server/database.js'
import { identifier } from '../server/statement.js'

// Tables beside the live ones, that a rebuild fills. Nobody else reads or writes them.

export const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`
/** Copies of tables by this name. Their comments tell whose they are: the lock that a rebuild holds for as long as it lives, the table, and since when. */
export interface Copies { at(table: string): string; readonly marks: string; readonly create: string; readonly analyze: string; readonly drop: string; /** Puts their rows in the place of the live ones. */ readonly replace: string }
const prefix = 'lowtide_copy_'
/** Of copies in a schema: their lock, table and time. */
export const copyComment = /^lock (-?\d+), of (.*), since (\S+)$/

/** Values as they are read: equal numbers may be spelled in several ways, and JSON has no equality. */
const exact = ({ columns }: AnyTable, of: string) => (column: string): string => `${of}.${identifier(column)}${['json', 'float', 'decimal'].includes(columns[column]!.kind) ? '::text' : ''}`
/**
 * Only what differs is written: rows that come out as they were keep their versions, and a table that is rebuilt without a change of its rows is not bloated.
 * What is there goes first, so that values which must be unique may change places; in the order of the key, so that its index is written page by page.
 */
const replacing = (table: AnyTable, live: string, copy: string): string => {
  const { key } = table, rest = Object.keys(table.columns).filter(column => !key.includes(column)), columns = [...Object.keys(table.columns).map(identifier), 'lowtide_version'].join(', ')
  const same = key.map(column => `l.${identifier(column)} = c.${identifier(column)}`).join(' and '), row = (of: string): string => `row(${rest.map(exact(table, of)).join(', ')})`
  return `delete from ${live} l where not exists (select from ${copy} c where ${same}${rest.length === 0 ? '' : ` and ${row('l')} is not distinct from ${row('c')}`});
    insert into ${live} (${columns}) select ${columns} from ${copy} c where not exists (select from ${live} l where ${same}) order by ${key.map(column => `c.${identifier(column)}`).join(', ')}`
}

/** Without uniques and references: those are checked when the rows take the place of the live ones. Not logged: what a crash of the server leaves of them is nothing, and nobody's. */
export const copiesOf = (db: Pick<Database, 'at' | 'schema'>, name: string, tables: readonly AnyTable[], lockOf: (table: string) => number, since: string): Copies => {
  const at = (table: string): string => db.at(`${prefix}${name}_${tables.findIndex(t => t.name === table)}`), marks = db.at(`${prefix}${name}_marks`), comment = (copy: string, of: string): string => `comment on table ${copy} is ${literal(`lock ${lockOf(of)}, of ${of}, since ${since}`)}`
  return {
    at, marks,
    create: [
      ...tables.flatMap(table => [
        `create unlogged table ${at(table.name)} (${[...Object.entries(table.columns).map(([column, { kind, optional }]) => `${identifier(column)} ${columnOf(kind).type}${optional ? '' : ' not null'}`), 'lowtide_version bigint not null', `primary key (${table.key.map(identifier).join(', ')})`].join(', ')})`,
        comment(at(table.name), table.name),
      ]),
      `create unlogged table ${marks} (like ${identifier(db.schema)}.lowtide_inbox, primary key (consumer, id))`, comment(marks, tables[0]!.name),
    ].join('; '),
    analyze: tables.map(table => `analyze ${at(table.name)}`).join('; '),
    drop: [...tables.map(table => `drop table if exists ${at(table.name)}`), `drop table if exists ${marks}`].join('; '),
    replace: tables.map(table => replacing(table, db.at(table.name), at(table.name))).join(';\n'),
  }
}
/** Removes what is left of rebuilds whose process is gone: nobody holds their locks. */
export const sweep = (schema: string): string => `do $do$ declare r record; begin
  for r in select c.oid::regclass::text as name, substring(obj_description(c.oid, 'pg_class') from '^lock (-?[0-9]+), of ')::bigint as lock from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = ${literal(schema)} and c.relkind = 'r' and c.relname like ${literal(`${prefix.replaceAll('_', '\\_')}%`)}
  loop if r.lock is not null and pg_try_advisory_xact_lock(r.lock) then execute 'drop table ' || r.name; end if; end loop; end $do$`
/** Notes whose log it is that a consumer's checkpoints stand in, where that is another database. */
export const belongs = (schema: string, consumer: string, identity: string): string =>
  `insert into ${schema}.lowtide_sources (consumer, identity) values (${literal(consumer)}, ${literal(identity)}) on conflict (consumer) do update set identity = excluded.identity`

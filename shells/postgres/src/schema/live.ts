import type { Right } from '../roles/grants.js'
import type { Landed } from '../server/flight.js'
import { type Statement, type Step, statement } from '../server/statement.js'

export interface LiveColumn { readonly name: string; readonly type: string; readonly required: boolean; /** Has a default, or is made by the server. */ readonly filled: boolean; /** By the server alone, and how. */ readonly made: 'identity' | 'expression' | null }
export interface LiveConstraint {
  readonly name: string; readonly kind: 'p' | 'u' | 'f' | 'c' | 'x'; readonly columns: readonly string[]; readonly parent: string | null
  readonly deferrable: boolean; readonly deferred: boolean; /** Checked for all rows; a unique lets nulls be, and a reference removes and changes nothing by itself. */ readonly sound: boolean
}
export interface LiveIndex { readonly name: string; readonly columns: readonly string[]; readonly unique: boolean; /** Whole, on columns alone. */ readonly plain: boolean }
/** A function that a trigger runs, and that finds what it names by the search_path of whoever writes. */
export interface LiveTrigger { readonly name: string; readonly runs: string }
export interface LiveTable { readonly name: string; readonly kind: string; /** What this role may do with its rows. */ readonly rights: readonly Right[]; readonly columns: readonly LiveColumn[]; readonly constraints: readonly LiveConstraint[]; /** Without those that a constraint keeps. */ readonly indexes: readonly LiveIndex[]; readonly triggers: readonly LiveTrigger[] }
/** The schema as the catalog has it. */
export interface Live {
  readonly server: number; readonly role: string; readonly schema: boolean
  /** May this role use the schema, make tables in it, make schemas in the database? */
  readonly use: boolean; readonly create: boolean; readonly createSchema: boolean
  /** Tables, views and sequences by name, Lowtide's own among them. */
  readonly tables: ReadonlyMap<string, LiveTable>
}

const here = 'join pg_namespace n on n.oid = c.relnamespace and n.nspname = $1'
const columnsOf = (table: string, numbers: string): string =>
  `coalesce((select json_agg(a.attname order by u.i) from unnest(${numbers}) with ordinality u(number, i) join pg_attribute a on a.attrelid = ${table} and a.attnum = u.number), '[]'::json)`
/** Each answers one JSON text a row. No function or column in them is younger than PostgreSQL 12, so that an older server than expected can say so. */
const statements = {
  server: statement(`select json_build_object('server', current_setting('server_version_num')::int, 'role', current_user, 'schema', n.oid is not null,
    'use', coalesce(has_schema_privilege(n.oid, 'usage'), false), 'create', coalesce(has_schema_privilege(n.oid, 'create'), false), 'createSchema', has_database_privilege(current_database(), 'create'))::text
    from (select 1) one left join pg_namespace n on n.nspname = $1`),
  relations: statement(`select json_build_object('name', c.relname, 'kind', c.relkind,
    'rights', (select coalesce(json_agg(p), '[]'::json) from unnest('{select,insert,update,delete}'::text[]) p where has_table_privilege(c.oid, p)))::text
    from pg_class c ${here} where c.relkind in ('r', 'p', 'v', 'm', 'f')`),
  columns: statement(`select json_build_object('table', c.relname, 'name', a.attname, 'required', a.attnotnull, 'filled', a.atthasdef or a.attidentity <> '', 'made', case when a.attidentity = 'a' then 'identity' when a.attgenerated <> '' then 'expression' end,
    'type', replace(format_type(a.atttypid, a.atttypmod), 'timestamp with time zone', 'timestamptz') || case when a.attcollation <> t.typcollation then ' collate ' || quote_ident(o.collname) else '' end)::text
    from pg_class c ${here} join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped join pg_type t on t.oid = a.atttypid left join pg_collation o on o.oid = a.attcollation
    where c.relkind in ('r', 'p') order by a.attnum`),
  constraints: statement(`select json_build_object('table', c.relname, 'name', k.conname, 'kind', k.contype, 'columns', ${columnsOf('k.conrelid', 'k.conkey')},
    'parent', case when p.relnamespace = c.relnamespace then p.relname else p.oid::regclass::text end,
    'deferrable', k.condeferrable, 'deferred', k.condeferred, 'sound', k.convalidated and (k.contype <> 'f' or (k.confdeltype = 'a' and k.confupdtype = 'a')) and (k.contype <> 'u' or pg_get_constraintdef(k.oid) not like 'UNIQUE NULLS NOT DISTINCT%'))::text
    from pg_class c ${here} join pg_constraint k on k.conrelid = c.oid left join pg_class p on p.oid = k.confrelid where k.contype in ('p', 'u', 'f', 'c', 'x') order by k.conname`),
  indexes: statement(`select json_build_object('table', c.relname, 'name', x.relname, 'unique', i.indisunique, 'columns', ${columnsOf('c.oid', 'i.indkey::int2[]')},
    'plain', i.indisvalid and i.indpred is null and i.indexprs is null and i.indnatts = i.indnkeyatts and m.amname = 'btree')::text
    from pg_class c ${here} join pg_index i on i.indrelid = c.oid join pg_class x on x.oid = i.indexrelid join pg_am m on m.oid = x.relam
    where not exists (select 1 from pg_constraint k where k.conindid = i.indexrelid and k.contype in ('p', 'u', 'x')) order by x.relname`),
  triggers: statement(`select json_build_object('table', c.relname, 'name', g.tgname, 'runs', p.oid::regprocedure::text)::text
    from pg_class c ${here} join pg_trigger g on g.tgrelid = c.oid and not g.tgisinternal and g.tgenabled <> 'D' join pg_proc p on p.oid = g.tgfoid join pg_language l on l.oid = p.prolang and l.lanname not in ('internal', 'c')
    where not exists (select 1 from unnest(p.proconfig) set where set like 'search\\_path=%') order by g.tgname`),
} satisfies { readonly [name: string]: Statement }

/** The number of the server's version alone: any server answers that. */
export const version = statement(`select current_setting('server_version_num')`)
/** What to send, and what it answered: it goes along in one round trip. */
export const looking = (schema: string): readonly Step[] => Object.values(statements).map(statement => ({ statement, params: [schema] }))
export const seen = (landed: readonly Landed[]): Live => {
  const rows = <A>(i: number): readonly A[] => landed[i]!.rows.map(([text]) => JSON.parse(text!) as A)
  const by = <A extends { readonly table: string }>(all: readonly A[]): ReadonlyMap<string, readonly A[]> => {
    const groups = new Map<string, A[]>()
    for (const one of all) groups.set(one.table, [...groups.get(one.table) ?? [], one])
    return groups
  }
  const [about] = rows<Omit<Live, 'tables'>>(0)
  const columns = by(rows<LiveColumn & { readonly table: string }>(2)), constraints = by(rows<LiveConstraint & { readonly table: string }>(3)), indexes = by(rows<LiveIndex & { readonly table: string }>(4)), triggers = by(rows<LiveTrigger & { readonly table: string }>(5))
  const tables = rows<Pick<LiveTable, 'name' | 'kind' | 'rights'>>(1).map(table => [table.name, {
    ...table, columns: columns.get(table.name) ?? [], constraints: constraints.get(table.name) ?? [], indexes: indexes.get(table.name) ?? [], triggers: triggers.get(table.name) ?? [],
  }] as const)
  return { ...about!, tables: new Map(tables) }
}

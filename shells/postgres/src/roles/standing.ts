import { reserved, versionColumn } from '../schema/declared.js'
import { version } from '../schema/live.js'
import type { Database } from '../server/database.js'
import { statement } from '../server/statement.js'

/** `mighty`: a superuser, who loses nothing with what it owns. */
export interface Owner { readonly owner: string; readonly mighty: boolean }
export interface StandingTable extends Owner {
  readonly name: string
  /** Lowtide made it. */ readonly ours: boolean
  /** Quoted: what defaults of its columns count with, and what its identity columns do. */ readonly sequences: readonly string[]; readonly identities: readonly string[]
  /** Functions of its triggers, that run as whoever writes. */ readonly runs: readonly string[]
}
/** What stands in the database already. `others`: there is something in the schema that Lowtide did not make. */
export interface Standing { readonly server: number; readonly schema: Owner & { readonly others: boolean } | undefined; readonly tables: readonly StandingTable[]; /** The owner of what the tables call. */ readonly must: Owner | undefined }

const own = `'${reserved.replaceAll('_', '\\_')}%'`
/** Its version has no default: where others made a table, it has one, or none yet. */
const ours = `(c.relname like ${own} or exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = '${versionColumn}' and not a.attisdropped and not a.atthasdef))`
const named = (from: string): string => `(select coalesce(json_agg(distinct format('%I.%I', x.nspname, s.relname)), '[]'::json) from pg_class s join pg_namespace x on x.oid = s.relnamespace join pg_depend p on ${from} where s.relkind = 'S')`
const statements = {
  schema: statement(`select json_build_object('owner', o.rolname, 'mighty', o.rolsuper, 'others',
      exists (select from pg_class c where c.relnamespace = n.oid and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S') and not ${ours}) or exists (select from pg_proc p where p.pronamespace = n.oid and p.proname not like ${own})
      or exists (select from pg_type t where t.typnamespace = n.oid and t.typtype in ('e', 'd', 'r')))::text
    from pg_namespace n join pg_roles o on o.oid = n.nspowner where n.nspname = $1`),
  tables: statement(`select json_build_object('name', c.relname, 'owner', o.rolname, 'mighty', o.rolsuper, 'ours', ${ours},
      'sequences', ${named(`p.classid = 'pg_attrdef'::regclass and p.refclassid = 'pg_class'::regclass and p.refobjid = s.oid join pg_attrdef d on d.oid = p.objid and d.adrelid = c.oid`)},
      'identities', ${named(`p.classid = 'pg_class'::regclass and p.objid = s.oid and p.refclassid = 'pg_class'::regclass and p.refobjid = c.oid and p.deptype = 'i'`)},
      'runs', (select coalesce(json_agg(distinct p.oid::regprocedure::text), '[]'::json) from pg_trigger g join pg_proc p on p.oid = g.tgfoid and not p.prosecdef where g.tgrelid = c.oid and not g.tgisinternal))::text
    from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_roles o on o.oid = c.relowner
    where n.nspname = $1 and c.relkind in ('r', 'p') and c.relname not like 'lowtide\\_copy\\_%' order by c.relname`),
  must: statement(`select json_build_object('owner', o.rolname, 'mighty', o.rolsuper)::text from pg_proc p join pg_namespace n on n.oid = p.pronamespace join pg_roles o on o.oid = p.proowner where n.nspname = $1 and p.proname = 'lowtide_must'`),
}
export const standingIn = async (db: Pick<Database, 'fly' | 'schema'>): Promise<Standing> => {
  const [server, schema, tables, must] = await db.fly([{ statement: version, params: [] }, ...Object.values(statements).map(statement => ({ statement, params: [db.schema] }))])
  const one = <A>(landed: typeof schema): A | undefined => landed!.rows[0] === undefined ? undefined : JSON.parse(landed!.rows[0][0]!) as A
  return { server: Number(server!.rows[0]![0]), schema: one(schema), tables: tables!.rows.map(([text]) => JSON.parse(text!) as StandingTable), must: one(must) }
}

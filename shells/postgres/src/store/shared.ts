import type { AnyTable } from '@lowtide/core'
import { versionColumn } from '../schema/declared.js'
import type { Database } from '../server/database.js'
import { statement } from '../server/statement.js'

const asked = statement(`select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace and n.nspname = $1 join pg_attribute a on a.attrelid = c.oid and a.attname = '${versionColumn}' and a.atthasdef
  where c.relname = any($2::text[]) order by c.relname`)
/** Those that others have made and write: their version has a default. */
export const sharedAmong = async (db: Pick<Database, 'fly' | 'schema'>, tables: readonly AnyTable[]): Promise<readonly string[]> =>
  (await db.fly([{ statement: asked, params: [db.schema, tables.map(({ name }) => name)] }]))[0]!.rows.map(([name]) => name!)

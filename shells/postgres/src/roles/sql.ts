import type { AnyTable } from '@lowtide/core'
import { reserved } from '../schema/declared.js'
import type { Terms } from '../retention/terms.js'
import { identifier } from '../server/statement.js'
import { type Grants, type Right, complete, joined, ofApp, ofRelay, ofRetention } from './grants.js'

export interface Names { readonly migrator: string; readonly app: string; readonly relay: string }
/** What stands in the database already. */
export interface Standing { readonly schema: string | null; readonly tables: readonly { readonly name: string; readonly owner: string }[]; /** The owner of what the tables call. */ readonly must: string | null }
export interface Part { readonly name: string; readonly sql: readonly string[] }
interface Asked { readonly schema: string; readonly names: Names; readonly tables: readonly AnyTable[]; readonly terms: Terms; readonly someEvents: boolean; /** What a relay in a process of the app does besides. */ readonly carrying: Grants }

const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`

/**
 * Three roles, each with no more than it needs. Run again, it changes nothing, and gives what a later migration made its owner and its rights; what
 * somebody had granted beside it on Lowtide's own tables is taken back.
 */
export const rolesSql = ({ schema, names, tables, terms, someEvents, carrying }: Asked, standing: Standing): readonly Part[] => {
  const { migrator, app, relay } = names, inSchema = identifier(schema), at = (table: string): string => `${inSchema}.${identifier(table)}`, quoted = (role: string): string => identifier(role)
  const here = standing.tables.map(({ name }) => name), own = here.filter(name => name.startsWith(reserved)), declared = tables.map(({ name }) => name).filter(name => here.includes(name)).toSorted()
  const of = (rights: readonly Right[], table: string, role: string): readonly string[] => rights.length === 0 ? [] : [`grant ${rights.join(', ')} on ${at(table)} to ${quoted(role)};`]
  const retained = ofRetention(terms, someEvents), known = own.filter(table => Object.hasOwn(ofApp, table))
  return [
    { name: 'the roles, without a password: set it, or let them in by pg_hba.conf', sql: Object.values(names).map(role => `do $do$ begin if not exists (select from pg_roles where rolname = ${literal(role)}) then create role ${quoted(role)} login; end if; end $do$;`) },
    { name: `${migrator} owns the schema and its tables, and so is the only one to make, change or empty them`, sql: [
      standing.schema === null ? `create schema ${inSchema} authorization ${quoted(migrator)};` : standing.schema === migrator ? '' : `alter schema ${inSchema} owner to ${quoted(migrator)};`,
      ...standing.tables.filter(({ name, owner }) => owner !== migrator && (own.includes(name) || declared.includes(name))).map(({ name }) => `alter table ${at(name)} owner to ${quoted(migrator)};`),
      standing.must === null || standing.must === migrator ? '' : `alter function ${at('lowtide_must')}(boolean, text) owner to ${quoted(migrator)};`,
    ] },
    { name: 'what later migrations make is there for the app at once; run this again to give it less of Lowtide\'s own tables', sql: [`alter default privileges for role ${quoted(migrator)} in schema ${inSchema} grant ${complete.join(', ')} on tables to ${quoted(app)};`] },
    { name: 'both use the schema, and make nothing in it', sql: [`revoke all on schema ${inSchema} from ${quoted(app)}, ${quoted(relay)};`, `grant usage on schema ${inSchema} to ${quoted(app)}, ${quoted(relay)};`] },
    { name: `${app}: Lowtide's own tables`, sql: known.length === 0 ? [] : [
      `revoke all on ${own.map(at).join(', ')} from ${quoted(app)};`, ...known.flatMap(table => of(joined(ofApp[table], retained[table], carrying[table]), table, app)),
      ...terms.every === false || !known.includes('lowtide_inbox') ? [] : [`grant update (tx) on ${at('lowtide_inbox')} to ${quoted(app)};`],
      `grant execute on function ${at('lowtide_must')}(boolean, text) to ${quoted(app)}, ${quoted(relay)};`,
    ] },
    { name: `${app}: the tables of the functions`, sql: declared.flatMap(table => [`revoke all on ${at(table)} from ${quoted(app)}, ${quoted(relay)};`, ...of(complete, table, app)]) },
    { name: `${relay}: what waits in the outbox, and how far it has come`, sql: known.length === 0 ? [] : [`revoke all on ${own.map(at).join(', ')} from ${quoted(relay)};`, ...known.flatMap(table => of(ofRelay[table] ?? [], table, relay))] },
  ].map(({ name, sql }) => ({ name, sql: sql.filter(line => line !== '') })).filter(({ sql }) => sql.length > 0)
}

import type { AnyTable } from '@lowtide/core'
import { reserved } from '../schema/declared.js'
import type { Terms } from '../retention/terms.js'
import { identifier } from '../server/statement.js'
import { type Grants, type Right, complete, joined, ofApp, ofCopying, ofRelay, ofRetention } from './grants.js'
import type { Owner, Standing } from './standing.js'

export interface Names { readonly migrator: string; readonly app: string; readonly relay: string }
export interface Part { readonly name: string; readonly sql: readonly string[] }
export interface Asked { readonly schema: string; readonly names: Names; readonly tables: readonly AnyTable[]; readonly terms: Terms; readonly someEvents: boolean; /** What an app does besides, as a relay in its process. */ readonly besides: Grants }

const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`, unique = (all: readonly string[]): readonly string[] => [...new Set(all)].toSorted()
/** Of the tables that are declared: those that others have made, and go on using. */
const sharedOf = ({ tables }: Pick<Asked, 'tables'>, standing: Standing) => standing.tables.filter(({ name, ours }) => !ours && tables.some(table => table.name === name))

/** Why these names cannot be given: an owner can do all, so it has no least rights, and what others made is not taken from it. */
export const misnamed = (asked: Pick<Asked, 'schema' | 'names' | 'tables'>, standing: Standing): string | undefined => {
  const { app, relay } = asked.names, owned = [...standing.schema?.others ? [{ ...standing.schema, what: `schema '${asked.schema}', in which others have theirs` }] : [], ...sharedOf(asked, standing).map(table => ({ ...table, what: `table '${table.name}', which others have made` }))]
  const found = owned.find(({ owner }) => owner === app || owner === relay)
  return found && `expected a role of its own, found '${found.owner}', which owns the ${found.what}; name another one, which is made, and let the processes of Lowtide run as that`
}
/** What nobody can find in the catalog. */
export const asideOf = (asked: Pick<Asked, 'names' | 'tables'>, standing: Standing): readonly string[] => sharedOf(asked, standing).filter(({ runs }) => runs.length > 0)
  .map(({ name, runs }) => `Triggers of '${name}' run ${runs.join(', ')} as whoever writes: grant what they touch to '${asked.names.app}' too, or make them 'security definer' (with a search_path of their own).`)

/**
 * Three roles, each with no more than it needs. Run again, it changes nothing, and gives what a later migration made its owner and its rights; what
 * somebody had granted beside it on Lowtide's own tables is taken back.
 *
 * What others made stays theirs. PostgreSQL takes all rights of an owner with the ownership, and some of them (to alter, to grant, sequences, views, references that act as the owner) no
 * grant gives back: so tables of an application that is no superuser keep their owner, and so does all that this owner has, and a schema with others' things in it. The migrator changes
 * them as a member of it. On these nothing is revoked, either.
 */
export const rolesSql = (asked: Asked, standing: Standing): readonly Part[] => {
  const { schema, names, tables, terms, someEvents, besides } = asked, { migrator, app, relay } = names, inSchema = identifier(schema), at = (table: string): string => `${inSchema}.${identifier(table)}`, quoted = identifier
  const here = standing.tables.map(({ name }) => name), own = here.filter(name => name.startsWith(reserved)), declared = tables.map(({ name }) => name).filter(name => here.includes(name)).toSorted()
  const shared = sharedOf(asked, standing), sharing = new Set(shared.map(({ name }) => name)), makers = unique(shared.filter(({ mighty, owner }) => !mighty && owner !== migrator).map(({ owner }) => owner))
  const lesser = (role: string): boolean => role === app || role === relay
  const home = standing.schema, alone = home === undefined || !home.others || home.owner === migrator, takesHome = home !== undefined && alone && (home.mighty || lesser(home.owner)), ownsHome = home === undefined || takesHome || home.owner === migrator
  const taken = ({ owner }: Owner): boolean => owner !== migrator && !makers.includes(owner), takes = standing.tables.filter(table => taken(table) && (own.includes(table.name) || declared.includes(table.name)))
  /** Who runs now goes on until it is another role. */
  const left = ({ name, owner, mighty }: Owner & { readonly name: string }): readonly string[] => mighty || lesser(owner) ? [] : [`grant all on ${at(name)} to ${quoted(owner)};`]
  const readers = unique([...makers, ...home?.others && !home.mighty && home.owner !== migrator ? [home.owner] : []]), made = standing.tables.filter(({ ours }) => ours)
  const readable = (reader: string): readonly string[] => made.filter(({ owner }) => owner !== reader).flatMap(({ name, identities }) => [`table ${at(name)}`, ...identities.map(sequence => `sequence ${sequence}`)])

  const of = (rights: readonly Right[], table: string, role: string): readonly string[] => rights.length === 0 ? [] : [`grant ${rights.join(', ')} on ${at(table)} to ${quoted(role)};`]
  const retained = ofRetention(terms, someEvents), known = own.filter(table => Object.hasOwn({ ...ofApp, ...ofCopying }, table))
  return [
    { name: 'the roles, without a password: set it, or let them in by pg_hba.conf', sql: Object.values(names).map(role => `do $do$ begin if not exists (select from pg_roles where rolname = ${literal(role)}) then create role ${quoted(role)} login; end if; end $do$;`) },
    { name: ownsHome ? `${migrator} owns the schema and its tables, and so is the only one to make, change or empty them` : `${migrator} makes tables in the schema, which stays ${home.owner}'s`, sql: [
      home === undefined ? `create schema ${inSchema} authorization ${quoted(migrator)};` : home.owner === migrator ? '' : takesHome ? `alter schema ${inSchema} owner to ${quoted(migrator)};` : `grant usage, create on schema ${inSchema} to ${quoted(migrator)};`,
      ...takes.flatMap(table => [`alter table ${at(table.name)} owner to ${quoted(migrator)};`, ...left(table)]),
      standing.must === undefined || !taken(standing.must) ? '' : `alter function ${at('lowtide_must')}(boolean, text) owner to ${quoted(migrator)};`,
    ] },
    { name: `${makers.join(', ')} made ${shared.filter(({ owner }) => makers.includes(owner)).map(({ name }) => name).join(', ')}, and keeps all that it owns: ${migrator} changes it as a member. Who finds that too much leaves it out, and runs as the owner what 'lowtide migrate --dry' prints`,
      sql: makers.map(maker => `grant ${quoted(maker)} to ${quoted(migrator)}${standing.server >= 160_000 ? ' with inherit true, set false' : ''};`) },
    { name: `${readers.join(', ')} reads what Lowtide makes beside it, as pg_dump of the schema and 'grant … on all tables' need`, sql: readers.flatMap(reader => [
      ...readable(reader).map(one => `grant select on ${one} to ${quoted(reader)};`),
      ...['tables', 'sequences'].map(what => `alter default privileges for role ${quoted(migrator)} in schema ${inSchema} grant select on ${what} to ${quoted(reader)};`),
    ]) },
    { name: 'what later migrations make is there for the app at once; run this again to give it less of Lowtide\'s own tables', sql: [`alter default privileges for role ${quoted(migrator)} in schema ${inSchema} grant ${complete.join(', ')} on tables to ${quoted(app)};`] },
    { name: 'both use the schema, and make nothing in it', sql: [alone ? `revoke all on schema ${inSchema} from ${quoted(app)}, ${quoted(relay)};` : '', `grant usage on schema ${inSchema} to ${quoted(app)}, ${quoted(relay)};`] },
    { name: `${app}: Lowtide's own tables`, sql: known.length === 0 ? [] : [
      `revoke all on ${own.map(at).join(', ')} from ${quoted(app)};`, ...known.flatMap(table => of(joined(ofApp[table], retained[table], besides[table]), table, app)),
      ...terms.every === false || !known.includes('lowtide_inbox') ? [] : [`grant update (tx) on ${at('lowtide_inbox')} to ${quoted(app)};`],
      `grant execute on function ${at('lowtide_must')}(boolean, text) to ${quoted(app)}, ${quoted(relay)};`,
    ] },
    { name: `${app}: the tables of the functions`, sql: declared.flatMap(table => [sharing.has(table) ? '' : `revoke all on ${at(table)} from ${quoted(app)}, ${quoted(relay)};`, ...of(complete, table, app)]) },
    { name: `${app}: what defaults of shared tables count with`, sql: unique(shared.flatMap(({ sequences }) => sequences)).map(sequence => `grant usage on sequence ${sequence} to ${quoted(app)};`) },
    { name: `${relay}: what waits in the outbox, and how far it has come`, sql: known.length === 0 ? [] : [`revoke all on ${own.map(at).join(', ')} from ${quoted(relay)};`, ...known.flatMap(table => of(ofRelay[table] ?? [], table, relay))] },
  ].map(({ name, sql }) => ({ name, sql: sql.filter(line => line !== '') })).filter(({ sql }) => sql.length > 0)
}

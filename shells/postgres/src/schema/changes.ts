import type { Plan } from '@lowtide/core'
import { versionColumn } from './declared.js'
import { type Change, type Difference, difference } from './difference.js'
import type { Live } from './live.js'
import { type Meta, moved } from './meta.js'
import { barredFromMaking } from './rights.js'
import { identifier } from '../server/statement.js'
import { newest, system } from './system.js'

/** What a migration needs to know of the deployment. */
export type Needs = Pick<Plan, 'tables' | 'options'>
/** What is to be done in order, and what keeps it from being done. */
export interface Migration { readonly changes: readonly (Change & { readonly kind: 'lowtide' | 'project' | 'once'; readonly number?: number })[]; readonly faults: readonly string[]; readonly unsure: readonly string[] }

/** The oldest server on which the tests of this shell have run: 14.23, besides 18.4. */
export const oldest = 140_000
export const tooOld = (server: number): string | undefined => server >= oldest ? undefined
  : `expected PostgreSQL ${oldest / 10_000} or later, found ${Math.floor(server / 10_000)}.${server % 10_000}; use a newer server`
export const tooNew = (number: number): string | undefined => number <= newest ? undefined
  : `expected Lowtide's schema number ${newest} or lower, which this version knows, found ${number}; deploy the newer version of Lowtide that made it`
/** Keys are spread over the partitions by their hash: with another number they would move, and with them their order. */
export const otherPartitions = (found: string | undefined, wanted: number): string | undefined => found === undefined || found === String(wanted) ? undefined
  : `expected ${found} partitions, as this schema was made with, found the option partitions: ${wanted}; another number would move keys to other partitions: set it to ${found}, or use another schema`
const uncountable = (partitions: number): string | undefined => Number.isInteger(partitions) && partitions >= 1 && partitions <= 32_767 ? undefined
  : `expected a whole number of partitions from 1 to 32767, found ${partitions}`

const runner = (at: (table: string) => string): string => `
-- What was run here, in order: Lowtide's own changes by their number, and those that the project's tables asked for.
create table ${at('lowtide_migrations')} (
  kind text collate "C" not null check (kind in ('lowtide', 'project')), number int not null, name text not null, sql text not null, time timestamptz not null default now(),
  primary key (kind, number));`
const first = (at: (table: string) => string, partitions: number): string => `insert into ${at('lowtide_meta')} (key, value)
  select 'partitions', '${partitions}' union all select 'shift', '0' union all select 'system', system_identifier::text from pg_control_system();`

/** Ids are what this server counts plus 'shift': after this the next one is above all that the rows hold, and the shift never sinks. */
const adoption = (at: (table: string) => string, live: Live): string => {
  const versioned = [...live.tables.values()].filter(({ columns }) => columns.some(({ name }) => name === versionColumn)).map(({ name }) => `select max(${versionColumn}) from ${at(name)}`)
  const ids = [...['lowtide_log', 'lowtide_outbox', 'lowtide_inbox', 'lowtide_consumers', 'lowtide_ages', 'lowtide_starts'].map(name => `select max(tx) from ${at(name)}`), ...versioned].join('\n    union all ')
  return `update ${at('lowtide_meta')} set value = (select greatest(value::bigint, 0, max(tx) - pg_current_xact_id()::text::bigint + 1)::text from (
    ${ids}) ids(tx)) where key = 'shift';
update ${at('lowtide_meta')} set value = (select system_identifier::text from pg_control_system()) where key = 'system';
update ${at('lowtide_consumers')} set owner = null where owner is not null;
delete from ${at('lowtide_instances')};`
}

/** All of a migration as it would run now. `meta`: nothing where Lowtide was never here. */
export const migrationOf = (schema: string, { tables, options: { partitions } }: Needs, live: Live, meta: Meta | undefined, adopt: boolean, isEmpty: (table: string) => boolean): Migration => {
  const at = (table: string): string => `${identifier(schema)}.${identifier(table)}`
  const gone = meta && moved(meta), blocked = [uncountable(partitions), meta && tooNew(meta.number), otherPartitions(meta?.partitions, partitions), adopt ? undefined : gone].filter(fault => fault !== undefined)
  if (blocked.length > 0) return { changes: [], faults: blocked, unsure: [] }
  const mine: Difference = difference(schema, tables, live, isEmpty)
  const changes: Migration['changes'] = [
    ...live.schema ? [] : [{ kind: 'once', name: `create schema '${schema}'`, sql: `create schema ${identifier(schema)};` } as const],
    ...meta ? [] : [{ kind: 'once', name: 'create the record of migrations', sql: runner(at).trim() } as const],
    ...system.filter(({ number }) => number > (meta?.number ?? 0)).map(({ number, name, sql }) => ({ kind: 'lowtide', number, name, sql: sql.replaceAll(':schema', () => identifier(schema)).trim() } as const)),
    ...meta ? [] : [{ kind: 'once', name: 'say what this schema is', sql: first(at, partitions) } as const],
    ...gone === undefined ? [] : [{ kind: 'project', name: 'adopt the schema on this server', sql: adoption(at, live) } as const],
    ...mine.changes.map(change => ({ kind: 'project', ...change } as const)),
  ]
  const missing = changes.length > 0 ? barredFromMaking(live, schema) : undefined
  return { changes, faults: [...missing === undefined ? [] : [missing], ...mine.faults], unsure: mine.unsure }
}

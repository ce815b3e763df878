import type { Failure } from '@lowtide/core'
import * as E from 'fp-ts/lib/Either.js'
import type { TaskEither } from 'fp-ts/lib/TaskEither.js'
import type pg from 'pg'
import { type Migration, type Needs, migrationOf, tooOld } from './changes.js'
import { describe, secretless, unreachable } from '../server/connecting.js'
import type { Access, Database } from '../server/database.js'
import { failure, failureOf, refusalOf } from '../server/failure.js'
import { fly } from '../server/flight.js'
import { type Live, looking, seen, version } from './live.js'
import { locking } from '../store/locks.js'
import { answered, asking, moved } from './meta.js'
import { obstacles } from './obstacles.js'
import { barredFromUsing } from './rights.js'
import { identifier, statement } from '../server/statement.js'

export interface Migrated { readonly changes: readonly { readonly name: string; readonly sql: string }[]; /** All of it, to be read. */ readonly sql: string; readonly applied: boolean }

/** For the migration of another instance, and then for tables that others use: whoever queues for a table lets nobody else pass meanwhile. */
const patience = { migration: '60s', table: '5s' } as const

class Refused extends Error { readonly faults: readonly string[]; constructor(faults: readonly string[]) { super(); this.faults = faults } }

/** Who still runs adds the old shift to ids. An adoption that goes on keeps instances from coming, too. */
const barredByLiving = async (client: pg.Client, schema: string, dry: boolean): Promise<string | undefined> => {
  const at = `${identifier(schema)}.lowtide_instances`
  if (!dry) await client.query(`lock table ${at} in share row exclusive mode`)
  const [landed] = await fly(client, [{ statement: statement(`select count(*), max(until)::timestamptz(0)::text from ${at} where until > clock_timestamp()`), params: [] }]), [count, until] = landed!.rows[0]!
  return count === '0' ? undefined : `expected no running instance, found ${count}, whose leases last until ${until} by the server's clock; stop them, and adopt when their leases are over; where none runs, delete the rows of ${at} first`
}

/** Reads everything anew: under the lock nobody else migrates. */
const read = async (client: pg.Client, schema: string, needs: Needs, adopt: boolean, dry: boolean): Promise<Migration> => {
  const [number] = await fly(client, [{ statement: version, params: [] }]), old = tooOld(Number(number!.rows[0]![0]))
  if (old !== undefined) throw new Refused([old])
  const live: Live = seen(await fly(client, looking(schema))), at = (table: string): string => `${identifier(schema)}.${identifier(table)}`
  const standing = live.tables.has('lowtide_migrations'), barred = standing ? barredFromUsing(live, schema) : undefined
  if (barred !== undefined) throw new Refused([barred])
  const meta = standing ? answered(await fly(client, asking(identifier(schema)))) : undefined
  const living = adopt && meta !== undefined && moved(meta) !== undefined ? await barredByLiving(client, schema, dry) : undefined
  if (living !== undefined) throw new Refused([living])
  /** Who only asks is told which rows are in the way; who migrates finds out, and what rows hold is nobody's business then. */
  const checked = async (found: Migration): Promise<Migration> => dry && found.faults.length === 0 ? { ...found, faults: await obstacles(client, schema, found.changes.flatMap(({ adds }) => adds ?? []), live) } : found
  const assumed = migrationOf(schema, needs, live, meta, adopt, () => false)
  if (assumed.unsure.length === 0) return checked(assumed)
  const landed = await fly(client, assumed.unsure.map(table => ({ statement: statement(`select not exists (select from ${at(table)})`), params: [] })))
  const empty = new Set(assumed.unsure.filter((_, i) => landed[i]!.rows[0]![0] === 't'))
  return checked(migrationOf(schema, needs, live, meta, adopt, table => empty.has(table)))
}

const record = (schema: string, [kind, number, name, sql]: readonly [string, string, string, string]): string => `insert into ${identifier(schema)}.lowtide_migrations (kind, number, name, sql)
  select ${kind}, coalesce(${number}, (select coalesce(max(number), 0) + 1 from ${identifier(schema)}.lowtide_migrations where kind = ${kind})), ${name}, ${sql};`
const literal = (value: string): string => `'${value.replaceAll("'", "''")}'`
/** Who runs this by hand has migrated. */
const readable = (schema: string, changes: Migration['changes']): string => changes.map(({ kind, number, name, sql }) =>
  `-- ${name}\n${sql}\n${kind === 'once' ? '' : `${record(schema, [literal(kind), String(number ?? null), literal(name), literal('run by hand')])}\n`}`).join('\n')

const advice: { readonly [code: string]: string } = {
  '23505': 'found rows with equal values; make them different, then migrate again', '23503': 'found rows that refer to rows which do not exist; correct them, then migrate again',
  '42501': 'the role may not; run it as the owner of the schema and its tables', '2BP01': 'something that Lowtide did not make depends on it; remove that first',
  '42P07': 'something else has that name; rename it', '55P03': `others have used a table for longer than ${patience.table}; migrate again when there is less to do`,
}
const apply = async (client: pg.Client, schema: string, changes: Migration['changes']): Promise<E.Either<Failure, void>> => {
  await client.query(`set local lock_timeout = '${patience.table}'`)
  for (const { kind, name, sql, number } of changes) {
    try {
      await client.query(sql)
      if (kind !== 'once') await client.query(record(schema, ['$1::text', '$2::int', '$3::text', '$4::text']), [kind, number ?? null, name, sql])
    } catch (e) {
      const { code } = refusalOf(e), known = code === undefined ? undefined : advice[code], { failure: text, ...rest } = failureOf(`migrate schema '${schema}': ${name}`, e)
      return E.left({ ...rest, failure: known === undefined ? text : `${text}: ${known}; nothing was changed` })
    }
  }
  return E.right(undefined)
}

/**
 * Brings the schema to what this version and these tables need, in one transaction that only one instance at a time is in: all of it stands, or
 * nothing. Run again, it finds nothing to do. `dry`: answers the SQL and changes nothing. `adopt`: takes over a schema that was restored from another server.
 */
export const migrate = (db: Database, { url }: Pick<Access, 'url'>, needs: Needs, { dry = false, adopt = false } = {}): TaskEither<Failure, Migrated> => async () => {
  const doing = `migrate schema '${db.schema}'`
  let client: pg.Client
  try { client = await db.own() } catch (e) { return E.left(unreachable(url, doing, e)) }
  try {
    await client.query(`begin; set local statement_timeout = 0; set local idle_in_transaction_session_timeout = '60s'; set local lock_timeout = '${patience.migration}'`)
    if (!dry) {
      const locks = locking(db.schema)()
      locks.exclusive('migrate')
      await fly(client, [locks.step()])
    }
    const { changes, faults } = await read(client, db.schema, needs, adopt, dry)
    if (faults.length > 0) throw new Refused(faults)
    if (!dry && changes.length > 0) {
      const applied = await apply(client, db.schema, changes)
      if (E.isLeft(applied)) return E.left({ ...applied.left, failure: secretless(url, applied.left.failure) })
    }
    const { command } = await client.query(dry ? 'rollback' : 'commit')
    if (!dry && command !== 'COMMIT') return E.left(failure(`cannot ${doing}: expected a commit, found ${command}`))
    return E.right({ changes: changes.map(({ name, sql }) => ({ name, sql })), sql: readable(db.schema, changes), applied: !dry && changes.length > 0 })
  } catch (e) {
    if (e instanceof Refused) return E.left(failure([`cannot ${doing} at ${describe(url)}:`, ...e.faults].join('\n- ')))
    return E.left(unreachable(url, doing, e))
  } finally {
    await client.end().catch(() => {}) // what was not committed is undone
  }
}

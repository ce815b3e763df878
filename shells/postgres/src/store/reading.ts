import * as E from 'fp-ts/lib/Either.js'
import type { Failure } from '@lowtide/core'
import { type Database, bounded } from '../server/database.js'
import { failure, failureOf, refusalOf } from '../server/failure.js'
import { type Step, identifier, statement } from '../server/statement.js'
import type { Witnessing, removedFrom } from '../replica/witness.js'
import { historyLock } from './locks.js'

/** Where the log is. `identity`: of another database, to whose log the consumers belong from the swap on. */
export interface Log { readonly db: Pick<Database, 'fly' | 'own' | 'schema'>; readonly identity?: string | undefined; readonly witnessed?: Witnessing | undefined; /** Up to where each partition of another database has lost its events. */ readonly removed: (() => ReturnType<typeof removedFrom>) | undefined }
/** `lacks`: why the log does not tell all. `lost`: that retention has removed events since then. `close` is safe twice. */
export interface Reading { readonly lacks: string | undefined; lost(): Promise<Failure | undefined>; close(): Promise<void> }

const advisory = (schema: string): string => `l.locktype = 'advisory' and l.granted and l.objsubid = 1 and l.mode = 'ShareLock' and l.database = (select oid from pg_database where datname = current_database()) and (l.classid::bigint << 32) | l.objid::bigint = ${historyLock(schema)}`
/** Who reads the log from its beginning, so that its events stay: rebuilds here, and of replicas elsewhere. */
export const readersStep = ({ schema }: Pick<Database, 'schema'>): Step => ({ statement: statement(`select l.pid::text from pg_locks l where ${advisory(schema)} order by l.pid`), params: [] })
export const readersTold = (pids: readonly number[]): string => `events are kept, for a rebuild reads them all (${pids.map(pid => `pid ${pid}`).join(', ')}): they go when it has ended, or end it: ${pids.map(pid => `select pg_terminate_backend(${pid})`).join('; ')}`
/** For a statement that removes events: not while somebody reads them all. Who comes to read waits for the end of its transaction. */
export const nobodyReads = ({ schema }: Pick<Database, 'schema'>): string => `(select pg_try_advisory_xact_lock(${historyLock(schema)}))`

/**
 * Keeps retention from the events of a log for as long as this lives: by a lock that is shared among those who read, in a transaction of a connection of its own, which has no id and no
 * snapshot, so it holds nobody back; it can be had by who may only read, and through a pooler. It does not reach from a standby to its primary, nor over the end of its connection: so at its end it is asked whether something was removed.
 */
export const reading = async ({ db, identity }: Log): Promise<E.Either<Failure, Reading>> => {
  const doing = 'see to it that the log keeps its events', schema = identifier(db.schema)
  /** Of whatever channel. Nothing where it cannot be told: of another service's log it is asked where this role may. */
  const removed = async (): Promise<string | undefined> => (await db.fly([{ statement: statement(`select total from ${schema}.lowtide_retention where kind = 'events'`), params: [] }]))[0]!.rows[0]?.[0] ?? undefined
  let client: Awaited<ReturnType<Database['own']>>
  try { client = await db.own() } catch (e) { return E.left(failureOf(doing, e)) }
  const close = async (): Promise<void> => { await client.end().catch(() => {}) }
  let before: string | undefined, lacks: string | undefined
  try {
    await client.query(`begin; set local statement_timeout = 0; set local idle_in_transaction_session_timeout = 0; ${bounded(0, true)}; select pg_advisory_xact_lock_shared(${historyLock(db.schema)})`)
    before = await removed()
    if (Number(before ?? 0) > 0) lacks = `expected that the log holds all events, found that retention has removed ${before} of them`
  } catch (e) {
    const { code } = refusalOf(e), elsewhere = identity !== undefined
    if (elsewhere && code === '42501') lacks = `expected to see whether retention has removed events from the source, found that this role may not: grant select on ${schema}.lowtide_retention to it there. Where some were removed, they are not in the history`
    else if (!elsewhere || code !== '42P01') { await close(); return E.left(failureOf('see whether events were removed', e)) } // else a version that removes nothing
  }
  return E.right({
    lacks, close,
    lost: async () => {
      if (before === undefined) return undefined
      try {
        const now = await removed()
        return now === before ? undefined : failure(`cannot put the rebuilt tables in place: expected that the log keeps its events while they are read, found that retention has removed ${Number(now) - Number(before)} of them meanwhile, and what is in the rows of these alone would be gone; nothing was changed; to make the rows anew from what is left, run it again with --partial, or call app.rebuild(handler, { partial: true })`)
      } catch (e) { return failureOf('see whether events were removed meanwhile', e) }
    },
  })
}

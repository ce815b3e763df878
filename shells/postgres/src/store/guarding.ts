import type { Failure, Runtime } from '@lowtide/core'
import * as E from 'fp-ts/lib/Either.js'
import type pg from 'pg'
import { type Database, bounded } from '../server/database.js'
import { failure, failureOf, redacted, refusalOf } from '../server/failure.js'
import { type Holder, holdersOf, stands } from './blocking.js'
import { type Copies, sweep } from './copies.js'

/**
 * Who waits for a table lets nobody else pass meanwhile: short waits, and pauses in between that grow, and last at least until those have ended who were in the way: asked for
 * when a wait has lasted for `look`, and again each `again`. `hold`: milliseconds for which those who write the tables wait at most, until the last of the log is read; `idle`: for
 * which the server lets them wait for a process that says nothing more.
 */
export const patience = { lock: '2s', look: 1_000, again: 250, base: 100, cap: 30_000, hold: 5_000, idle: '30s' } as const
interface Guarding { readonly db: Database; readonly runtime: Pick<Runtime, 'after' | 'random' | 'now' | 'log'>; readonly doing: string; readonly locks: readonly number[]; readonly copies: Copies }
/** The transaction in which a rebuild lives. It has no id and no snapshot until its end, so it holds nobody back. */
export interface Guard {
  /** Why it is over. */
  ended(): Failure | undefined
  /** Runs these, whose locks stay. */
  hold(statements: readonly string[]): Promise<void>
  /** Lets go of what `hold` has locked. */
  release(): Promise<void>
  /** Runs this behind what is held, and commits. */
  end(text: string): Promise<void>
  /** After an error: what to answer, or nothing where it is worth another try, for as long as this lives. */
  failed(e: unknown): Promise<Failure | undefined>
  /** Whether it is too early for another try; it then waits for a moment. */
  early(): Promise<boolean>
  pause(): Promise<void>
  /** Safe twice; removes the copies, unless they have been taken. */
  close(): Promise<void>
}
const over = 'cannot use copies of tables that have taken the place of the live ones; ask for new ones'
/** Those of the session are for statements that a plan is kept of. */
const planning = ['seqscan', 'hashjoin', 'mergejoin'].map(way => `set local enable_${way} = on`).join('; ')

export const guarding = async ({ db, runtime, doing, locks, copies }: Guarding): Promise<E.Either<Failure, Guard>> => {
  let client: pg.Client, pid = 0, ended: Failure | undefined, swapping = false, closing: Promise<void> | undefined
  try { client = await db.own() } catch (e) { return E.left(failureOf(doing, e)) }
  const gone = (): void => { ended ??= { ...failure(`cannot ${doing}: its connection to the server broke${swapping ? ' while the tables changed places' : '; nothing was changed'}, run it again`), retry: true } }
  client.on('end', gone)
  const finish = async (): Promise<void> => { client.off('end', gone); await client.end().catch(() => {}) }
  try {
    await client.query(`begin; set local statement_timeout = 0; set local lock_timeout = '5s'; ${sweep(db.schema)}; commit`)
    await client.query(`begin; set local statement_timeout = 0; set local idle_in_transaction_session_timeout = 0; ${bounded(0, true)}`)
    const { rows } = await client.query<{ readonly lock: string; readonly ok: boolean; readonly pid: number }>(`select u.h::text as lock, pg_try_advisory_xact_lock(u.h) as ok, pg_backend_pid() as pid from unnest($1::bigint[]) u(h)`, [[...locks].sort((a, b) => a - b)])
    pid = rows[0]?.pid ?? 0
    const taken = rows.filter(({ ok }) => !ok).map(({ lock }) => lock)
    if (taken.length > 0) {
      const { rows: [by] } = await client.query<{ readonly pid: number; readonly since: string }>(`select a.pid, date_trunc('second', a.xact_start)::text as since from pg_locks l join pg_stat_activity a on a.pid = l.pid
        where l.locktype = 'advisory' and l.granted and l.objsubid = 1 and l.pid <> pg_backend_pid() and l.database = (select oid from pg_database where datname = current_database()) and (l.classid::bigint << 32) | l.objid::bigint = any($1::bigint[]) limit 1`, [taken])
      await finish()
      return E.left(failure(`cannot ${doing}: expected that nobody rebuilds the same tables, found one who does${by === undefined ? '; run it again' : `, since ${by.since}; wait for it, or end it: select pg_terminate_backend(${by.pid})`}`))
    }
    await db.script(copies.create)
  } catch (e) { await finish(); return E.left(failureOf(`${doing}: copy the tables`, e)) }

  let holding = false, analyzed = false, tries = 0, again: { readonly at: number; readonly holders: readonly Holder[] } | undefined, looked: Promise<readonly Holder[]> = Promise.resolve([])
  const release = async (): Promise<void> => { if (holding) { holding = false; await client.query('rollback to savepoint held; release savepoint held') } }
  const pause = (ms: number): Promise<void> => new Promise(resolve => { runtime.after(ms, resolve) }), told = new Set<string>()
  /** What may wait for locks. */
  const waiting = async (text: string): Promise<void> => {
    looked = Promise.resolve([])
    const stop = runtime.after(patience.look, () => { looked = holdersOf(db, pid).catch(() => []) })
    try { await client.query(text) } finally { stop() }
  }
  /** Each of them once. */
  const tell = (holders: readonly Holder[]): void => {
    const others = holders.filter(({ pid, transaction }) => !told.has(`${pid} ${transaction}`))
    for (const { pid, transaction } of others) told.add(`${pid} ${transaction}`)
    if (others.length > 0) runtime.log('warn', `[postgres] cannot ${doing} yet: expected that nobody else writes for a moment, found a transaction that keeps its locks: ${others.map(({ about }) => about).join('; ')}; it goes on by itself when that has ended`)
  }
  const drop = async (): Promise<void> => { await db.script(copies.drop).catch(() => {}) } // else the next rebuild does
  return E.right({
    ended: () => ended, release,
    hold: async statements => {
      if (!analyzed) { analyzed = true; await db.script(copies.analyze) } // before anybody has to wait for it
      holding = true
      await waiting(`savepoint held; set local lock_timeout = '${patience.lock}'; set local idle_in_transaction_session_timeout = '${patience.idle}'; ${statements.join('; ')}`)
    },
    end: async text => {
      swapping = true
      await waiting(`${planning}; set local work_mem = '64MB'; ${text}; set constraints all immediate; commit`)
      ended = failure(over)
      await finish()
    },
    failed: async e => {
      const { code, message, constraint } = refusalOf(e)
      if (ended !== undefined) return ended
      if (code?.startsWith('23') === true) {
        ended = failure(`cannot put the rebuilt tables in place: ${constraint ?? ''}: ${redacted(message)}`)
        await finish()
        await drop()
        return ended
      }
      swapping = false
      try { await release() } catch { gone(); return ended }
      if (code !== '55P03' && code !== '40P01') return failureOf('put the rebuilt tables in place', e)
      again = { at: runtime.now() + runtime.random() * Math.min(patience.cap, patience.base * 2 ** ++tries), holders: await looked }
      tell(again.holders)
      return undefined
    },
    early: async () => {
      if (again === undefined) return false
      if (runtime.now() >= again.at && !await stands(db, again.holders).catch(() => false)) { again = undefined; return false }
      await pause(patience.again)
      return true
    },
    pause: () => pause(10),
    close: () => closing ??= (async () => {
      const mine = ended === undefined
      ended ??= failure(`cannot ${doing}: it was ended`)
      await finish()
      if (mine) await drop()
    })(),
  })
}

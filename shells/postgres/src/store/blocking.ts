import type { Database } from '../server/database.js'
import { statement } from '../server/statement.js'

// Who keeps a transaction from its locks: asked by another connection, while it waits.

/** `transaction`: absent of a prepared one, which no process has. */
export interface Holder { readonly pid: number; readonly transaction: string | undefined; readonly about: string }

/** The heads of the queues: who waits in these, waits for the same. */
const heads = statement(`with recursive b(pid) as (select u.pid from unnest(pg_blocking_pids($1::int)) u(pid) union select u.pid from b cross join lateral unnest(pg_blocking_pids(b.pid)) u(pid))
  select b.pid, v.virtualtransaction, nullif(a.application_name, ''), date_trunc('second', a.xact_start)::text from b left join pg_locks v on v.pid = b.pid and v.locktype = 'virtualxid' and v.granted and v.mode = 'ExclusiveLock'
    left join pg_stat_activity a on a.pid = b.pid where b.pid <> $1::int and cardinality(pg_blocking_pids(b.pid)) = 0`)
export const holdersOf = async (db: Pick<Database, 'fly'>, waiting: number): Promise<readonly Holder[]> => (await db.fly([{ statement: heads, params: [waiting] }]))[0]!.rows.map(([pid, transaction, application, since]) => ({
  pid: Number(pid), transaction: transaction ?? undefined,
  about: pid === '0' ? `a prepared transaction, which 'lowtide status' shows under Watermark` : `pid ${pid}${application == null ? '' : ` ('${application}')`}${since == null ? '' : `, since ${since}`}: select pg_terminate_backend(${pid}) ends it`,
}))

const standing = statement(`select count(*) from unnest($1::int[], $2::text[]) u(pid, x) join pg_locks v on v.pid = u.pid and v.virtualtransaction = u.x and v.locktype = 'virtualxid' and v.granted`)
/** Whether the transaction of one of them has not ended. */
export const stands = async (db: Pick<Database, 'fly'>, holders: readonly Holder[]): Promise<boolean> => {
  const known = holders.filter(({ transaction }) => transaction !== undefined)
  return known.length > 0 && (await db.fly([{ statement: standing, params: [known.map(({ pid }) => pid), known.map(({ transaction }) => transaction!)] }]))[0]!.rows[0]![0] !== '0'
}

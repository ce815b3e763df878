import type { Message } from '@lowtide/core'
import type { Database } from './database.js'
import { type Statement, type Step, statement } from './statement.js'

/**
 * Another one for another server, and for the same one started again: after a failover ids may have gone back and forth again before anybody reads,
 * and a pool may put a new connection in the place of an idle one that broke without a word.
 */
export const server = `(extract(epoch from pg_postmaster_start_time()) * 1000000)::bigint`
/** The statements on the log. `shift` is a number of this database, added to each transaction's id. */
export interface Log { append(rows: readonly { readonly channel: string; readonly partition: number; readonly text: string }[]): Step; readonly read: Statement; readonly present: Statement }
export const logOf = (db: Pick<Database, 'at'>, shift: number): Log => {
  const log = db.at('lowtide_log'), shifted = (xid: string): string => `(${xid}::text::bigint + ${shift})`
  /** Answers the transaction's id. A message's number is its place in the arrays. */
  const append = statement(`with written as (
    insert into ${log} (channel, partition, tx, n, message)
    select u.channel, u.partition, ${shifted('pg_current_xact_id()')}, (u.n - 1)::int, u.message::json
    from unnest($1::text[], $2::smallint[], $3::text[]) with ordinality u(channel, partition, message, n) returning tx)
    select max(tx) from written`)
  return {
    append: rows => ({ statement: append, params: [rows.map(r => r.channel), rows.map(r => r.partition), rows.map(r => r.text)] }),
    /**
     * What stands behind each cursor, in order, and only what is older than the oldest transaction that still runs: nothing can be committed any more
     * before what is read here, so nothing is skipped. A cursor with nothing behind it has one row, which tells how far that is. Each row tells which server answers.
     */
    read: statement(`with now as materialized (select ${shifted('pg_snapshot_xmin(pg_current_snapshot())')} as low, ${server} as server)
      select u.i, now.low, l.tx, l.n, l.message, now.server
      from now cross join unnest($1::text[], $2::smallint[], $3::bigint[], $4::int[]) with ordinality u(channel, partition, tx, n, i)
      left join lateral (
        select r.tx, r.n, r.message from ${log} r
        where r.channel = u.channel and r.partition = u.partition and (r.tx, r.n) > (u.tx, u.n) and r.tx < now.low
        order by r.tx, r.n limit $5::bigint) l on true
      order by u.i, l.tx, l.n`),
    /** The transactions of now: all below the first are over, none from the second on, and those that run in between. */
    present: statement(`select ${shifted('pg_snapshot_xmin(s)')}, ${shifted('pg_snapshot_xmax(s)')}, array_to_string(array(select ${shifted('x')} from pg_snapshot_xip(s) x), ',') from pg_current_snapshot() s`),
  }
}

const texts = ['id', 'source', 'type', 'subject', 'time', 'dataschema', 'correlationid'] as const, maybe = ['causationid', 'traceparent', 'tenant', 'actor'] as const
/** Frozen through and through, for 0.5 to 2 us a message; with a reviver of `JSON.parse` 6 to 45 us, and a copy by whoever finds it not frozen costs more too. */
const frozen = (value: object): void => {
  for (const part of Object.values(value) as readonly unknown[]) if (typeof part === 'object' && part !== null) frozen(part)
  Object.freeze(value)
}
const isMessage = (value: unknown): value is Message => typeof value === 'object' && value !== null
  && texts.every(name => typeof (value as Message)[name] === 'string') && maybe.every(name => ['string', 'undefined'].includes(typeof (value as Message)[name])) && 'data' in value
/** A message of the log, or why its text is none. */
export const messageOf = (text: string): Message | { readonly raw: string; readonly key?: string | undefined; readonly reason: string } => {
  try {
    const value: unknown = JSON.parse(text)
    if (isMessage(value)) { frozen(value); return value }
    const { subject } = Object(value) as { readonly subject?: unknown }, wrong = texts.find(name => typeof (Object(value) as Message)[name] !== 'string')
    return { raw: text, key: typeof subject === 'string' ? subject : undefined, reason: `no envelope: ${wrong === undefined ? "expected 'data', and nothing but texts in the other fields" : `expected a text as '${wrong}'`}` }
  } catch (e) { return { raw: text, reason: `no JSON: ${e instanceof Error ? e.message : String(e)}` } }
}

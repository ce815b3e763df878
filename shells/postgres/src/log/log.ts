import type { Message } from '@lowtide/core'
import type { Database } from '../server/database.js'
import { published } from './position.js'
import { type Statement, type Step, statement } from '../server/statement.js'

/**
 * Another one for another server, and for the same one started again: after a failover ids may have gone back and forth again before anybody reads,
 * and a pool may put a new connection in the place of an idle one that broke without a word.
 */
export const server = `pg_postmaster_start_time()::text`
const shiftedBy = (shift: number) => (xid: string): string => `(${xid}::text::bigint + ${shift})`
/** The newest start that is noted, as a checkpoint keeps it: where another has written since, its id is above all that can be read now. */
export const newestStart = (starts: string): string => `(select concat(s.tx, ' ', s.server) from ${starts} s order by s.tx desc limit 1)`
/** `found`: what stands behind a cursor `u` and below `now.low`. `starts`: the table of these, where the newest is wanted; `removed`: that of what was removed, where it is wanted whether something behind the cursor was. */
export const readingBy = (shift: number, starts?: string, removed?: string) => (found: string): Statement => statement(`with now as materialized (select ${shiftedBy(shift)('pg_snapshot_xmin(pg_current_snapshot())')} as low, ${server} as server)
    select u.i, case when u.i = 1 then now.low end, l.tx, l.n, l.message, case when u.i = 1 then now.server end${starts === undefined && removed === undefined ? '' : `, ${starts === undefined ? 'null::text' : `case when u.i = 1 then ${newestStart(starts)} end`}${removed === undefined ? '' : ', case when (m.tx, m.n) > (u.tx, u.n) then 1 end'}`}
    from now cross join unnest($1::text[], $2::smallint[], $3::bigint[], $4::int[]) with ordinality u(channel, partition, tx, n, i)${removed === undefined ? '' : `
    left join ${removed} m on m.channel = u.channel and m.partition = u.partition`}
    left join lateral (${found}) l on true
    order by u.i, l.tx, l.n`)
/**
 * The statements on the log. `read` and `measured` answer what stands behind each cursor, in order, and only what is older than the oldest transaction that
 * still runs: nothing can be committed any more before what is read here, so nothing is skipped. A cursor with nothing behind it has one row; the first row
 * tells how far that is, and which server answers. $5: messages of a cursor, at most. $6 bounds their bytes, and a row without a message says that it was too
 * much: in `read` for a message larger than that, or compressed (what is behind it is not to be used); in `measured` for all of a cursor, of which the first
 * always comes. `read` is for small ones: the running sum costs 5 to 28 %.
 *
 * `shift` is a number of this database, added to each transaction's id. */
export interface Log { append(rows: readonly { readonly channel: string; readonly partition: number; readonly text: string }[]): Step; readonly read: Statement; readonly measured: Statement; readonly present: Statement }
/** `told`: what of another service's log can be seen. */
export const logOf = (db: Pick<Database, 'at'>, shift: number, told: { readonly starts: boolean; readonly removed: boolean } = { starts: false, removed: false }): Log => {
  const log = db.at('lowtide_log'), shifted = shiftedBy(shift), reading = readingBy(shift, told.starts ? db.at('lowtide_starts') : undefined, told.removed ? db.at('lowtide_removed') : undefined)
  /** Answers the transaction's id. A message's number is its place in the arrays, behind `published`. */
  const append = statement(`with written as (
    insert into ${log} (channel, partition, tx, n, message)
    select u.channel, u.partition, ${shifted('pg_current_xact_id()')}, (u.n - 1 + ${published})::int, u.message::json
    from unnest($1::text[], $2::smallint[], $3::text[]) with ordinality u(channel, partition, message, n) returning tx)
    select max(tx) from written`)
  const page = `from ${log} r where r.channel = u.channel and r.partition = u.partition and (r.tx, r.n) > (u.tx, u.n) and r.tx < now.low order by r.tx, r.n limit $5::bigint`
  return {
    append: rows => ({ statement: append, params: [rows.map(r => r.channel), rows.map(r => r.partition), rows.map(r => r.text)] }),
    read: reading(`select r.tx, r.n, case when pg_column_compression(r.message) is null and pg_column_size(r.message) <= $6::bigint then r.message end as message ${page}`),
    measured: reading(`select s.tx, s.n, case when s.upto <= $6::bigint or s.upto = s.size then s.message end as message
      from (select p.*, sum(p.size) over (order by p.tx, p.n rows unbounded preceding) as upto
        from (select r.tx, r.n, r.message, case when pg_column_compression(r.message) is null then pg_column_size(r.message) else octet_length(r.message::text) end as size ${page}) p) s
      where s.upto - s.size <= $6::bigint`),
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

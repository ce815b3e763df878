import type { Message, Reach } from '@lowtide/core'
import { seal } from '@lowtide/core'
import type { Landed } from '../server/flight.js'
import { watermarkOf } from './gate.js'
import { isMessage } from '../log/message.js'
import { type Place, placeOf, positionOf, start } from '../log/position.js'
import { type Step, statement } from '../server/statement.js'

type Cursor = Place & { readonly channel: string; readonly partition: number }
/** Every partition of these channels, and how far each has been read. */
export const cursorsOf = (channels: readonly string[], partitions: number, after: readonly Reach[]): readonly Cursor[] => {
  const known = new Map(after.map(r => [`${r.partition}/${r.channel}`, placeOf(r.position)]))
  return [...new Set(channels)].flatMap(channel => Array.from({ length: partitions }, (_, partition): Cursor => ({ channel, partition, ...(known.get(`${partition}/${channel}`) ?? start) })))
}
/** Bytes of messages in a page, but for one message: history is read beside what a process does otherwise, and messages may be large. */
const most = 4 * 2 ** 20
/**
 * In the order of transactions, which is that of every partition; nothing that a running transaction may still precede. A branch for each cursor, of so many
 * rows at most, so that the server merges them by their index and stops: with a limit that it does not know it sorted all that is left, for each page.
 */
export const historyStep = (schema: string, shift: number, cursors: readonly Cursor[], limit: number): Step => {
  const rows = Math.max(1, Math.min(Math.floor(limit), 100_000)), branch = (i: number): string => `(select ${i} as o, tx, n, message from ${schema}.lowtide_log
    where channel = ($1::text[])[${i}] and partition = ($2::smallint[])[${i}] and (tx, n) > (($3::bigint[])[${i}], ($4::int[])[${i}]) and tx < ${watermarkOf(shift)} order by tx, n limit ${rows})`
  return {
    statement: statement(`select p.o, p.tx, p.n, p.message from (select m.*, sum(m.size) over (order by m.tx, m.n rows unbounded preceding) as upto
        from (select l.*, case when pg_column_compression(l.message) is null then pg_column_size(l.message) else octet_length(l.message::text) end as size
          from (${cursors.map((_, i) => branch(i + 1)).join(' union all ')} order by tx, n limit ${rows}) l) m) p
      where p.upto <= ${most} or p.upto = p.size order by p.tx, p.n`),
    params: [cursors.map(c => c.channel), cursors.map(c => c.partition), cursors.map(c => c.tx), cursors.map(c => c.n)],
  }
}
/** How many stand behind a cursor, as the index tells. */
export const leftStep = (schema: string, { channel, partition, tx, n }: Cursor): Step => ({
  statement: statement(`select count(*) from ${schema}.lowtide_log where channel = $1::text and partition = $2::smallint and (tx, n) > ($3::bigint, $4::int)`),
  params: [channel, partition, tx, n],
})
/** The last that stands behind each cursor, if anything does. */
export const endsStep = (schema: string, cursors: readonly Cursor[]): Step => ({
  statement: statement(`select u.c, u.p, l.tx, l.n from unnest($1::text[], $2::smallint[], $3::bigint[], $4::int[]) u(c, p, x, n)
    cross join lateral (select tx, n from ${schema}.lowtide_log where channel = u.c and partition = u.p and (tx, n) > (u.x, u.n) order by tx desc, n desc limit 1) l`),
  params: [cursors.map(c => c.channel), cursors.map(c => c.partition), cursors.map(c => c.tx), cursors.map(c => c.n)],
})
export const endsOf = ({ rows }: Landed): readonly Reach[] => rows.map(([channel, partition, tx, n]) => ({ channel: channel!, partition: partition!, position: positionOf({ tx: Number(tx), n: Number(n) }) }))
/** What nobody could read when it came was parked, and is no part of what is made anew. */
const readable = (text: string): unknown => { try { return seal(JSON.parse(text) as unknown) } catch { return undefined } }
export const historyOf = (cursors: readonly Cursor[], { rows }: Landed): { readonly messages: readonly Message[]; readonly at: readonly Reach[]; readonly upTo: readonly Reach[] } => {
  const ends = cursors.map((c): Place => ({ tx: c.tx, n: c.n })), messages: Message[] = [], at: Reach[] = [], parts = cursors.map(c => String(c.partition))
  for (const [o, tx, n, text] of rows) {
    const nth = Number(o) - 1, place = ends[nth] = { tx: Number(tx), n: Number(n) }, message = readable(text!)
    if (!isMessage(message)) continue
    messages.push(message)
    at.push({ channel: cursors[nth]!.channel, partition: parts[nth]!, position: positionOf(place) })
  }
  return { messages, at, upTo: cursors.flatMap(({ channel }, i) => ends[i]!.tx > 0 ? [{ channel, partition: parts[i]!, position: positionOf(ends[i]!) }] : []) }
}

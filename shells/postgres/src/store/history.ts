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
/** In the order of transactions, which is that of every partition; nothing that a running transaction may still precede. */
export const historyStep = (schema: string, shift: number, cursors: readonly Cursor[], limit: number): Step => ({
  statement: statement(`select u.o, l.tx, l.n, l.message from unnest($1::text[], $2::smallint[], $3::bigint[], $4::int[]) with ordinality u(c, p, x, n, o)
    cross join lateral (select l.tx, l.n, l.message from ${schema}.lowtide_log l where l.channel = u.c and l.partition = u.p and (l.tx, l.n) > (u.x, u.n) and l.tx < ${watermarkOf(shift)} order by l.tx, l.n limit $5::bigint) l
    order by l.tx, l.n limit $5::bigint`),
  params: [cursors.map(c => c.channel), cursors.map(c => c.partition), cursors.map(c => c.tx), cursors.map(c => c.n), Math.min(limit, 2 ** 31)],
})
/** What nobody could read when it came was parked, and is no part of what is made anew. */
const readable = (text: string): unknown => { try { return seal(JSON.parse(text) as unknown) } catch { return undefined } }
export const historyOf = (cursors: readonly Cursor[], { rows }: Landed): { readonly messages: readonly Message[]; readonly upTo: readonly Reach[] } => {
  const at = cursors.map((c): Place => ({ tx: c.tx, n: c.n })), messages: Message[] = []
  for (const [o, tx, n, text] of rows) {
    at[Number(o) - 1] = { tx: Number(tx), n: Number(n) }
    const message = readable(text!)
    if (isMessage(message)) messages.push(message)
  }
  return { messages, upTo: cursors.flatMap(({ channel, partition }, i) => at[i]!.tx > 0 ? [{ channel, partition: String(partition), position: positionOf(at[i]!) }] : []) }
}

import type { Consumer, Failure, Reach, Store } from '@lowtide/core'
import * as E from 'fp-ts/lib/Either.js'
import type { Database } from '../server/database.js'
import { failure, failureOf } from '../server/failure.js'
import { type Place, compare, placeOf, positionOf, start } from '../log/position.js'
import { watermarkOf } from './gate.js'
import { locking, ownershipOf } from './locks.js'
import { identifier } from '../server/statement.js'

type Reset = NonNullable<Store['reset']>
type Moved = Reach & { readonly from: string; readonly messages: number }
const shape = /^\d{1,15}\.\d{1,10}$/

/**
 * Sets checkpoints, in one transaction that has the locks of all partitions: no unit of the consumer is in the middle then, and with another fence those
 * that are under way write nothing. Marks of what comes again are taken away, else it would be passed over; where a partition goes forward they stay: behind
 * a gap they alone tell what was handled.
 */
export const reset = async (db: Database, shift: number, partitions: number, { name, channels }: Consumer, to: Parameters<Reset>[1], { back, force, dry, partial = false }: Parameters<Reset>[2]): Promise<E.Either<Failure, readonly Moved[]>> => {
  const doing = `reset '${name}'`, schema = identifier(db.schema), refuse = (why: string) => E.left(failure(`cannot ${doing}: ${why}; nothing was changed`))
  if (to !== 'start' && to !== 'end' && !shape.test(to)) return refuse(`expected 'start', 'end' or a position such as 1234.0, found '${to}'`)
  const client = await db.own(), taking = locking(db.schema)(), parts = channels.flatMap(({ channel }) => Array.from({ length: partitions }, (_, partition) => ({ channel, partition })))
  for (const { channel, partition } of parts) taking.exclusive(ownershipOf(name, channel, partition))
  const one = async <R extends object>(text: string, ...values: readonly unknown[]): Promise<R | undefined> => (await client.query<R>(text, [...values])).rows[0]
  try {
    await client.query(`begin; set local statement_timeout = 0; set local lock_timeout = '10s'; ${taking.script()}`)
    const alive = await one<{ readonly ids: string | null }>(`select string_agg(i.id, ', ' order by i.id) as ids from ${schema}.lowtide_instances i where i.until > clock_timestamp() and (i.session is null or exists (select from pg_stat_get_activity(i.session) a)) and $1::text = any(i.consumers)`, name)
    if (!force && !dry && alive?.ids != null) return refuse(`expected that no process runs it, found ${alive.ids}; stop those that do, or use --force: then its partitions are taken from them, and what they have in hand is not written`)
    const parked = await one<{ readonly n: string }>(`select count(*)::text as n from ${schema}.lowtide_parked where consumer = $1::text and state <> 'failed'`, name)
    const { x: low } = (await one<{ readonly x: string }>(`select (${watermarkOf(shift)})::text as x`))!
    if (shape.test(to) && compare(placeOf(to), { tx: Number(low), n: 0 }) >= 0) return refuse(`expected 'end', or a position below ${low}.0, where the log ends for now, found '${to}', and what comes before it would be passed over`)
    const goal: Place = to === 'start' ? start : to === 'end' ? { tx: Number(low) - 1, n: 2 ** 31 - 1 } : placeOf(to), moved: Moved[] = []
    for (const { channel, partition } of parts) {
      const at = await one<{ readonly tx: string; readonly n: number }>(`select tx::text, n from ${schema}.lowtide_consumers where consumer = $1::text and channel = $2::text and partition = $3::smallint`, name, channel, partition)
      const from: Place = at === undefined ? start : { tx: Number(at.tx), n: at.n }, [least, most] = compare(goal, from) < 0 ? [goal, from] : [from, goal]
      const { n } = (await one<{ readonly n: string }>(`select count(*)::text as n from ${schema}.lowtide_log where channel = $1::text and partition = $2::smallint and (tx, n) > ($3::bigint, $4::int) and (tx, n) <= ($5::bigint, $6::int)`, channel, partition, least.tx, least.n, most.tx, most.n))!
      moved.push({ channel, partition: String(partition), from: positionOf(from), position: positionOf(goal), messages: Number(n) })
    }
    const places = new Set((await client.query<{ readonly at: string }>(`select channel || '/' || partition as at from ${schema}.lowtide_removed`)).rows.map(({ at }) => at))
    const lost = partial || !back ? [] : (await client.query<{ readonly at: string }>(`select r.channel || '/' || r.partition || ' up to ' || r.tx || '.' || r.n as at from ${schema}.lowtide_removed r where r.channel = any($1::text[]) and (r.tx, r.n) > ($2::bigint, $3::int) order by r.channel, r.partition`, [channels.map(c => c.channel), goal.tx, goal.n])).rows
    if (lost.length > 0) return refuse(`expected that the log holds all that shall come again, found that retention has removed ${lost.slice(0, 3).map(({ at }) => at).join(', ')}${lost.length > 3 ? ` and ${lost.length - 3} more` : ''}; to let only what is left come again, add --partial`)
    const blind = partial || !back ? undefined : await one<{ readonly total: string }>(`select total::text from ${schema}.lowtide_retention where kind = 'events' and total > 0`)
    const unknown = blind && moved.find(m => compare(placeOf(m.position), placeOf(m.from)) < 0 && !places.has(`${m.channel}/${m.partition}`))
    if (unknown) return refuse(`expected that the log holds all that shall come again, found that retention has removed ${blind.total} events, and that nobody knows whether ${unknown.channel}/${unknown.partition} had some of them; to let only what is left come again, add --partial`)
    const backwards = moved.filter(m => m.messages > 0 && compare(placeOf(m.position), placeOf(m.from)) < 0)
    if (backwards.length > 0 && !back) return refuse(`only a projector can go back: what this handler has sent would be sent again`)
    if (backwards.length > 0 && Number(parked!.n) > 0) return refuse(`expected that nothing of it is parked, found ${parked!.n} messages, which would come again beside those; redrive or discard them first: lowtide parked list --consumer ${name}`)
    if (dry) return E.right(moved)
    for (const [i, { channel, partition }] of parts.entries()) {
      const again = (to === 'start' && back) || compare(goal, placeOf(moved[i]!.from)) < 0
      if (again) await client.query(`delete from ${schema}.lowtide_inbox i using ${schema}.lowtide_log l where l.channel = $2::text and l.partition = $3::smallint and (l.tx, l.n) > ($4::bigint, $5::int) and i.consumer = $1::text and i.id = l.message ->> 'id'`, [name, channel, partition, goal.tx, goal.n])
      await client.query(`insert into ${schema}.lowtide_consumers as x (consumer, channel, partition, tx, n, fence) values ($1::text, $2::text, $3::smallint, $4::bigint, $5::int, 1) on conflict (consumer, channel, partition) do update set tx = excluded.tx, n = excluded.n, fence = x.fence + 1`, [name, channel, partition, goal.tx, goal.n])
    }
    await client.query('commit')
    return E.right(moved)
  } catch (e) { return E.left(failureOf(doing, e)) } finally { await client.end().catch(() => {}) } // what was not committed is undone
}

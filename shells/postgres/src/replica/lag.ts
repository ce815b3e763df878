import { type Lag, type Measured, countable } from '../schema/measure.js'
import type { Database } from '../server/database.js'
import { statement } from '../server/statement.js'

/** How far the consumers of a replica are behind: their checkpoints stand in `db`, and the messages in the log of the source. */
export const behindSource = async (db: Pick<Database, 'at' | 'fly'>, source: Pick<Database, 'at' | 'fly'>, measured: Measured): Promise<Measured> => {
  const [standing] = await db.fly([{ statement: statement(`select consumer, channel, partition, tx, n from ${db.at('lowtide_consumers')}`), params: [] }]), log = source.at('lowtide_log')
  const keyOf = (consumer: string, channel: string, partition: number | string): string => `${partition}/${channel}/${consumer}`, at = new Map(standing!.rows.map(([consumer, channel, partition, tx, n]) => [keyOf(consumer!, channel!, partition!), { tx: Number(tx), n: Number(n) }]))
  const { lags } = measured, places = lags.map(lag => at.get(keyOf(lag.consumer, lag.channel, lag.partition)) ?? { tx: 0, n: 0 })
  const [found] = await source.fly([{
    statement: statement(`select behind.count, extract(epoch from clock_timestamp() - oldest.time)::text from unnest($1::text[], $2::smallint[], $3::bigint[], $4::int[]) with ordinality u(c, p, tx, n, o)
      cross join lateral (select count(*) from (select from ${log} l where l.channel = u.c and l.partition = u.p and (l.tx, l.n) > (u.tx, u.n) limit ${countable + 1}) b) behind
      left join lateral (select case when l.message ->> 'time' ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z$' then (l.message ->> 'time')::timestamptz end as time from ${log} l
        where l.channel = u.c and l.partition = u.p and (l.tx, l.n) > (u.tx, u.n) order by l.tx, l.n limit 1) oldest on true order by u.o`),
    params: [lags.map(lag => lag.channel), lags.map(lag => lag.partition), places.map(p => p.tx), places.map(p => p.n)],
  }])
  return { ...measured, lags: lags.map((lag, i): Lag => ({ ...lag, messages: Number(found!.rows[i]![0]), age: found!.rows[i]![1] == null ? null : Number(found!.rows[i]![1]) })) }
}

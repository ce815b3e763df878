import type { Plan } from '@lowtide/core'
import type { Database } from '../server/database.js'
import { type Step, statement } from '../server/statement.js'
import { countable } from '../schema/countable.js'
import { type Section, section } from '../schema/section.js'
import { duration, tableOf } from '../schema/table-of.js'

/** Seconds for which something may wait for a relay before somebody should look. */
export const waitsTooLong = 300
/** What waits in a partition of a channel that leaves. `relay`: the consumer that carries it, if one ever did; `owner`: the process that does now. */
export interface Waiting { readonly channel: string; readonly partition: number; /** At most `countable` + 1. */ readonly rows: number; /** Seconds since the oldest entered. */ readonly age: number | null; readonly relay: string | null; readonly owner: string | null; readonly alive: boolean }

/** Partitions are found by leaps in the index: rows may be many. `before`: of transactions before this one alone. */
const parts = (outbox: string): string => `with recursive parts(h, p) as ((select aggregatetype, partition from ${outbox} order by 1, 2 limit 1)
  union all select n.h, n.p from parts cross join lateral (select o.aggregatetype as h, o.partition as p from ${outbox} o where (o.aggregatetype, o.partition) > (parts.h, parts.p) order by 1, 2 limit 1) n)`
export const waitingStep = (db: Pick<Database, 'at'>): Step => {
  const outbox = db.at('lowtide_outbox'), ours = `from ${outbox} o where o.aggregatetype = k.h and o.partition = k.p`
  return {
    params: [],
    statement: statement(`${parts(outbox)}
      select json_build_object('channel', k.h, 'partition', k.p, 'rows', (select count(*) from (select ${ours} limit ${countable + 1}) b), 'age', extract(epoch from clock_timestamp() - oldest.time), 'relay', c.consumer, 'owner', c.owner,
        'alive', coalesce(i.until > clock_timestamp() and (i.session is null or exists (select from pg_stat_get_activity(i.session) a)), false))::text
      from parts k left join ${db.at('lowtide_consumers')} c on starts_with(c.consumer, 'relay-') and c.channel = k.h and c.partition = k.p left join ${db.at('lowtide_instances')} i on i.id = c.owner
      left join lateral (select case when o.time ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z$' then o.time::timestamptz end as time ${ours} order by o.tx, o.n limit 1) oldest on true
      order by k.h, k.p`),
  }
}
/** How many rows of these channels wait, of what was there before transaction `$2`; and which transaction is the next one. */
export const leftStep = (db: Pick<Database, 'at'>, channels: readonly string[], before: number | undefined): Step => ({
  params: [channels, before ?? null],
  statement: statement(`${parts(db.at('lowtide_outbox'))}, shift(x) as (select value::bigint from ${db.at('lowtide_meta')} where key = 'shift')
    select (select coalesce(sum(w.n), 0) from parts k cross join lateral (select count(*) as n from (select from ${db.at('lowtide_outbox')} o where o.aggregatetype = k.h and o.partition = k.p and ($2::bigint is null or o.tx < $2::bigint) limit ${countable + 1}) b) w where k.h = any($1::text[])),
      (select pg_snapshot_xmax(pg_current_snapshot())::text::bigint + x from shift),
      (select count(*) from ${db.at('lowtide_parked')} p where starts_with(p.consumer, 'relay-') and p.channel = any($1::text[]))`),
})

const counted = (rows: number): string | number => rows > countable ? `${countable}+` : rows
export const waitingOf = (waiting: readonly Waiting[], { consumers }: Pick<Plan, 'consumers'>): Section => {
  const relays = new Map(consumers.filter(c => c.outbox).flatMap(({ name, channels }) => channels.map(({ channel }) => [channel, name] as const)))
  const relayOf = (w: Waiting): string | undefined => w.relay ?? relays.get(w.channel), late = waiting.filter(w => relayOf(w) !== undefined && (w.age ?? Infinity) > waitsTooLong), lost = waiting.filter(w => relayOf(w) !== undefined && !w.alive)
  const names = (list: readonly Waiting[]): string => [...new Set(list.map(w => `'${relayOf(w)}'`))].join(', ')
  return section('Outbox', waiting.length === 0 ? 'nothing waits' : tableOf(['channel', 'partition', 'rows', 'oldest', 'relay', 'owner'],
    waiting.map(w => [w.channel, w.partition, counted(w.rows), w.age === null ? 'unknown' : duration(w.age), relayOf(w) ?? 'none', w.owner === null ? 'none' : w.alive ? w.owner : `${w.owner} (gone)`])), [
    ...lost.length === 0 ? [] : [`${lost.length} partition${lost.length === 1 ? '' : 's'} of the outbox without a live owner: start a process that runs ${names(lost)}`],
    ...late.length === 0 ? [] : [`what leaves has waited for more than ${duration(waitsTooLong)}: see in the log of ${names(late)} why the outside does not take it`],
  ])
}

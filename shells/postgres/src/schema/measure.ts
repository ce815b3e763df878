import type { Plan } from '@lowtide/core'
import { countable } from './countable.js'
import { type Waiting, waitingStep } from '../relay/waiting.js'
import type { Database } from '../server/database.js'
import { retainedOf, retentionSteps, type Retained } from '../retention/measure.js'
import type { RetentionOptions } from '../retention/terms.js'
import { copyComment, literal } from '../store/copies.js'
import { type Statement, type Step, statement } from '../server/statement.js'

export { countable }
export interface Lag { readonly consumer: string; readonly channel: string; readonly partition: number; /** At most `countable` + 1. */ readonly messages: number; /** Seconds since the oldest of them was sent. */ readonly age: number | null; readonly owner: string | null; readonly alive: boolean; readonly fence: number }
export interface Holder { /** Absent for a prepared transaction, which no process holds. */ readonly pid: number | null; readonly application: string; readonly database: string; readonly user: string; /** Seconds since it began; null where this role may not see it. */ readonly seconds: number | null; /** Transactions that began after it. */ readonly behind: number; readonly prepared: string | null }
export interface Stopped { readonly consumer: string; readonly state: string; readonly reason: string; readonly count: number; readonly age: number }
export interface Instance { readonly id: string; readonly consumers: readonly string[]; /** Seconds until its lease ends; below zero, it has. */ readonly left: number }
export interface Size { readonly table: string; readonly rows: number; readonly dead: number; readonly bytes: number }
/** A table of a rebuild. `alive`: whether that still runs. */
export interface Copy { readonly copy: string; readonly table: string; readonly since: string; readonly alive: boolean }
/** What an operator asks of a running deployment; `data` of `lowtide status`. */
export interface Measured { readonly meta: { readonly [key: string]: string }; readonly number: number; readonly lags: readonly Lag[]; readonly holders: readonly Holder[]; readonly stopped: readonly Stopped[]; readonly instances: readonly Instance[]; readonly sizes: readonly Size[]; readonly outbox: readonly Waiting[]; readonly copies: readonly Copy[]; readonly retention: Retained }

const asked = (db: Pick<Database, 'at' | 'schema'>, { consumers, options: { partitions } }: Pick<Plan, 'consumers' | 'options'>): readonly Step[] => {
  const log = db.at('lowtide_log'), pairs = consumers.filter(({ broadcast, outbox }) => !broadcast && !outbox).flatMap(({ name, channels }) => channels.map(({ channel }) => [name, channel] as const))
  const step = (text: string, ...params: Step['params']): Step => ({ statement: statement(text) satisfies Statement, params })
  return [
    step(`select json_object_agg(key, value)::text, (select max(number) from ${db.at('lowtide_migrations')} where kind = 'lowtide')::text from ${db.at('lowtide_meta')}`),
    // Consumers of this deployment that never ran have no checkpoint yet: for them everything is new.
    step(`select json_build_object('consumer', k.consumer, 'channel', k.channel, 'partition', k.partition, 'messages', behind.count, 'age', extract(epoch from clock_timestamp() - oldest.time), 'owner', c.owner,
        'alive', coalesce(i.until > clock_timestamp() and (i.session is null or exists (select from pg_stat_get_activity(i.session) a)), false), 'fence', coalesce(c.fence, 0))::text
      from (select consumer, channel, partition::int from ${db.at('lowtide_consumers')} where not starts_with(consumer, 'relay-')
        union select u.consumer collate "C", u.channel collate "C", p from unnest($1::text[], $2::text[]) u(consumer, channel) cross join generate_series(0, $3::int - 1) p) k
      left join ${db.at('lowtide_consumers')} c on c.consumer = k.consumer and c.channel = k.channel and c.partition = k.partition
      left join ${db.at('lowtide_instances')} i on i.id = c.owner
      cross join lateral (select count(*) from (select from ${log} l where l.channel = k.channel and l.partition = k.partition and (l.tx, l.n) > (coalesce(c.tx, 0), coalesce(c.n, 0)) limit ${countable + 1}) b) behind
      left join lateral (select case when l.message ->> 'time' ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z$' then (l.message ->> 'time')::timestamptz end as time from ${log} l
        where l.channel = k.channel and l.partition = k.partition and (l.tx, l.n) > (coalesce(c.tx, 0), coalesce(c.n, 0)) order by l.tx, l.n limit 1) oldest on true
      order by k.consumer, k.channel, k.partition`, pairs.map(([consumer]) => consumer), pairs.map(([, channel]) => channel), partitions),
    // Whoever has a transaction id and has not ended holds back the watermark of all readers, whatever database it is in. What others began and when is seen by members of pg_read_all_stats alone.
    step(`select json_build_object('pid', a.pid, 'application', coalesce(a.application_name, ''), 'database', coalesce(a.datname, ''), 'user', coalesce(a.usename, ''), 'seconds', extract(epoch from clock_timestamp() - a.xact_start), 'behind', age(a.backend_xid), 'prepared', null)::text
      from pg_stat_activity a where a.backend_xid is not null and a.pid <> pg_backend_pid() order by age(a.backend_xid) desc limit 5`),
    step(`select json_build_object('pid', null, 'application', '', 'database', p.database, 'user', p.owner, 'seconds', extract(epoch from clock_timestamp() - p.prepared), 'behind', age(p.transaction), 'prepared', p.gid)::text
      from pg_prepared_xacts p order by age(p.transaction) desc limit 5`),
    step(`select json_build_object('consumer', p.consumer, 'state', p.state, 'reason', left(p.reason, 200), 'count', count(*), 'age', extract(epoch from clock_timestamp() - min(p.time)))::text
      from ${db.at('lowtide_parked')} p group by p.consumer, p.state, left(p.reason, 200) order by p.consumer, p.state, count(*) desc limit 100`),
    step(`select json_build_object('id', i.id, 'consumers', coalesce((select json_agg(distinct c) from unnest(i.consumers) c), '[]'), 'left', extract(epoch from i.until - clock_timestamp()))::text from ${db.at('lowtide_instances')} i order by i.id`),
    step(`select json_build_object('table', c.relname, 'rows', greatest(c.reltuples, pg_stat_get_live_tuples(c.oid), 0)::bigint, 'dead', pg_stat_get_dead_tuples(c.oid), 'bytes', pg_total_relation_size(c.oid))::text
      from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1::text and c.relkind in ('r', 'm') order by pg_total_relation_size(c.oid) desc, c.relname`, db.schema),
    waitingStep(db),
    step(`select json_build_object('copy', k.relname, 'table', k.said[2], 'since', k.said[3], 'alive', exists (select from pg_locks l where l.locktype = 'advisory' and l.granted and l.objsubid = 1
        and l.database = (select oid from pg_database where datname = current_database()) and (l.classid::bigint << 32) | l.objid::bigint = k.said[1]::bigint))::text
      from (select c.relname, regexp_match(obj_description(c.oid, 'pg_class'), ${literal(copyComment.source)}) as said from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname = $1::text and c.relkind = 'r' and c.relname like 'lowtide\\_copy\\_%') k where k.said is not null order by k.relname`, db.schema),
  ]
}

/** One round trip, in the least of rights: those of a deployment's own role. */
export const measure = async (db: Database, plan: Pick<Plan, 'consumers' | 'options'>, retention: RetentionOptions = {}): Promise<Measured> => {
  const landed = await db.fly([...asked(db, plan), ...retentionSteps(db)]), rows = <A>(i: number): readonly A[] => landed[i]!.rows.map(([text]) => JSON.parse(text!) as A)
  return {
    meta: rows<Measured['meta'] | null>(0)[0] ?? {}, number: Number(landed[0]!.rows[0]![1]), lags: rows(1),
    holders: [...rows<Holder>(2), ...rows<Holder>(3)].sort((a, b) => b.behind - a.behind), stopped: rows(4), instances: rows(5), sizes: rows(6), outbox: rows(7), copies: rows(8), retention: retainedOf(rows(9), rows<{ readonly [kind: string]: number | null }>(10)[0]!, rows(11), plan, retention),
  }
}

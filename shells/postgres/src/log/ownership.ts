import type { Database } from '../server/database.js'
import { locking, ownershipOf } from '../store/locks.js'
import { server } from './log.js'
import type { Place } from './position.js'
import { type Step, statement } from '../server/statement.js'

/** A partition to a consumer. */
export interface Part { readonly consumer: string; readonly channel: string; readonly partition: number }
export interface Owned extends Part { readonly owner: string | null; readonly fence: string }
/** A channel that an instance reads as a consumer. Null: every one of the consumer. */
export type Reads = readonly [consumer: string, channel: string | null]
export interface Taken extends Part { readonly fence: string; readonly after: Place }
/** What one look tells: which instances live and what they read, who owns what, how far the server has counted, and which one it is. */
export interface Look { readonly alive: ReadonlyMap<string, readonly Reads[]>; readonly owned: readonly Owned[]; readonly xmax: number; readonly server: string | undefined }
/** The statements on instances and owners. Only the server's clock counts. */
export interface Ownership {
  /** Rows for all partitions of a consumer's channels. */
  rows(consumer: string, channels: readonly string[], partitions: number): Promise<void>
  /** In one round trip: with `renew`, this instance lives for another lease and reads these; with `insteadOf`, it begins to, and the other one is gone. `session`: the server's process that ends with this one. */
  look(instance: string, reads: readonly Reads[], how: 'renew' | { readonly insteadOf: string } | undefined, session: number | undefined): Promise<Look>
  /** Gives up, then takes what is free, and waits for commits of the owner that was. Answers what was taken. */
  move(instance: string, given: readonly (Part & { readonly fence: string })[], wanted: readonly Part[]): Promise<readonly Taken[]>
  /** Gives all up, and this instance is gone. */
  leave(instance: string, given: readonly (Part & { readonly fence: string })[]): Promise<void>
}

export const ownership = (db: Pick<Database, 'at' | 'fly' | 'schema'>, shift: number, lease: number): Ownership => {
  const instances = db.at('lowtide_instances'), consumers = db.at('lowtide_consumers'), locks = locking(db.schema)
  const lively = (of: string): string => `(${of}.until > clock_timestamp() and (${of}.session is null or exists (select from pg_stat_get_activity(${of}.session) a)))`
  /** Behind a pooler it may be gone while this process lives: then only the lease counts. */
  const session = `case when $4::int is null then null else (select a.pid from pg_stat_get_activity($4::int) a where a.pid = $4::int) end`
  const later = `clock_timestamp() + $2::float8 * interval '1 millisecond'`, xmax = `pg_snapshot_xmax(pg_current_snapshot())::text::bigint + ${shift}`
  /** Only what is missing: 'on conflict' waits for whoever updates the row that is there. */
  const add = statement(`insert into ${consumers} (consumer, channel, partition) select $1::text, u.c, u.p from (select c, p from unnest($2::text[]) c cross join generate_series(0, $3::int - 1) p) u
    where not exists (select from ${consumers} k where k.consumer = $1::text and k.channel = u.c and k.partition = u.p) order by u.c, u.p on conflict do nothing`)
  const enter = statement(`insert into ${instances} (id, until, consumers, channels, session) values ($1::text, ${later}, $3::text[], $5::text[], ${session})
    on conflict (id) do update set until = excluded.until, consumers = excluded.consumers, channels = excluded.channels, session = excluded.session`)
  const renew = statement(`update ${instances} set until = ${later}, consumers = $3::text[], channels = $5::text[], session = ${session} where id = $1::text and until > clock_timestamp()`)
  const sweep = statement(`delete from ${instances} where id in (select i.id from ${instances} i where not ${lively('i')} and i.id <> $1::text for update skip locked)`)
  const alive = statement(`select i.id, (select json_agg(json_build_array(r.consumer, r.channel)) from unnest(i.consumers, i.channels) r(consumer, channel)), ${xmax}, ${server} from ${instances} i where ${lively('i')} or (i.id = $1::text and i.until > clock_timestamp())`)
  const owners = statement(`select c.consumer, c.channel, c.partition, c.owner, c.fence from ${consumers} c where c.consumer = any($1::text[])`)
  /** A server that counts on from a copy of its files says so by this: its first owner writes it before anything else of its own. */
  const begin = statement(`insert into ${db.at('lowtide_starts')} (tx, server) select pg_current_xact_id()::text::bigint + ${shift}, ${server} where not exists (select from ${db.at('lowtide_starts')} where server = ${server}) on conflict do nothing`)
  const lives = (id: string): string => `exists (select from ${instances} i where i.id = ${id} and (${lively('i')} or (i.id = $1::text and i.until > clock_timestamp())))`
  const take = statement(`update ${consumers} c set owner = $1::text, fence = c.fence + 1
    from unnest($2::text[], $3::text[], $4::smallint[]) u(consumer, channel, partition)
    where c.consumer = u.consumer and c.channel = u.channel and c.partition = u.partition
      and (c.owner is null or c.owner = $1::text or not ${lives('c.owner')}) and ${lives('$1::text')}
    returning c.consumer, c.channel, c.partition, c.fence, c.tx, c.n`)
  const give = statement(`update ${consumers} c set owner = null from unnest($2::text[], $3::text[], $4::smallint[], $5::bigint[]) u(consumer, channel, partition, fence)
    where c.consumer = u.consumer and c.channel = u.channel and c.partition = u.partition and c.owner = $1::text and c.fence = u.fence`)
  /** For this transaction: who waits for a commit for longer would not renew its own lease in time. */
  const patience = statement(`select set_config('lock_timeout', $1::text, true)`)
  const remove = statement(`delete from ${instances} where id = $1::text`)
  /** What it took as it left, and has nothing of in hand. */
  const release = statement(`update ${consumers} set owner = null where owner = $1::text`)

  const lockOf = (parts: readonly Part[]): Step => {
    const taking = locks()
    for (const { consumer, channel, partition } of parts) taking.exclusive(ownershipOf(consumer, channel, partition))
    return taking.step()
  }
  const columns = (parts: readonly Part[]) => [parts.map(p => p.consumer), parts.map(p => p.channel), parts.map(p => p.partition)] as const
  const giving = (instance: string, given: readonly (Part & { readonly fence: string })[]): Step => ({ statement: give, params: [instance, ...columns(given), given.map(g => g.fence)] })
  return {
    rows: async (consumer, channels, partitions) => { await db.fly([{ statement: add, params: [consumer, channels, partitions] }]) },
    look: async (instance, reads, how, listening) => {
      const names = reads.map(([consumer]) => consumer), steps: Step[] = [{ statement: alive, params: [instance] }, { statement: owners, params: [names] }]
      if (how !== undefined) steps.unshift({ statement: sweep, params: [instance] }, { statement: how === 'renew' ? renew : enter, params: [instance, lease, names, listening ?? null, reads.map(([, channel]) => channel)] })
      if (how !== undefined && how !== 'renew') steps.unshift({ statement: begin, params: [] }, { statement: remove, params: [how.insteadOf] })
      const landed = await db.fly(steps), [living, owning] = landed.slice(-2) as [typeof landed[number], typeof landed[number]]
      return {
        alive: new Map(living.rows.map(([id, reads]) => [id!, JSON.parse(reads ?? '[]') as readonly Reads[]])), xmax: Number(living.rows[0]?.[2] ?? 0), server: living.rows[0]?.[3] ?? undefined,
        owned: owning.rows.map(([consumer, channel, partition, owner, fence]) => ({ consumer: consumer!, channel: channel!, partition: Number(partition), owner: owner!, fence: fence! })),
      }
    },
    move: async (instance, given, wanted) => {
      const steps: Step[] = [{ statement: patience, params: [`${Math.max(1, Math.floor(lease / 4))}ms`] }, lockOf([...given, ...wanted])]
      if (given.length > 0) steps.push(giving(instance, given))
      if (wanted.length > 0) steps.push({ statement: take, params: [instance, ...columns(wanted)] })
      const landed = await db.fly(steps)
      return wanted.length === 0 ? [] : landed.at(-1)!.rows.map(([consumer, channel, partition, fence, tx, n]) => ({ consumer: consumer!, channel: channel!, partition: Number(partition), fence: fence!, after: { tx: Number(tx), n: Number(n) } }))
    },
    leave: async (instance, given) => { await db.fly([...given.length > 0 ? [lockOf(given), giving(instance, given)] : [], { statement: remove, params: [instance] }, { statement: release, params: [instance] }]) },
  }
}

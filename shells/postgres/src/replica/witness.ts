import { newestStart } from '../log/log.js'
import { type Place, positionOf, printed } from '../log/position.js'
import type { Database } from '../server/database.js'
import { identifier, statement } from '../server/statement.js'

/** Where a consumer stands in the log of the source, and what it has kept of that: a print of the message, and the newest start that was noted when it was read. */
export interface Standing extends Place { readonly consumer: string; readonly channel: string; readonly partition: number; readonly print: string | null; readonly start: string | null }
export interface Witness { readonly print: string | null; readonly start: string | null }
export type Witnessing = (places: readonly (Place & { readonly channel: string; readonly partition: number })[]) => Promise<readonly Witness[]>
/** What can be asked of a source. `starts`, `removed`: false where it notes none, or this role may not see them. `all`: nothing was ever removed from its log. */
export interface Readable { readonly starts: boolean; readonly removed: boolean; readonly all: boolean }
const highest = 2 ** 31 - 1
/** A position is behind everything of its transactions where nobody has handled a message at it. */
const columns = (at: Parameters<Witnessing>[0]) => [at.map(a => a.channel), at.map(a => a.partition), at.map(a => a.tx), at.map(a => a.n)] as const

export const readableOf = async (source: Pick<Database, 'fly' | 'schema'>): Promise<Readable> => {
  const schema = identifier(source.schema), at = (table: string): string => `${schema}.${table}`
  const [landed] = await source.fly([{ statement: statement(`select r is not null, coalesce(has_table_privilege(r, 'select'), false), s is not null and coalesce(has_table_privilege(s, 'select'), false), m is not null and coalesce(has_table_privilege(m, 'select'), false) from (select to_regclass($1::text) as r, to_regclass($2::text) as s, to_regclass($3::text) as m) t`), params: [at('lowtide_retention'), at('lowtide_starts'), at('lowtide_removed')] }])
  const [removes, seen, starts, places] = landed!.rows[0]!.map(cell => cell === 't')
  if (!removes || !seen) return { starts: starts!, removed: places!, all: !removes }
  const [removed] = await source.fly([{ statement: statement(`select from ${at('lowtide_retention')} where kind = 'events' and total > 0`), params: [] }])
  return { starts: starts!, removed: places!, all: removed!.count === 0 }
}

/** What the source says of places now, for consumers that have kept nothing of it yet. */
export const witnessing = (source: Pick<Database, 'at' | 'fly'>, { starts }: Readable): Witnessing => async places => {
  if (places.length === 0) return []
  const [landed] = await source.fly([{
    statement: statement(`select ${printed('l.message')}, ${starts ? newestStart(source.at('lowtide_starts')) : 'null::text'} from unnest($1::text[], $2::smallint[], $3::bigint[], $4::int[]) with ordinality u(c, p, tx, n, i)
      left join ${source.at('lowtide_log')} l on l.channel = u.c and l.partition = u.p and l.tx = u.tx and l.n = u.n order by u.i`),
    params: columns(places),
  }])
  return landed!.rows.map(([print, start]): Witness => ({ print: print ?? null, start: start ?? null }))
}

/**
 * Why these places are not of the log that stands there now; nothing, where none is known to be.
 * - A checkpoint stands at a message. Where that is gone, retention may have taken it, with all before it: not where older ones are there, or nothing was ever removed.
 * - It is the same message.
 * - The start under which it was read is there, and the next one has a higher id: all that was read before a start was noted is below it. So it is told also where
 *   retention has taken all that the consumer had read.
 */
export const parted = async (source: Pick<Database, 'at' | 'fly'>, at: readonly Standing[], next: bigint, { starts, all }: Readable): Promise<{ readonly consumer: string; readonly why: string } | undefined> => {
  if (at.length === 0) return undefined
  const log = source.at('lowtide_log'), noted = source.at('lowtide_starts'), known = `u.start is not null and`
  const [landed] = await source.fly([{
    statement: statement(`select * from (select u.i, case
        when u.tx >= $5::bigint or (u.n < ${highest} and l.tx is null and ${all ? 'true' : `exists (select from ${log} b where b.channel = u.c and b.partition = u.p and (b.tx, b.n) < (u.tx, u.n))`}) then 'none'
        when ${printed('l.message')} <> u.print then 'another'
        ${starts ? `when ${known} not exists (select from ${noted} s where s.tx = split_part(u.start, ' ', 1)::bigint and concat(s.tx, ' ', s.server) = u.start) then 'gone'
        when ${known} exists (select from ${noted} s where s.tx > split_part(u.start, ' ', 1)::bigint and s.tx <= u.tx) then 'later'` : ''} end as why
      from unnest($1::text[], $2::smallint[], $3::bigint[], $4::int[], $6::text[], $7::text[]) with ordinality u(c, p, tx, n, print, start, i)
      left join ${log} l on l.channel = u.c and l.partition = u.p and l.tx = u.tx and l.n = u.n) x where why is not null order by i limit 1`),
    params: [...columns(at), String(next), at.map(a => a.print), at.map(a => a.start)],
  }]), [row] = landed!.rows
  if (row === undefined) return undefined
  const one = at[Number(row[0]) - 1]!, place = `${one.channel}/${one.partition}/${positionOf(one)}`, last = `expected the message at ${place}, the last that '${one.consumer}' has handled, found`
  const whys: { readonly [why: string]: string } = {
    none: `${last} none`, another: `${last} another one`,
    gone: `expected that the source knows the start of the server under which '${one.consumer}' has read ${place} (${one.start}: transaction, time), found that it does not`,
    later: `expected that the next start of the server comes behind ${place}, which '${one.consumer}' has read before it, found that it comes first`,
  }
  return { consumer: one.consumer, why: whys[row[1]!]! }
}

/** The highest places that retention has removed, where that can be told. */
export const removedFrom = async (source: Pick<Database, 'at' | 'fly'>, { removed }: Pick<Readable, 'removed'>): Promise<readonly (Place & { readonly channel: string; readonly partition: number })[]> => {
  if (!removed) return []
  const [landed] = await source.fly([{ statement: statement(`select channel, partition, tx, n from ${source.at('lowtide_removed')} order by channel, partition`), params: [] }])
  return landed!.rows.map(([channel, partition, tx, n]) => ({ channel: channel!, partition: Number(partition), tx: Number(tx), n: Number(n) }))
}

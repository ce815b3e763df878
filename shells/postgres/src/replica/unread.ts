import type { Database } from '../server/database.js'
import { failureOf, refusalOf } from '../server/failure.js'
import { statement } from '../server/statement.js'

/** Where a consumer of a copy has come to in the log of the source. */
export interface At { readonly consumer: string; readonly channel: string; readonly partition: number; readonly tx: number; readonly n: number }

/** `blind`: why nobody knows. `barred`: no time will change it, somebody has to. */
export interface Unread { readonly held: ReadonlySet<string>; readonly blind?: { readonly why: string; readonly barred: boolean } }

/**
 * Which of them have messages before them that are older than so many milliseconds. Ages are the source's own, for so are the ids of its transactions;
 * where none is noted there, all is old. A source that does not answer may hold old messages for each of them.
 */
export const unreadOf = async (source: Pick<Database, 'at' | 'fly'>, ms: number, all: readonly At[]): Promise<Unread> => {
  if (all.length === 0) return { held: new Set() }
  try {
    const [found] = await source.fly([{
      statement: statement(`select u.o from unnest($1::text[], $2::smallint[], $3::bigint[], $4::int[]) with ordinality u(c, p, tx, n, o)
        cross join (select coalesce((select a.tx from ${source.at('lowtide_ages')} a where a.time <= clock_timestamp() - $5::float8 * interval '1 millisecond' order by a.time desc limit 1), ${2n ** 63n - 1n}) as below) old
        where exists (select from ${source.at('lowtide_log')} l where l.channel = u.c and l.partition = u.p and (l.tx, l.n) > (u.tx, u.n) and l.tx < old.below)`),
      params: [all.map(at => at.channel), all.map(at => at.partition), all.map(at => at.tx), all.map(at => at.n), ms],
    }])
    return { held: new Set(found!.rows.map(([o]) => all[Number(o) - 1]!.consumer)) }
  } catch (e) {
    const { code = '' } = refusalOf(e), todo = code === '42501' ? `; grant usage on the schema and select on ${source.at('lowtide_ages')} to this role there` : code === '42P01' ? `; run 'lowtide migrate' for the project whose log it is` : ''
    return { held: new Set(all.map(({ consumer }) => consumer)), blind: { why: `${failureOf('tell which messages of the source are old, so no marks are removed', e).failure}${todo}`, barred: /^(42|3F)/.test(code) } }
  }
}

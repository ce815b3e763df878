import { type Step, type Statement, statement } from '../server/statement.js'

/** What this database says of itself, and what the server says. Numbers as texts, for they may be too large. */
export interface Meta {
  readonly number: number
  readonly partitions?: string; readonly system?: string; readonly shift?: string
  /** Of the server that answers. */
  readonly here: string
  /** The id that the next transaction gets, with the shift added. */
  readonly next: bigint
  /** The highest transaction id in the log; nothing where it is empty. */
  readonly highest?: bigint
}

const table = (schema: string, name: string): string => `${schema}.${name}`
/**
 * The end of each partition, found by its index: the log is never read through. A row that is visible was written by a transaction that had its
 * id when the statement began, so on the server that wrote the log the highest id is always below the next one.
 */
const ends = (at: (name: string) => string): string => `with recursive part(channel, partition) as (
    (select channel, partition from ${at('lowtide_log')} order by channel, partition limit 1)
    union all select behind.channel, behind.partition from part cross join lateral (
      select l.channel, l.partition from ${at('lowtide_log')} l where (l.channel, l.partition) > (part.channel, part.partition) order by l.channel, l.partition limit 1) behind)
  select max(last.tx) from part cross join lateral (
    select l.tx from ${at('lowtide_log')} l where l.channel = part.channel and l.partition = part.partition order by l.tx desc, l.n desc limit 1) last`

/** The schema must have been migrated. */
export const asking = (quotedSchema: string): readonly Step[] => {
  const at = (name: string): string => table(quotedSchema, name)
  const steps: readonly Statement[] = [
    statement(`select coalesce(max(number), 0) from ${at('lowtide_migrations')} where kind = 'lowtide'`),
    statement(`select key, value from ${at('lowtide_meta')}`),
    statement(`select system_identifier::text from pg_control_system()`),
    statement(`select pg_snapshot_xmax(pg_current_snapshot())::text, (${ends(at)})::text`),
  ]
  return steps.map(statement => ({ statement, params: [] }))
}
export const answered = (landed: readonly { readonly rows: readonly (readonly (string | null)[])[] }[]): Meta => {
  const [number, meta, system, ids] = landed, said = new Map(meta!.rows.map(([key, value]) => [key!, value!]))
  const [next, highest] = ids!.rows[0]!, known = (key: string) => said.has(key) ? { [key]: said.get(key)! } : {}
  return {
    number: Number(number!.rows[0]![0]), ...known('partitions'), ...known('system'), ...known('shift'), here: system!.rows[0]![0]!,
    next: BigInt(next!) + BigInt(said.get('shift') ?? 0), ...(highest != null && { highest: BigInt(highest) }),
  }
}

/** Why transaction ids would no longer rise here; nothing, where they do. */
export const moved = ({ system, here, next, highest }: Meta): string | undefined => {
  const first = system !== undefined && system !== here ? `expected the server on which this schema was made (system identifier ${system}), found another (${here})`
    : highest !== undefined && highest >= next ? `expected a log whose transaction ids are below ${next}, the next one of this server, found ${highest}` : undefined
  return first && `the schema was restored from another server: ${first}; stop all instances, then run 'lowtide migrate --adopt', after which ids go on rising`
}

import { type Options, type Plan, defaults } from '@lowtide/core'
import { system } from '@lowtide/run'
import { right } from '@lowtide/testing'
import { migrate } from '../schema/migrate.js'
import { type Place, inDatabase } from '../schema/fixture.js'
import { retention } from './run.js'
import { type RetentionOptions, termsOf } from './terms.js'

// A schema with rows of any age, without waiting for them; not part of what is published.

const day = 24 * 3_600_000
export const options: Options = { ...defaults, dedupWindow: 7 * day, partitions: 2 }
const news = { channel: 'news', external: false }
const view = { name: 'view', channels: [news], broadcast: false }
export const plan: Plan = { tables: [], channels: [news], consumers: [view], everywhere: [view], options, runtime: { ...system, log: () => {} } }

export interface Old extends Place {
  readonly of: (given?: RetentionOptions, more?: Partial<Plan>) => ReturnType<typeof retention>
  count(from: string): Promise<number>
}
/**
 * Transactions count in days here: 1,000 a day, and the newest are those of today. So a row with the id `at(3)` is three days old.
 */
export const inOld = (run: (place: Old) => Promise<void>) => inDatabase(async place => {
  const { db, access } = place.open()
  await right(migrate(db, access, plan))
  await place.sql(`insert into lowtide.lowtide_ages (time, tx) select now() - d * interval '1 day', 1000000 - d * 1000 from generate_series(1, 400) d`)
  await run({
    ...place, of: (given = {}, more = {}) => retention({ db, shift: 1_000_000, terms: termsOf(given, options), plan: { ...plan, ...more } }),
    count: async from => Number((await place.sql(`select count(*) as n from lowtide.${from}`))[0]!['n']),
  })
})
export const at = (days: number): number => 1_000_000 - days * 1_000
export const commands = (days: number, many = 1): string => `insert into lowtide.lowtide_inbox (consumer, id, body, time, tx, outcome) select '', 'c' || ${days} || '-' || i, '', now(), ${at(days)}, '{"events":[]}' from generate_series(1, ${many}) i`
export const marks = (consumer: string, days: number, many = 1): string => `insert into lowtide.lowtide_inbox (consumer, id, body, time, tx) select '${consumer}', 'm' || ${days} || '-' || i, '', now(), ${at(days)} from generate_series(1, ${many}) i`
export const events = (channel: string, partition: number, days: number, many = 1): string => `insert into lowtide.lowtide_log (channel, partition, tx, n, message) select '${channel}', ${partition}, ${at(days)}, i, '{}' from generate_series(1, ${many}) i`
export const passed = (consumer: string, channel: string, partition: number, days: number, n = 2 ** 31 - 1): string => `insert into lowtide.lowtide_consumers (consumer, channel, partition, tx, n) values ('${consumer}', '${channel}', ${partition}, ${at(days)}, ${n}) on conflict (consumer, channel, partition) do update set tx = excluded.tx, n = excluded.n`
export const leaving = (channel: string, days: number, many = 1): string => `insert into lowtide.lowtide_outbox (id, aggregatetype, aggregateid, type, payload, partition, tx, n, time, source, dataschema, correlationid)
  select i::text, '${channel}', 'k', 'Told', '{}', 0, ${at(days)}, i, to_char(now() - ${days} * interval '1 day', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), 's', '', 'c' from generate_series(1, ${many}) i`

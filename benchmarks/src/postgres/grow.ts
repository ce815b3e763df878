import { sql } from './site.js'

const channel = 'customer-events', chunk = 10_000, partitions = 8
const eventOf = (id: string, email: string): string => `json_build_object('id', md5('e' || i)::uuid::text, 'source', 'bench/invite-customer', 'type', 'CustomerInvited', 'subject', ${id}, 'time', '2026-01-01T00:00:00.000Z', 'dataschema', 'CustomerInvited/1',
  'data', json_build_object('customerId', ${id}, 'email', ${email}), 'correlationid', md5('m' || i)::uuid::text, 'causationid', md5('m' || i)::uuid::text)`
const id = `md5('c' || i)::uuid::text`, email = `'stored.' || i || '@example.org'`, place = `i % ${partitions}`
const events = (schema: string, from: number, to: number): string => `insert into ${schema}.lowtide_log (channel, partition, tx, n, message)
  select '${channel}', ${place}, pg_current_xact_id()::text::bigint, i - ${from}, ${eventOf(id, email)} from generate_series(${from}, ${to} - 1) i`

/** What stands in the tables after as many commands, by plain SQL, which takes a tenth of the time: 10,000 a transaction, in no order of the keys. */
export const grow = async (schema: string, commands: number): Promise<void> => {
  for (let from = 0; from < commands; from += chunk) {
    const to = Math.min(from + chunk, commands), series = `generate_series(${from}, ${to} - 1) i`
    await sql(`begin; insert into ${schema}.customers (id, email, lowtide_version) select ${id}, ${email}, pg_current_xact_id()::text::bigint from ${series}; ${events(schema, from, to)};
      insert into ${schema}.lowtide_inbox (consumer, id, body, time, tx, outcome) select '', md5('m' || i)::uuid::text, left(md5('b' || i) || md5(i::text), 43), now(), pg_current_xact_id()::text::bigint, json_build_object('events', json_build_array(json_build_array('${channel}', ${place}, i - ${from}))) from ${series}; commit`)
  }
  for (const table of ['customers', 'lowtide_log', 'lowtide_inbox']) await sql(`vacuum (analyze) ${schema}.${table}`) // as autovacuum would
}
/** So many events as one statement, for a transaction of the caller's. */
export const logOf = (schema: string, many: number): string => events(schema, 0, many)
/** The same as a plain table of events. */
export const plainLogOf = (schema: string, many: number): string => `insert into ${schema}.events (key, message) select ${id}, ${eventOf(id, email)} from generate_series(0, ${many} - 1) i`

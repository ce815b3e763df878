import { hash, randomUUID } from 'node:crypto'
import type pg from 'pg'
import { expect } from '../audit.js'
import { checked } from '../invite.js'
import { connected, drop, newSchema, sql } from './site.js'

/** What one would choose for the planner of these connections: the server's own way, or one plan for good. */
export const planners = { own: '', generic: '-c plan_cache_mode=force_generic_plan' } as const
export type Planner = keyof typeof planners

const tables = (schema: string): string => `create schema ${schema};
  create table ${schema}.customers (id text collate "C" primary key, email text collate "C" not null unique);
  create table ${schema}.events (position bigserial primary key, key text collate "C" not null, message json not null);
  create table ${schema}.outbox (position bigserial primary key, key text collate "C" not null, payload json not null);
  create table ${schema}.inbox (id text collate "C" primary key, body text collate "C" not null, time timestamptz not null, outcome json not null);`

interface Command { readonly id: string; readonly body: string; readonly customerId: string; readonly email: string; readonly event: string; readonly outcome: string }
const { validate } = checked['~standard']
/** Validated, digested, its event in its envelope: what the baseline in memory does too. */
const commandOf = (input: string): Command => {
  const parsed = validate({ email: input })
  if (parsed instanceof Promise || parsed.issues !== undefined) throw new Error(`'${input}' is no email`)
  const { email } = parsed.value, id = randomUUID(), customerId = randomUUID()
  const event = JSON.stringify({
    id: randomUUID(), source: 'hand-written/invite-customer', type: 'CustomerInvited', subject: customerId, time: new Date().toISOString(), dataschema: 'CustomerInvited/1',
    data: { customerId, email }, correlationid: id, causationid: id,
  })
  return { id, body: hash('sha256', `InviteCustomer${JSON.stringify(parsed.value)}`, 'base64url'), customerId, email, event, outcome: JSON.stringify({ commandId: id }) }
}

/** What one would write for `InviteCustomer` on Postgres and nothing else: a lookup, and one statement for row, event, outbox and inbox; for one command, or for many. */
export const handWritten = async (planner: Planner, connections: number) => {
  const schema = newSchema(), clients: pg.Client[] = []
  await sql(tables(schema))
  for (let i = 0; i < connections; i++) clients.push(await connected({ options: planners[planner] }))
  const find = `select email from ${schema}.customers where email = `
  const one = async (input: string, client = clients[0]!): Promise<void> => {
    const c = commandOf(input), { rows } = await client.query({ name: 'find', text: `${find}$1`, values: [c.email] })
    if (rows.length > 0) throw new Error(`'${c.email}' is there already`)
    await client.query({
      name: 'write', values: [c.customerId, c.email, c.event, c.id, c.body, c.outcome],
      text: `with c as (insert into ${schema}.customers (id, email) values ($1, $2)), e as (insert into ${schema}.events (key, message) values ($1, $3::json)),
        o as (insert into ${schema}.outbox (key, payload) values ($1, $3::json)) insert into ${schema}.inbox (id, body, time, outcome) values ($4, $5, now(), $6::json)`,
    })
  }
  const batch = async (inputs: readonly string[], client = clients[0]!): Promise<void> => {
    const all = inputs.map(commandOf), { rows } = await client.query({ name: 'find-all', text: `${find}any($1::text[])`, values: [all.map(c => c.email)] })
    if (rows.length > 0) throw new Error(`${rows.length} of ${inputs.length} are there already`)
    await client.query({
      name: 'write-all', values: [all.map(c => c.customerId), all.map(c => c.email), all.map(c => c.event), all.map(c => c.id), all.map(c => c.body), all.map(c => c.outcome)],
      text: `with c as (insert into ${schema}.customers (id, email) select * from unnest($1::text[], $2::text[])), e as (insert into ${schema}.events (key, message) select k, m::json from unnest($1::text[], $3::text[]) u(k, m)),
        o as (insert into ${schema}.outbox (key, payload) select k, m::json from unnest($1::text[], $3::text[]) u(k, m))
        insert into ${schema}.inbox (id, body, time, outcome) select i, b, now(), r::json from unnest($4::text[], $5::text[], $6::text[]) u(i, b, r)`,
    })
  }
  return {
    one,
    /** As many commands in batches of a size, on all connections. */
    batches: async (emailAt: (index: number) => string, from: number, many: number, size: number): Promise<void> => {
      let next = 0
      await Promise.all(clients.map(async client => {
        for (let at = next; at < many; at = next) {
          next = Math.min(at + size, many)
          await batch(Array.from({ length: next - at }, (_, i) => emailAt(from + at + i)), client)
        }
      }))
    },
    audit: async (commands: number): Promise<void> => {
      const [found] = await sql(`select ${['customers', 'events', 'outbox', 'inbox'].map(table => `(select count(*)::int from ${schema}.${table}) as ${table}`).join(', ')}, (select count(distinct message ->> 'id')::int from ${schema}.events) as ids`)
      expect(`what stands in '${schema}'`, { customers: commands, events: commands, outbox: commands, inbox: commands, ids: commands }, found)
    },
    close: async (): Promise<void> => { for (const client of clients) await client.end(); await drop(schema) },
  }
}

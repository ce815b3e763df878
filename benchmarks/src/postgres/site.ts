import { postgres } from '@lowtide/servers'
import pg from 'pg'
import { expect } from '../audit.js'

// One server for all figures of a run, with the durability that PostgreSQL has by itself (fsync, synchronous_commit), and plain SQL beside Lowtide.
interface Here { readonly url: string; readonly pool: pg.Pool }
let begun: Promise<Here> | undefined
const here = (): Promise<Here> => begun ??= postgres().then(({ url }) => {
  const pool = new pg.Pool({ connectionString: url, max: 2, allowExitOnIdle: true })
  pool.on('error', () => {})
  return { url, pool }
})
export const urlHere = async (): Promise<string> => (await here()).url

/** Statements without parameters may be several; the rows of one. */
export const sql = async (text: string, values?: readonly unknown[]): Promise<readonly { readonly [column: string]: unknown }[]> =>
  (await (await here()).pool.query<{ readonly [column: string]: unknown }>(text, values && [...values])).rows
/** One whole number from plain SQL. */
export const number = async (text: string, values?: readonly unknown[]): Promise<number> => Number(Object.values((await sql(text, values))[0]!)[0])

let made = 0
/** A schema of its own, which nobody has made yet; a place to be when it is dropped. */
export const newSchema = (): string => `bench_${made++}`
export const drop = async (schema: string): Promise<void> => { await sql(`drop schema if exists ${schema} cascade`) }

export const connected = async (options: Partial<pg.ClientConfig> = {}): Promise<pg.Client> => {
  const client = new pg.Client({ connectionString: await urlHere(), ...options })
  await client.connect()
  return client
}

/** What stands in a schema of Lowtide's: counted by plain SQL, past Lowtide. */
export const auditStored = async (schema: string, { commands, invited = commands }: { readonly commands: number; readonly invited?: number }): Promise<void> => {
  const [found] = await sql(`select
    (select count(*)::int from ${schema}.customers) as rows, (select count(distinct email)::int from ${schema}.customers) as emails,
    (select count(*)::int from ${schema}.lowtide_log where channel = 'customer-events') as events, (select count(distinct message ->> 'id')::int from ${schema}.lowtide_log where channel = 'customer-events') as "ids of events",
    (select count(*)::int from ${schema}.customers c join ${schema}.lowtide_log l on l.message -> 'data' ->> 'customerId' = c.id and l.message -> 'data' ->> 'email' = c.email) as "rows with their event",
    (select count(*)::int from ${schema}.lowtide_inbox where consumer = '') as inbox, (select count(outcome)::int from ${schema}.lowtide_inbox where consumer = '') as outcomes`)
  expect(`what stands in '${schema}'`, { rows: invited, emails: invited, events: invited, 'ids of events': invited, 'rows with their event': invited, inbox: commands, outcomes: commands }, found)
}

import { run } from '@lowtide/run'
import type pg from 'pg'
import { expect } from '../audit.js'
import { type Benchmark, figure } from '../figure.js'
import { type Side, inTurns } from '../rounds.js'
import { rate } from './command.js'
import { migrate } from './deployed.js'
import { logOf, plainLogOf } from './grow.js'
import { projecting } from './projecting.js'
import { connected, drop, newSchema, number, sql, urlHere } from './site.js'

const name = 'postgres/projector', page = 500, often = 20
const pause = (ms: number): Promise<void> => new Promise(resolve => { setTimeout(resolve, ms) })
export const auditViews = async (table: string, views: number): Promise<void> => {
  const [found] = await sql(`select count(*)::int as views, count(distinct id)::int as ids, count(distinct email)::int as emails, count(*) filter (where invited)::int as invited from ${table}`)
  expect(`what stands in '${table}'`, { views, ids: views, emails: views, invited: views }, found)
}

/** A projector that waits for a log, which one commit then lays before it; done when its checkpoints stand at the end. */
export const projected = (events: number): Side => async () => {
  const schema = newSchema(), d = projecting(await urlHere(), schema, { poll: often })
  await migrate(d)
  const app = await run(d, { signals: false, only: 'projector' }), writer = await connected()
  const left = (): Promise<number> => number(`select count(*) from ${schema}.lowtide_log l join ${schema}.lowtide_consumers c on c.channel = l.channel and c.partition = l.partition where (l.tx, l.n) > (c.tx, c.n)`)
  const behind = (): Promise<number> => number(`select 8 - count(*) from ${schema}.lowtide_consumers c where c.consumer = 'customer-view' and c.fence > 0 and not exists (select from ${schema}.lowtide_log l where l.channel = c.channel and l.partition = c.partition and (l.tx, l.n) > (c.tx, c.n))`)
  while (await behind() > 0) await pause(often) // it owns all partitions
  await writer.query('begin')
  await writer.query(logOf(schema, events))
  return {
    run: async () => {
      await writer.query('commit')
      while (await behind() > 0) await pause(often)
    },
    audit: async () => {
      expect('events behind the checkpoints', 0, await left())
      await auditViews(`${schema}.customer_views`, events)
    },
    close: async () => { await app.close(); await writer.end(); await drop(schema) },
  }
}

interface Event { readonly position: string; readonly message: { readonly data: { readonly customerId: string; readonly email: string } } }
/** A loop as one would write it, on a table with the index that the functions ask of it: a page behind a cursor, an upsert of all of it, the cursor in the same transaction. */
const theirs = (events: number): Side => async () => {
  const schema = newSchema(), client: pg.Client = await connected()
  await sql(`create schema ${schema}; create table ${schema}.events (position bigserial primary key, key text collate "C" not null, message json not null);
    create table ${schema}.views (id text collate "C" primary key, email text collate "C" not null, invited boolean not null); create index on ${schema}.views (invited); create table ${schema}.cursors (name text collate "C" primary key, position bigint not null); insert into ${schema}.cursors values ('views', 0)`)
  await sql(plainLogOf(schema, events))
  return {
    run: async () => {
      for (let cursor = '0'; ;) {
        const { rows } = await client.query<Event>({ name: 'page', text: `select position, message from ${schema}.events where position > $1 order by position limit ${page}`, values: [cursor] })
        if (rows.length === 0) return
        const latest = new Map(rows.map(({ message: { data } }) => [data.customerId, data])) // one upsert takes a row once
        cursor = rows.at(-1)!.position
        await client.query({
          name: 'apply', values: [[...latest.keys()], [...latest.values()].map(d => d.email), cursor],
          text: `with v as (insert into ${schema}.views (id, email, invited) select i, e, true from unnest($1::text[], $2::text[]) u(i, e) on conflict (id) do update set email = excluded.email, invited = true)
            update ${schema}.cursors set position = $3 where name = 'views'`,
        })
      }
    },
    audit: () => auditViews(`${schema}.views`, events),
    close: async () => { await client.end(); await drop(schema) },
  }
}

/** Events a second that a projector takes from a log that is there already, against a plain loop. */
export const projector: Benchmark = {
  names: () => [name],
  run: async function* (effort) {
    const all = { ...effort, commands: effort.commands * 2 }, of = rate(all)
    yield figure(name, 'events/s', (await inTurns(effort, projected(all.commands), theirs(all.commands))).map(([a, b]) => [of(a), of(b)]), { atLeast: 0.6 })
  },
}

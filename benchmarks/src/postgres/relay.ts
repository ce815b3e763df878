import { type Emit, channel } from '@lowtide/core'
import { postgres } from '@lowtide/postgres'
import { deployment, relay as relayOf, run } from '@lowtide/run'
import * as TE from 'fp-ts/lib/TaskEither.js'
import type pg from 'pg'
import { expect } from '../audit.js'
import { type Benchmark, figure } from '../figure.js'
import { progress } from '../report.js'
import { type Side, inTurns, timing } from '../rounds.js'
import { rate } from './command.js'
import { migrate } from './deployed.js'
import { connected, drop, newSchema, number, sql, urlHere } from './site.js'

const name = 'postgres/relay', often = 20, partitions = 8
/** Rows of a page, of which the fastest is the baseline's. */
const pages = [250, 500, 1_000, 2_000] as const
const leaving = channel('leaving', { external: true }), keys = 1_000
const pause = (ms: number): Promise<void> => new Promise(resolve => { setTimeout(resolve, ms) })
/** What waits, as commits leave it: numbers rise with the places of each key. */
const waiting = (schema: string, many: number): string => `insert into ${schema}.lowtide_outbox (id, aggregatetype, aggregateid, type, payload, partition, tx, n, time, source, dataschema, correlationid, causationid)
  select md5('e' || i)::uuid::text, '${leaving.channel}', 'key-' || i % ${keys}, 'CustomerInvited', json_build_object('customerId', md5('c' || i)::uuid::text, 'email', 'stored.' || i || '@example.org', 'i', i),
    i % ${keys} % ${partitions}, pg_current_xact_id()::text::bigint, i, '2026-01-01T00:00:00.000Z', 'bench/invite-customer', 'CustomerInvited/1', md5('m' || i)::uuid::text, md5('m' || i)::uuid::text from generate_series(0, ${many} - 1) i`

interface Sent { readonly id: string; readonly key: string; readonly data: unknown }
/** Each once, of each key in order, and nothing is left. */
const audit = async (schema: string, many: number, sent: readonly Sent[]): Promise<void> => {
  const last = new Map<string, number>()
  let disordered = 0
  for (const { key, data } of sent) { const { i } = data as { readonly i: number }; if (i < (last.get(key) ?? -1)) disordered++; last.set(key, i) }
  expect(`what was published from '${schema}'`, { sent: many, ids: many, disordered: 0, left: 0 }, { sent: sent.length, ids: new Set(sent.map(s => s.id)).size, disordered, left: await number(`select count(*) from ${schema}.lowtide_outbox`) })
}
const deployed = async (schema: string, publish: (messages: readonly Emit[]) => void) => deployment({
  name: 'bench', functions: [], shell: postgres({ url: await urlHere(), schema, outbox: [leaving] }), options: { poll: often },
  processes: { relay: [relayOf({ name: 'bench', channels: [leaving], publish: messages => TE.fromIO(() => publish(messages)) })] },
})

/** A relay that waits for rows, which one commit then lays before it; done when none is left. */
const ours = (many: number): Side => async () => {
  const schema = newSchema(), sent: (readonly Emit[])[] = [], d = await deployed(schema, messages => { sent.push(messages) })
  await migrate(d)
  const app = await run(d, { signals: false }), writer = await connected()
  const owned = (): Promise<number> => number(`select count(*) from ${schema}.lowtide_consumers where fence > 0`)
  while (await owned() < partitions) await pause(often)
  await writer.query('begin')
  await writer.query(waiting(schema, many))
  return {
    run: async () => {
      await writer.query('commit')
      while (await number(`select exists (select from ${schema}.lowtide_outbox)::int`) > 0) await pause(often)
    },
    audit: () => audit(schema, many, sent.flat().map(({ message: { id, subject, data } }) => ({ id, key: subject, data }))),
    close: async () => { await app.close(); await writer.end(); await drop(schema) },
  }
}

interface Row { readonly id: string; readonly aggregateid: string; readonly payload: unknown; readonly tx: string; readonly n: number }
/** A loop as one would write it on the same table, each partition in turn: a page is removed and handed on in one transaction; the places of a page come in the order of the index, and its end is where the next one begins. */
const theirs = (many: number, page: number): Side => async () => {
  const schema = newSchema(), client: pg.Client = await connected(), sent: (readonly Row[])[] = []
  await migrate(await deployed(schema, () => {}))
  await sql(waiting(schema, many))
  const remove = `delete from ${schema}.lowtide_outbox o using (select ctid from ${schema}.lowtide_outbox where aggregatetype = $1 and partition = $2 and (tx, n) > ($3, $4) order by tx, n limit ${page}) p where o.ctid = p.ctid returning o.*`
  return {
    run: async () => {
      for (let partition = 0; partition < partitions; partition++) {
        for (let at: readonly [string, number] = ['0', 0], full = true; full;) {
          await client.query('begin')
          const { rows } = await client.query<Row>({ name: 'remove', text: remove, values: [leaving.channel, partition, ...at] })
          rows.sort((a, b) => Number(a.tx) - Number(b.tx) || a.n - b.n)
          if (rows.length > 0) { sent.push(rows); at = [rows.at(-1)!.tx, rows.at(-1)!.n] }
          await client.query('commit')
          full = rows.length === page
        }
      }
    },
    audit: () => audit(schema, many, sent.flat().map(({ id, aggregateid, payload }) => ({ id, key: aggregateid, data: payload }))),
    close: async () => { await client.end(); await drop(schema) },
  }
}

/** The size of a page with which the loop is fastest here, each tried twice. */
const tuned = async (many: number): Promise<number> => {
  let best = { page: pages[0] as number, took: Infinity }
  for (const page of pages) {
    const { time, close } = timing(theirs(many, page))
    try { const took = Math.min(await time(), await time()); if (took < best.took) best = { page, took } } finally { await close() }
  }
  return best.page
}
/** Rows a second that a relay carries to nowhere, against a plain loop. */
export const relay: Benchmark = {
  names: () => [name],
  run: async function* (effort) {
    const all = { ...effort, commands: effort.commands * 2 }, of = rate(all)
    const page = await tuned(all.commands)
    progress(`${name}: by hand, pages of ${page} rows are the fastest`)
    yield figure(name, 'rows/s', (await inTurns(effort, ours(all.commands), theirs(all.commands, page))).map(([a, b]) => [of(a), of(b)]), { atLeast: 0.6 })
  },
}

import { type Batch, type Channel, type Message, type Options, type Runtime, channel, defaults } from '@lowtide/core'
import { system as real } from '@lowtide/run'
import { testServer } from '@lowtide/servers'
import { right, within } from '@lowtide/testing'
import pg from 'pg'
import { suite } from 'uvu'
import { type Database, database } from '../server/database.js'
import { type Newsroom, newsroom } from './newsroom.js'
import { statement } from '../server/statement.js'
import { system } from '../schema/system.js'
import { type LogTransport, type TransportGiven, transport } from './transport.js'

// What this package's tests share; not part of what is published.

/** The server of this test file: that of TEST_DATABASE_URL, or one that is started for it; its child processes find it there. */
const server = await testServer()
process.env['TEST_DATABASE_URL'] = server.url
export const serverUrl = (): string => server.url
let count = 0
/** A name of its own for each test: its schema, and what finds it in the server's lists. */
export const newName = (): string => `t${process.pid}_${Date.now().toString(36)}_${count++}`
export const now: Options = { ...defaults, poll: 50, lease: 1_000, grace: 2_000, partitions: 4, backoffBase: 20, backoffCap: 200 }
export const message = (id: string, subject: string, data: unknown = {}): Message => ({ id, source: 'test', type: 'Tested', subject, time: '2024-05-01T00:00:00.000Z', dataschema: 'Tested/1', data, correlationid: id })
export const emits = (to: string, from: number, many: number, keys = 5) => Array.from({ length: many }, (_, i) => ({ channel: to, message: message(`m${from + i}`, `k${(from + i) % keys}`) }))

export type Site = Awaited<ReturnType<typeof site>>
/** A schema with Lowtide's tables, and a connection to look at it. */
export const site = async (schema: string = newName()) => {
  const client = new pg.Client({ connectionString: serverUrl(), application_name: `look ${schema}` })
  client.on('error', () => {})
  await client.connect()
  await client.query(`create schema if not exists "${schema}"`)
  for (const { sql } of system) await client.query(sql.replaceAll(':schema', `"${schema}"`))
  const raws: pg.Client[] = []
  const query = async <A = Record<string, string>>(sql: string, params: readonly unknown[] = []): Promise<readonly A[]> => (await client.query(sql.replaceAll(':schema', `"${schema}"`), [...params])).rows as A[]
  return {
    schema, query,
    /** One more connection, to keep a transaction open on. */
    raw: async () => {
      const one = new pg.Client({ connectionString: serverUrl() })
      one.on('error', () => {})
      await one.connect()
      raws.push(one)
      return { query: async <A = Record<string, string>>(sql: string, params: readonly unknown[] = []): Promise<readonly A[]> => (await one.query(sql.replaceAll(':schema', `"${schema}"`), [...params])).rows as A[], end: () => one.end() }
    },
    drop: async () => {
      await Promise.all(raws.map(raw => raw.end().catch(() => {})))
      await client.query(`drop schema "${schema}" cascade`)
      await client.end()
    },
  }
}
/** Tests that each have a schema and nodes of their own, which end with them; `more`: what else does. */
export const sites = <M extends object>(name: string, more: () => M, end: (context: M) => void = () => {}) => {
  const test = suite<{ at: Site; nodes: Node[] } & M>(name)
  test.before.each(async context => { Object.assign(context, more(), { at: await site(newName()), nodes: [] }) })
  test.after.each(async context => {
    end(context)
    await within(20_000, 'the nodes to close', () => Promise.all(context.nodes.map(n => n.close())))
    await context.at.drop()
  })
  return test
}
export const open = ({ at, nodes }: { readonly at: Site; readonly nodes: Node[] }, o: Parameters<typeof node>[1] = {}): Node => {
  const one = node(at.schema, o)
  nodes.push(one)
  return one
}
export type Node = ReturnType<typeof node>
/** What one process would open. */
export const node = (schema: string, o: Partial<Omit<TransportGiven, 'options' | 'newsroom' | 'db'>> & { readonly options?: Partial<Options>; readonly url?: string; readonly deaf?: boolean; readonly connections?: number } = {}) => {
  const logged: string[] = [], { options: some, url = serverUrl(), deaf = false, connections = 4, ...given } = o, options = { ...now, ...some }
  const runtime: Runtime = { ...real, log: (_level, text) => { logged.push(text) } }
  const db: Database = database({ url: `${url}${url.includes('?') ? '&' : '?'}application_name=${schema}`, schema, connections, lockTimeout: 2_000, answerTimeout: 5_000 }, text => { logged.push(text) })
  const news: Newsroom = newsroom({ db: deaf ? { ...db, own: () => Promise.reject(new Error('no connection to listen on')) } : db, runtime, options })
  const carrier: LogTransport = transport({ db, runtime, options, newsroom: news, shift: 0, partitions: options.partitions, ...given })
  return { db, news, transport: carrier, runtime, options, logged, close: async () => { await carrier.close(); await news.close(); await db.close() } }
}

/** A consumer that moves its checkpoint with each batch, by its fence, as a commit does. */
export const reader = async (on: Pick<Node, 'db' | 'transport' | 'news'>, name: string, channels: readonly string[], o: { readonly broadcast?: boolean; readonly keep?: boolean; readonly each?: (batch: Batch) => Promise<void> } = {}) => {
  const got: (Message & { readonly position: string; readonly partition: string; readonly at: number })[] = [], raws: unknown[] = [], batches: Batch[] = [], greeted: string[] = [], revoked: string[] = [], refused: Batch[] = [], out = new Set<string>(), handed = new Map<string, number>()
  const at = on.db.at('lowtide_consumers')
  const save = async (b: Batch): Promise<boolean> => {
    const last = b.deliveries.at(-1)
    if (o.broadcast === true || last === undefined) return true
    const [tx, n] = last.position.split('.')
    const moved = await on.db.fly([{ statement: statement(`update ${at} set tx = $5::bigint, n = $6::int where consumer = $1::text and channel = $2::text and partition = $3::smallint and fence = $4::bigint`), params: [name, b.channel, b.partition, b.fence, tx!, n!] }])
    return moved[0]!.count === 1
  }
  const batch = async (b: Batch): Promise<void> => {
    const part = `${b.channel}/${b.partition}`
    if (out.has(part)) throw new Error(`two batches of ${part} at a time`)
    out.add(part)
    try {
      if (b.deliveries.length === 0) { greeted.push(part); return }
      batches.push(b)
      for (const { message: m } of b.deliveries) if (!('raw' in m)) handed.set(m.id, performance.now())
      await o.each?.(b)
      if (!await save(b)) { refused.push(b); return }
      if (o.broadcast !== true) on.news.tell({ log: [], outcome: false, applied: true, parked: false })
      for (const { position, message: m } of b.deliveries) if ('raw' in m) raws.push(m); else got.push({ ...m, position, partition: b.partition, at: performance.now() })
    } finally { out.delete(part) }
  }
  const subscription = await right(on.transport.subscribe({ name, channels: channels.map((c): Channel => channel(c)), broadcast: o.broadcast ?? false }, { batch, revoked: (c, p) => { revoked.push(`${c}/${p}`) } }))
  return { ...subscription, handed, got, raws, batches, greeted, revoked, refused, ids: () => got.map(m => m.id) }
}
export const numbers = (ids: readonly string[]): readonly number[] => ids.map(id => Number(id.slice(1)))
export const upTo = (count: number): readonly number[] => Array.from({ length: count }, (_, i) => i)
export const sorted = (list: readonly number[]): readonly number[] => [...list].sort((a, b) => a - b)
/** Who owns what, by the table. */
export const owners = async ({ query }: Pick<Site, 'query'>, consumer: string) => (await query<{ owner: string | null; partition: number; fence: string; channel: string }>('select owner, channel, partition, fence from :schema.lowtide_consumers where consumer = $1 order by channel, partition', [consumer]))
/** How many partitions of a consumer each of these owns, when all are owned. */
export const shares = async (at: Pick<Site, 'query'>, consumer: string): Promise<readonly number[]> => {
  const all = await owners(at, consumer), by = new Map<string, number>()
  for (const { owner } of all) if (owner !== null) by.set(owner, (by.get(owner) ?? 0) + 1)
  return all.some(({ owner }) => owner === null) ? [] : [...by.values()].sort((a, b) => a - b)
}
/** Messages in a transaction that stays open: what a unit does, step by step. */
export const emitIn = async ({ query }: Pick<Awaited<ReturnType<Site['raw']>>, 'query'>, to: string, partition: number, messages: readonly Message[]): Promise<void> => {
  for (const [n, m] of messages.entries()) await query('insert into :schema.lowtide_log values ($1, $2, pg_current_xact_id()::text::bigint, $3, $4)', [to, partition, n, JSON.stringify(m)])
}

import { fork } from 'node:child_process'
import { defaults } from '@lowtide/core'
import { deployment, planOf, run, system } from '@lowtide/run'
import { freshDatabase } from '@lowtide/servers'
import { right, until, within } from '@lowtide/testing'
import pg from 'pg'
import { postgres } from '../postgres.js'
import { migrate } from '../schema/migrate.js'
import { database } from '../server/database.js'
import { Add, add, entries, functions, summing, sums, totals } from './functions/fixture.js'

// Processes that write, project and rebuild in a database of their own, looked at by plain SQL.

/** A process that is halted for a time may stay the owner of what it has. */
const options = { lease: Number(process.env['LEASE'] ?? 1_000), poll: 50, backoffBase: 10, backoffCap: 200, partitions: 4, timeout: 30_000 }
type Only = 'front' | 'worker' | 'adder' | 'projector'
export const appOf = (url: string, only?: Only) => run(deployment({
  name: 'sums', functions: [functions], shell: postgres({ url, connections: 4, answerTimeout: 10_000, lockTimeout: Number(process.env['LOCK'] ?? 5_000) }), processes: { front: [], worker: [add, summing], adder: [add], projector: [summing] }, options,
}), { only, signals: false })
type App = Awaited<ReturnType<typeof appOf>>

const script = new URL('child/fixture.js', import.meta.url)
type Child = 'worker' | 'projector' | 'add' | 'summing'
export const child = async (url: string, what: Child, env: { readonly [name: string]: string } = {}) => {
  const one = fork(script, [url, what], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'], env: { ...process.env, ...env } })
  let ready = false, end: { readonly by: unknown } | undefined, done: unknown
  one.on('message', (m: { readonly ready?: true; readonly done?: unknown }) => { ready ||= m.ready === true; done ??= m.done; if (m.done !== undefined) one.disconnect() })
  one.on('exit', (code, signal) => { end = { by: signal ?? code } })
  await until('a process to run', 30_000, () => ready || end !== undefined)
  return {
    ended: (): Promise<unknown> => within(60_000, 'the end of a process', () => until('its end', 60_000, () => end)).then(({ by }) => by), done: (): unknown => done,
    /** Does nothing, until it is told to go on. */
    halt: (): void => { one.kill('SIGSTOP') }, goOn: (): void => { one.kill('SIGCONT') },
    kill: async (): Promise<void> => { one.kill('SIGKILL'); await until('its end', 10_000, () => end !== undefined) },
  }
}

export interface Place {
  readonly url: string
  sql(text: string, values?: readonly unknown[]): Promise<readonly { readonly [column: string]: unknown }[]>
  app(only?: Only): Promise<App>
  /** `by`: another way to the same database. */
  child: (what: Child, env?: { readonly [name: string]: string }, by?: string) => ReturnType<typeof child>
  /** Holds what this statement locks until it is called. */
  holding(text: string): Promise<() => Promise<void>>
}
export const inPlace = (server: () => string, test: (place: Place) => Promise<void>) => async (): Promise<void> => {
  const fresh = await freshDatabase(server()), { url } = fresh, ends: (() => Promise<unknown>)[] = [], pool = new pg.Pool({ connectionString: url, max: 4 })
  pool.on('error', () => {})
  try {
    const access = { url, schema: 'lowtide', connections: 1, lockTimeout: 5_000, answerTimeout: 20_000 }, db = database(access, () => {})
    try { await right(migrate(db, access, { tables: [totals, sums, entries], options: { ...defaults, ...options } })) } finally { await db.close() }
    await test({
      url, sql: async (text, values = []) => (await pool.query<{ readonly [column: string]: unknown }>(text, [...values])).rows,
      app: async only => { const app = await appOf(url, only); ends.push(app.close); return app },
      child: async (what, env, by = url) => { const one = await child(by, what, env); ends.push(one.kill); return one },
      holding: async text => {
        const client = await pool.connect()
        let held = true
        const release = async (): Promise<void> => { if (held) { held = false; await client.query('rollback'); client.release() } }
        ends.push(release)
        await client.query(`begin; ${text}`)
        return release
      },
    })
  } finally {
    for (const end of ends.toReversed()) await end()
    await pool.end()
    await fresh.drop()
  }
}

/** Sends to so many keys, in order of each, until it is told to stop: the n-th of a key adds n. */
export const writing = (app: App, keys: number) => {
  let going = true
  const sent = Array.from({ length: keys }, async (_, k) => {
    let n = 0
    for (; going;) await right(app.send(Add({ key: `key ${k}`, n: ++n, entry: `${k}/${n}` }), { wait: 'handled' }))
    return n
  })
  for (const one of sent) one.catch(() => {}) // told when they are stopped
  return { stop: async (): Promise<readonly number[]> => { going = false; return Promise.all(sent) } }
}
/** What the log says that the rows must be, and what they are. */
export const compared = async ({ sql }: Place) => {
  const of = `(select (message #>> '{data,key}') as key, (message #>> '{data,n}')::int as n, message #>> '{data,entry}' as entry, tx, l.n as nth from lowtide.lowtide_log l where channel = 'sum-events') e`
  const json = async (text: string): Promise<unknown> => (await sql(`select coalesce(json_agg(x), '[]') as x from (${text}) x`))[0]!['x']
  return {
    sums: [await json('select key, n, last from lowtide.sums order by key'), await json(`select key, sum(n)::int as n, (array_agg(entry order by tx desc, nth desc))[1] as last from ${of} group by key order by key`)],
    entries: [await json('select entry, key from lowtide.entries order by entry'), await json(`select entry collate "C" as entry, key from ${of} order by 1`)],
    totals: [await json('select key, n from lowtide.totals order by key'), await json(`select key, sum(n)::int as n from ${of} group by key order by key`)],
  }
}
/** Until the projector has read the log to its end. */
export const projected = ({ sql }: Place): Promise<unknown> => until('the projector to be at the end', 30_000, async () =>
  (await sql(`select from lowtide.lowtide_log l join lowtide.lowtide_consumers c on c.consumer = 'summing' and c.channel = l.channel and c.partition = l.partition where (l.tx, l.n) > (c.tx, c.n) limit 1`)).length === 0)
export const copies = async ({ sql }: Place): Promise<number> => (await sql(`select from pg_class where relkind = 'r' and relname like 'lowtide\\_copy\\_%'`)).length
/** `lowtide retention run`, or another verb, of a deployment that keeps events for a second. */
export const retained = (url: string, name = 'retention run') => {
  const d = deployment({ name: 'sums', functions: [functions], shell: postgres({ url, connections: 2, retention: { every: false, events: 1_000 } }), processes: { all: [add, summing] }, options: { partitions: 4, dedupWindow: 1_000 } })
  return right(d.shell.verbs!.find(v => v.name === name)!.run(planOf(d, system), new Set()))
}
/** How many events that removes. */
export const removed = async (url: string): Promise<number> => ((await retained(url)).data as { readonly rows: { readonly events: number } }).rows.events
/** All that is there is old. */
export const aged = ({ sql }: Pick<Place, 'sql'>): Promise<unknown> => sql(`insert into lowtide.lowtide_ages (time, tx) values (now() - interval '8 days', pg_current_xact_id()::text::bigint)`)
/** What `lowtide status` says. */
export const status = async ({ url }: Place): Promise<string> => (await right(postgres({ url }).verbs!.find(verb => verb.name === 'status')!.run({ tables: [], channels: [], consumers: [], everywhere: [], runtime: system, options: { ...defaults, ...options } }, new Set()))).text
/** Until somebody waits for a lock on this table. */
export const waiting = ({ sql }: Place, table: string): Promise<unknown> => until(`somebody to wait for '${table}'`, 20_000, async () =>
  (await sql(`select from pg_locks where not granted and relation = $1::regclass`, [`lowtide.${table}`])).length > 0)
export const parked = async ({ sql }: Place): Promise<number> => (await sql('select from lowtide.lowtide_parked')).length
/** What has a mark, by its entry. */
export const marked = async ({ sql }: Place): Promise<unknown> => (await sql(`select l.message #>> '{data,entry}' as entry from lowtide.lowtide_inbox i left join lowtide.lowtide_log l on l.message ->> 'id' = i.id where i.consumer = 'summing' order by 1`)).map(row => row['entry'])
/**
 * Looks at each mark of the projector at the end of the transaction that writes it. It is needed where something stands between the checkpoint, as it is then, and its message,
 * or where its message is parked. Answers with those that were not needed.
 */
export const needless = async ({ sql }: Place): Promise<() => Promise<unknown>> => {
  await sql(`create table public.needless (entry text);
    create function public.look() returns trigger language plpgsql as $look$ begin
      insert into public.needless select e.message #>> '{data,entry}' from lowtide.lowtide_log e join lowtide.lowtide_consumers c on c.consumer = new.consumer and c.channel = e.channel and c.partition = e.partition
        where e.message ->> 'id' = new.id and not exists (select from lowtide.lowtide_parked p where p.consumer = new.consumer and p.message ->> 'id' = new.id)
          and not exists (select from lowtide.lowtide_log b where b.channel = e.channel and b.partition = e.partition and (b.tx, b.n) > (c.tx, c.n) and (b.tx, b.n) < (e.tx, e.n));
      return null; end $look$;
    create constraint trigger look after insert on lowtide.lowtide_inbox deferrable initially deferred for each row when (new.consumer = 'summing') execute function public.look()`)
  return async () => (await sql('select entry from public.needless order by 1')).map(row => row['entry'])
}

import { type ChildProcess, fork } from 'node:child_process'
import type { AnyHandler, AnyTable, Draft, Options, Outcome } from '@lowtide/core'
import { defaults } from '@lowtide/core'
import { type NotHandled, type Observe, type Sending, deployment, run } from '@lowtide/run'
import { type Caught, type Fate, type Flight, type Proxy, freshDatabase, proxy } from '@lowtide/servers'
import { right, within } from '@lowtide/testing'
import type * as E from 'fp-ts/lib/Either.js'
import pg from 'pg'
import { database } from '../server/database.js'
import { migrate } from '../schema/migrate.js'
import { postgres } from '../postgres.js'
import { burn, functions, journal, note, shelve } from './functions/fixture.js'

// Processes on a database of their own, and ways to end them; all that a test starts is ended with it.

export const options = { lease: 700, poll: 50, backoffBase: 10, backoffCap: 200, partitions: 4, timeout: 20_000 }
export interface Told { readonly url: string; readonly process: 'front' | 'worker'; readonly connections?: number; readonly lockTimeout?: number; readonly options?: Partial<Options> }
export const appOf = ({ url, process, connections = 4, lockTimeout = 5_000, options: more }: Told, observe?: Observe) => run(deployment({
  name: 'crash', functions: [functions], shell: postgres({ url, connections, lockTimeout, answerTimeout: 10_000 }), processes: { front: [], worker: [note, journal, shelve, burn] }, options: { ...options, ...more },
}), { only: process, signals: false, ...observe && { observe } })
export type CrashApp = Awaited<ReturnType<typeof appOf>>
export type Answer = E.Either<NotHandled, Outcome>
export interface Child { send(draft: Draft, o?: Sending): Promise<Answer>; kill(): Promise<void>; readonly pid: number }

const script = new URL('child/fixture.js', import.meta.url)
const childOf = async (told: Told): Promise<Child> => {
  const child: ChildProcess = fork(script, [JSON.stringify(told)], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] }), waiting = new Map<number, (answer: Answer) => void>()
  let last = 0, ready = (): void => {}
  const begun = new Promise<void>((resolve, reject) => { ready = resolve; child.once('exit', (code, signal) => reject(new Error(`a process ended with ${signal ?? code} before it ran`))) })
  child.on('message', (m: { readonly ready: true } | { readonly id: number; readonly answer: Answer }) => { if ('ready' in m) ready(); else waiting.get(m.id)?.(m.answer) })
  await within(30_000, 'the start of a process', () => begun)
  return {
    pid: child.pid!,
    send: (draft, o) => new Promise(resolve => { waiting.set(++last, resolve); child.send({ id: last, draft, o }, () => {}) }),
    kill: () => child.exitCode !== null || child.signalCode !== null ? Promise.resolve() : new Promise(resolve => { child.once('exit', () => resolve()); child.kill('SIGKILL') }),
  }
}

export interface Place {
  readonly url: string
  sql(text: string, values?: readonly unknown[]): Promise<readonly { readonly [column: string]: unknown }[]>
  proxy(met?: (flight: Flight) => void): Promise<Proxy>
  child(told: Partial<Told>): Promise<Child>
  app(told?: Partial<Told>): Promise<CrashApp>
}
/** A database with the schema of these functions. `url`: of a server. */
export const inPlace = (server: () => string, test: (place: Place) => Promise<void>) => async (): Promise<void> => {
  const fresh = await freshDatabase(server()), ends: (() => Promise<unknown>)[] = [], pool = new pg.Pool({ connectionString: fresh.url, max: 2 }), { url } = fresh
  pool.on('error', () => {})
  try {
    const access = { url, schema: 'lowtide', connections: 1, lockTimeout: 5_000, answerTimeout: 20_000 }, db = database(access, () => {}), handlers: readonly AnyHandler[] = Object.values(functions)
    const tables = [...new Map(handlers.flatMap(h => h.tables).map((t): [string, AnyTable] => [t.name, t])).values()]
    try { await right(migrate(db, access, { tables, options: { ...defaults, ...options } })) } finally { await db.close() }
    await test({
      url, sql: async (text, values = []) => (await pool.query<{ readonly [column: string]: unknown }>(text, [...values])).rows,
      proxy: async met => { const way = await proxy(url, met); ends.push(way.close); return way },
      child: async told => { const child = await childOf({ url, process: 'worker', ...told }); ends.push(child.kill); return child },
      app: async told => { const app = await appOf({ url, process: 'worker', ...told }); ends.push(app.close); return app },
    })
  } finally {
    for (const end of ends.toReversed()) await end()
    await pool.end()
    await fresh.drop()
  }
}

/** All that is written of a list, wherever it stands. */
export const written = async ({ sql }: Place, list: string) => {
  const one = async (text: string): Promise<unknown> => (await sql(text, [list]))[0]?.['x']
  return {
    items: await one('select items as x from lowtide.lists where list = $1'), tally: await one('select n::int as x from lowtide.tallies where list = $1'),
    entries: await one('select json_agg(item order by item) as x from lowtide.entries where list = $1'), tips: await one('select json_agg(item) as x from lowtide.tips where list = $1'),
    events: await one(`select json_agg(message #>> '{data,item}' order by tx, n) as x from lowtide.lowtide_log where channel = 'note-events' and message ->> 'subject' = $1`),
    journal: await one('select items as x from lowtide.journals where list = $1'),
    journaled: await one(`select count(*)::int as x from lowtide.lowtide_log where channel = 'journal-events' and message ->> 'subject' = $1`),
  }
}
export const expected = (...items: readonly string[]) => ({ items, tally: items.length, entries: items.toSorted(), tips: items.slice(-1), events: items, journal: items, journaled: items.length })
/** The next flight of this kind, at the point of its fate. */
export const seized = (way: Proxy, which: (flight: Flight) => boolean, fate: Fate): Promise<Caught> => within(20_000, 'a flight to seize', () => way.seize(which, fate))
/** One is sent as it is, many as an array. */
const listed = (param: string): readonly string[] => param.startsWith('{') ? JSON.parse(`[${param.slice(1, -1)}]`) as readonly string[] : [param]
/** Whether a flight settles messages of this consumer: commands by their marks, events by its checkpoint. */
export const settles = (consumer: string) => (flight: Flight): boolean =>
  flight.some(({ text, params }) => (consumer === '' ? /insert into \S+lowtide_inbox\b/ : /update \S+lowtide_consumers\b x set tx/).test(text) && listed(params[0]!).includes(consumer))

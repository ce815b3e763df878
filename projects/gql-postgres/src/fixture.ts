import { freshDatabase, type Server } from '@lowtide/servers'
import { until, within } from '@lowtide/testing'
import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import pg from 'pg'

// Real processes on a real database, and what somebody sees of them from outside.

const root = fileURLToPath(new URL('../../..', import.meta.url)), main = fileURLToPath(new URL('main.js', import.meta.url))
const children = new Set<ChildProcess>()

/** A process in a group of its own, and what it prints. */
export const begun = (args: readonly string[], env: { readonly [name: string]: string | undefined } = {}) => {
  const { DATABASE_URL: _, ...surroundings } = process.env
  const child = spawn(process.execPath, args, { cwd: root, detached: true, stdio: ['ignore', 'pipe', 'pipe'], env: { ...surroundings, NODE_ENV: '', PORT: '0', NO_COLOR: '1', ...env } })
  let text = '', code: number | string | undefined
  children.add(child)
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (part: string) => { text += part })
  child.on('close', (exit, signal) => { code = exit ?? signal ?? 'none'; children.delete(child) })
  return {
    pid: child.pid!, text: () => text,
    /** How it ends. */
    code: (): Promise<number | string> => until('the end of the process', 30_000, () => code !== undefined && { code }).then(found => found.code),
    url: (): Promise<string> => until('the URL', 30_000, () => { if (code !== undefined) throw new Error(`it ended with ${code}: ${text}`); return /Lowtide serves GraphQL at (http:\/\/\S+)/.exec(text)?.[1] }),
    signal: (name: NodeJS.Signals): void => { try { process.kill(-child.pid!, name) } catch { /* it has ended */ } },
  }
}
export const killAll = (): void => { for (const { pid } of children) try { process.kill(-pid!, 'SIGKILL') } catch { /* it has ended */ } }

/** This project, as `node dist/main.js` runs it. */
export const instance = (url: string, env: { readonly [name: string]: string } = {}) => begun([main], { DATABASE_URL: url, ...env })
export const lowtide = (url: string, ...args: readonly string[]) => begun([`${root}/node_modules/.bin/lowtide`, '--project', `${root}/projects/gql-postgres`, ...args], { DATABASE_URL: url })
export const ends = async (p: ReturnType<typeof begun>, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> => {
  p.signal(signal)
  assert.is(await within(8_000, `the end after ${signal}`, p.code), 0, p.text())
}

/** A database with the tables of the project. */
export const migratedDatabase = async (server: Server) => {
  const database = await freshDatabase(server.url), migrating = lowtide(database.url, 'migrate')
  assert.is(await migrating.code(), 0, migrating.text())
  return database
}
/** What plain SQL finds behind Lowtide's back. */
export const value = async (url: string, query: string, values: unknown[] = []): Promise<unknown> => {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  try { return Object.values((await client.query<{ [column: string]: unknown }>(query, values)).rows[0] ?? {})[0] } finally { await client.end() }
}
export const rowsOf = async (url: string, emails: readonly string[]): Promise<readonly number[]> =>
  Promise.all(['customers', 'customer_views'].map(async table => Number(await value(url, `select count(*) from lowtide.${table} where email = any($1::text[])`, [emails]))))

export interface Answer { readonly data?: { readonly [field: string]: unknown } | null; readonly errors?: readonly { readonly message: string; readonly extensions: { readonly [name: string]: unknown } }[] }
export const ask = async (url: string, query: string, variables: object | string = {}, headers: { readonly [name: string]: string } = {}): Promise<Answer> => {
  const body = `{"query":${JSON.stringify(query)},"variables":${typeof variables === 'string' ? variables : JSON.stringify(variables)}}`
  return await (await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json', accept: 'application/json', ...headers }, body })).json() as Answer
}
export const invite = 'mutation Invite($email: String!) { InviteCustomer(email: $email) { id email invited } }'
export const codesOf = (a: Answer): string => (a.errors ?? []).map(e => String(e.extensions['code'])).join()

/** What a subscription hears, from the moment when it listens. */
export const listening = async (url: string) => {
  const stop = new AbortController(), response = await fetch(url, {
    method: 'POST', signal: stop.signal, headers: { 'content-type': 'application/json', accept: 'text/event-stream' }, body: '{"query":"subscription { CustomerInvited { id email } }"}',
  })
  const decoder = new TextDecoder()
  let text = ''
  const ended = (async () => { for await (const chunk of response.body!) text += decoder.decode(chunk as Uint8Array, { stream: true }) })().catch(() => {})
  await until('the stream', 5_000, () => text.includes(':\n\n'))
  return { text: () => text, ended, stop: () => stop.abort() }
}

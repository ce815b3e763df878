import { fork } from 'node:child_process'
import { defaults } from '@lowtide/core'
import { deployment, run, system } from '@lowtide/run'
import { freshDatabase } from '@lowtide/servers'
import { right, until } from '@lowtide/testing'
import pg from 'pg'
import { postgres } from '../postgres.js'
import { migrate } from '../schema/migrate.js'
import { database } from '../server/database.js'
import { functions, mirror, mirrors } from './functions/fixture.js'

const options = { lease: 1_000, poll: 50, backoffBase: 10, backoffCap: 200, partitions: 4, timeout: 30_000 }
export interface Told { readonly url: string; readonly from: string }
export const shellOf = ({ url, from }: Told) =>
  postgres({ url, schema: 'copies', connections: 4, answerTimeout: 10_000, from: { url: from } })
export const deploymentOf = (told: Told) => deployment({ name: 'mirrors', functions: [functions], shell: shellOf(told), processes: { front: [], worker: [mirror] }, options })
export const replicaOf = (told: Told, only?: 'front', log = system.log) => run(deploymentOf(told), { only, signals: false, runtime: { ...system, log } })

const script = new URL('child/fixture.js', import.meta.url)
export interface Replica {
  readonly told: Told
  sql(text: string, values?: readonly unknown[]): Promise<readonly { readonly [column: string]: unknown }[]>
  child(env?: { readonly [name: string]: string }): Promise<{ kill(): Promise<void>; ended(): Promise<unknown> }>
  app(only?: 'front'): ReturnType<typeof replicaOf>
  close(): Promise<void>
}
/** A second service, with a database of its own, that reads the log at `from`. */
export const replica = async (server: string, from: string): Promise<Replica> => {
  const fresh = await freshDatabase(server), told = { url: fresh.url, from }, ends: (() => Promise<unknown>)[] = [], pool = new pg.Pool({ connectionString: fresh.url, max: 2 })
  pool.on('error', () => {})
  const access = { url: fresh.url, schema: 'copies', connections: 1, lockTimeout: 5_000, answerTimeout: 20_000 }, db = database(access, () => {})
  try { await right(migrate(db, access, { tables: [mirrors], options: { ...defaults, ...options } })) } finally { await db.close() }
  return {
    told, sql: async (text, values = []) => (await pool.query<{ readonly [column: string]: unknown }>(text, [...values])).rows,
    app: async only => { const app = await replicaOf(told, only); ends.push(app.close); return app },
    child: async (env = {}) => {
      const one = fork(script, [JSON.stringify(told)], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'], env: { ...process.env, ...env } })
      let ready = false, end: { readonly by: unknown } | undefined
      one.on('message', () => { ready = true })
      one.on('exit', (code, signal) => { end = { by: signal ?? code } })
      await until('a process to run', 30_000, () => ready || end !== undefined)
      const kill = async (): Promise<void> => { one.kill('SIGKILL'); await until('its end', 10_000, () => end !== undefined) }
      ends.push(kill)
      return { kill, ended: () => until('its end', 30_000, () => end).then(({ by }) => by) }
    },
    close: async () => { for (const end of ends.toReversed()) await end(); await pool.end(); await fresh.drop() },
  }
}

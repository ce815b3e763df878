import { type AnyTable, defaults } from '@lowtide/core'
import { freshDatabase, testServer } from '@lowtide/servers'
import pg from 'pg'
import type { Needs } from './changes.js'
import { type Access, type Database, database } from '../server/database.js'

// What this package's tests share; not part of what is published.

/** The server of this test file: that of TEST_DATABASE_URL, or one that is started for it. */
const server = await testServer()
export const stop = (): Promise<void> => server.stop()

export const needs = (tables: readonly AnyTable[] = [], partitions: number = defaults.partitions): Needs => ({ tables, options: { ...defaults, partitions } })
export const accessOf = (url: string, schema = 'lowtide'): Access => ({ url, schema, connections: 2, lockTimeout: 5_000, answerTimeout: 20_000 })

/** A database of its own, with what a test does to it behind Lowtide's back; all is closed and dropped at the end. */
export interface Place {
  readonly url: string
  /** The same database as another role sees it. */
  as(role: string, password?: string): string
  sql(text: string, values?: readonly unknown[]): Promise<readonly { readonly [column: string]: unknown }[]>
  open(url?: string, schema?: string): { readonly db: Database; readonly access: Access }
}
export const inDatabase = (run: (place: Place) => Promise<void>) => async (): Promise<void> => {
  const fresh = await freshDatabase(server.url), opened: Database[] = [], client = new pg.Client({ connectionString: fresh.url })
  client.on('error', () => {})
  try {
    await client.connect()
    await run({
      url: fresh.url, sql: async (text, values) => [(await client.query<{ readonly [column: string]: unknown }>(text, values === undefined ? undefined : [...values]))].flat().at(-1)?.rows ?? [],
      as: (role, password) => { const url = new URL(fresh.url); url.username = role; url.password = password ?? ''; return url.href },
      open: (url = fresh.url, schema = 'lowtide') => {
        const access = accessOf(url, schema), db = database(access, () => {})
        opened.push(db)
        return { db, access }
      },
    })
  } finally {
    await Promise.all(opened.map(db => db.close()))
    await client.end().catch(() => {})
    await fresh.drop()
  }
}

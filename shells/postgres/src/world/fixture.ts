import { type AnyTable, type Message, type Row, defaults } from '@lowtide/core'
import { type Ground, functions } from '@lowtide/conformance'

import { system } from '@lowtide/run'
import { testServer } from '@lowtide/servers'
import * as E from 'fp-ts/lib/Either.js'
import pg from 'pg'
import { type Access, database } from '../server/database.js'
import { guarantees } from '../guarantees.js'
import { isMessage } from '../log/message.js'
import { migrate } from '../schema/migrate.js'
import { shapeOf } from '../store/shape.js'
import { identifier } from '../server/statement.js'
import { store } from '../store/store.js'

// Worlds for the suite that proves a shell: each a schema of its own, looked at with plain SQL, past Lowtide.

/** What an instance is told. */
export interface Given { readonly url: string; readonly schema: string }

const server = await testServer()
const access = (schema: string): Access => ({ url: server.url, schema, connections: 2, lockTimeout: 5_000, answerTimeout: 20_000 })
const plain = new pg.Pool({ connectionString: server.url, max: 2 })
plain.on('error', () => {})
export const stop = async (): Promise<void> => { await plain.end(); await server.stop() }

let worlds = 0
const made = async (tables: readonly AnyTable[], partitions: number): Promise<string> => {
  const schema = `world_${process.pid}_${worlds++}`, db = database(access(schema), () => {})
  const migrated = await migrate(db, access(schema), { tables, options: { ...defaults, partitions } })()
  await db.close()
  if (E.isLeft(migrated)) throw new Error(migrated.left.failure)
  return schema
}
const drop = async (schema: string): Promise<void> => { await plain.query(`drop schema ${identifier(schema)} cascade`).catch(() => {}) }
const rowsOf = async (table: AnyTable, schema: string): Promise<readonly Row[]> => {
  const shape = shapeOf(table, `${identifier(schema)}.${identifier(table.name)}`)
  const { rows } = await plain.query<(string | null)[]>({ text: `select ${shape.select.split(', ').map(cell => `(${cell})::text`).join(', ')} from ${shape.at} t order by ${table.key.map(identifier).join(', ')}`, rowMode: 'array' })
  return rows.map(cells => shape.fact(cells.map(cell => cell === 'true' ? 't' : cell === 'false' ? 'f' : cell), 0).row)
}
const all = [...new Map(Object.values(functions).flatMap(h => h.tables).map(t => [t.name, t])).values()] as readonly AnyTable[]

export const ground = async ({ partitions }: { readonly partitions: number }): Promise<Ground> => {
  const schema = await made(all, partitions)
  return {
    given: { url: server.url, schema } satisfies Given, guarantees, close: () => drop(schema),
    inspect: {
      rows: async name => { const table = all.find(t => t.name === name); return table ? rowsOf(table, schema) : [] },
      channel: async name => (await plain.query<{ readonly message: Message }>(`select message from ${identifier(schema)}.lowtide_log where channel = $1 order by tx, n`, [name])).rows.map(r => r.message).filter(isMessage),
    },
    bench: async tables => {
      const own = await made(tables, partitions), db = database(access(own), () => {})
      return {
        store: store({ db, shift: 0, partitions, tables, runtime: { ...system, newId: () => String(Math.random()) }, told: () => {}, watch: () => () => {} }),
        rows: async name => rowsOf(tables.find(t => t.name === name)!, own), close: async () => { await db.close(); await drop(own) },
      }
    },
  }
}

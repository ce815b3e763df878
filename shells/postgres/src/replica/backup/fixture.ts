import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { defaults } from '@lowtide/core'
import { freshDatabase, postgres as startServer } from '@lowtide/servers'
import { right } from '@lowtide/testing'
import pg from 'pg'
import { appOf } from '../../rebuild/fixture.js'
import { Add, entries, sums, totals } from '../../rebuild/functions/fixture.js'
import { migrate } from '../../schema/migrate.js'
import { database } from '../../server/database.js'

// A server that is stopped, whose data folder is copied, and put back later: the oldest of backups. It is the same system, and counts on from where it was.

export interface Restorable {
  readonly url: string
  /** Each as a message of its own to key `a`, or to another. */
  send(ns: readonly number[], key?: string): Promise<void>
  /** The sum of a key as the source has it. */
  live(key?: string): Promise<unknown>
  sql(text: string): Promise<readonly { readonly [column: string]: unknown }[]>
  /** Stops the server, copies its folder, starts it again. */
  copy(): Promise<void>
  /** Stops the server, puts the copy in the place of its folder, starts it again. */
  putBack(): Promise<void>
  /** Ends the server with SIGKILL, and starts it again. */
  crash(): Promise<void>
}
export const restorable = (run: (source: Restorable) => Promise<void>) => async (): Promise<void> => {
  const home = mkdtempSync(join(tmpdir(), 'lowtide-restored-')), folder = join(home, 'data'), backup = join(home, 'backup')
  execFileSync('chmod', ['755', home])
  let server: Awaited<ReturnType<typeof startServer>> | undefined
  try {
    server = await startServer({ folder })
    const { url } = await freshDatabase(server.url), { port } = server, access = { url, schema: 'lowtide', connections: 1, lockTimeout: 5_000, answerTimeout: 20_000 }, db = database(access, () => {})
    await right(migrate(db, access, { tables: [totals, sums, entries], options: { ...defaults, partitions: 4 } }))
    await db.close()
    const sql: Restorable['sql'] = async text => {
      const client = new pg.Client({ connectionString: url })
      await client.connect()
      try { return (await client.query<{ readonly [column: string]: unknown }>(text)).rows } finally { await client.end() }
    }
    const stopped = async (meanwhile: () => void): Promise<void> => { await server!.stop(); meanwhile(); server = await startServer({ folder, port }) }
    await run({
      url, sql,
      send: async (ns, key = 'a') => {
        const app = await appOf(url)
        try { for (const n of ns) await right(app.send(Add({ key, n, entry: `${key}${n}` }), { wait: 'projected' })) } finally { await app.close() }
      },
      live: async (key = 'a') => (await sql(`select n::int from lowtide.sums where key = '${key}'`))[0]?.['n'],
      copy: () => stopped(() => { rmSync(backup, { recursive: true, force: true }); execFileSync('cp', ['-a', folder, backup]) }),
      putBack: () => stopped(() => { rmSync(folder, { recursive: true }); execFileSync('cp', ['-a', backup, folder]) }),
      crash: () => server!.restart({ how: 'kill' }),
    })
  } finally {
    await server?.stop()
    rmSync(home, { recursive: true, force: true })
  }
}

// time limit: 120 s
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { defaults } from '@lowtide/core'
import { freshDatabase, postgres as startServer, testServer } from '@lowtide/servers'
import { right, until } from '@lowtide/testing'
import pg from 'pg'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { appOf } from '../rebuild/fixture.js'
import { Add, entries, sums, totals } from '../rebuild/functions/fixture.js'
import { migrate } from '../schema/migrate.js'
import { database } from '../server/database.js'
import { replica, replicaOf } from './fixture.js'
import { mirror } from './functions/fixture.js'

// A server that is stopped, whose data folder is copied, and put back later: the oldest of backups. It is the same system, and counts on from where it was.

const own = await testServer()
test.after(() => own.stop())

test('a replica that runs while its source is put back reads nothing of it, says so, and goes on once it is made anew', async () => {
  const home = mkdtempSync(join(tmpdir(), 'lowtide-restored-')), folder = join(home, 'data'), backup = join(home, 'backup'), ends: (() => Promise<unknown>)[] = []
  execFileSync('chmod', ['755', home])
  try {
    let server = await startServer({ folder })
    ends.push(() => server.stop())
    const { url } = await freshDatabase(server.url), access = { url, schema: 'lowtide', connections: 1, lockTimeout: 5_000, answerTimeout: 20_000 }, db = database(access, () => {})
    await right(migrate(db, access, { tables: [totals, sums, entries], options: { ...defaults, partitions: 4 } }))
    await db.close()
    const send = async (...ns: readonly number[]): Promise<void> => {
      const app = await appOf(url)
      for (const n of ns) await right(app.send(Add({ key: 'a', n, entry: `a${n}` }), { wait: 'projected' }))
      await app.close()
    }
    const live = async (): Promise<unknown> => {
      const client = new pg.Client({ connectionString: url })
      await client.connect()
      try { return (await client.query<{ n: number }>('select n::int from lowtide.sums')).rows[0]?.n } finally { await client.end() }
    }
    await send(1, 2)
    await server.stop()
    execFileSync('cp', ['-a', folder, backup])
    server = await startServer({ folder, port: server.port })
    await send(3, 4)

    const copy = await replica(own.url, url), said: string[] = []
    ends.push(copy.close)
    const app = await replicaOf(copy.told, undefined, (_level, text) => { said.push(text) })
    ends.push(app.close)
    const mirrored = async (): Promise<unknown> => (await copy.sql('select n::int from copies.mirrors'))[0]?.['n']
    await until('the copy to have caught up', 20_000, async () => await mirrored() === 10)

    await server.stop()
    rmSync(folder, { recursive: true })
    execFileSync('mv', [backup, folder])
    server = await startServer({ folder, port: server.port })
    await until('the replica to say what it found', 30_000, () => said.find(text => /cannot read the log of schema 'lowtide' at [^ ]+: expected the message at sum-events\/\d\/\d+\.\d+, the last that 'mirror' has handled, found none: .*lowtide consumers rebuild mirror/.test(text))).catch((e: unknown) => { throw new Error(`${String(e)}; it said:\n${said.join('\n')}`) })
    assert.is(await live(), 3)
    await send(7)
    assert.is(await live(), 10)
    assert.is(await mirrored(), 10, 'rows that the source has lost, and nothing of what it has made since')
    assert.equal(await copy.sql('select last from copies.mirrors'), [{ last: 'a4' }])
    const operator = await replicaOf(copy.told, 'front')
    assert.is(await right(operator.rebuild(mirror)), 3)
    await operator.close()
    assert.equal(await copy.sql('select last from copies.mirrors'), [{ last: 'a7' }])
    await send(5)
    await until('the copy to go on', 30_000, async () => await mirrored() === 15)
    assert.is(await live(), 15)
  } finally {
    for (const end of ends.toReversed()) await end()
    rmSync(home, { recursive: true, force: true })
  }
})

test.run()

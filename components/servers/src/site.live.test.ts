import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { folders, refused, starter, value } from './fixture.js'
import { postgres, running } from './index.js'

const test = suite('the folder of a server')
const { make, remove } = folders()
test.after.each(remove)

test('one that a server of another process uses is refused, with its number and port; running finds it', async () => {
  const folder = make(), other = starter({ folder })
  const { url, pid } = await other.told()
  try {
    const { port } = new URL(url)
    assert.match(await refused(postgres({ folder })), `[servers] cannot start PostgreSQL in '${folder}': expected a folder that no server uses, found process ${pid}, which serves it at port ${port}; take its url from running(folder)`)
    assert.is(await running(folder), url)
    assert.is(await value(url, 'select 1'), 1)
  } finally {
    other.stop()
    await other.exited
  }
})

test('of several who start in a new folder at once one serves, and the others say so', async () => {
  const folder = make(), results = await Promise.allSettled([1, 2, 3].map(() => postgres({ folder })))
  const servers = results.flatMap(result => result.status === 'fulfilled' ? [result.value] : [])
  try {
    const told = results.flatMap(result => result.status === 'rejected' ? [String(result.reason)] : [])
    assert.is(servers.length, 1, told.join('\n'))
    for (const message of told) assert.match(message, 'expected a folder that no server uses')
    assert.is(await running(folder), servers[0]?.url)
  } finally { for (const server of servers) await server.stop() }
  assert.equal(readdirSync(folder).toSorted(), ['data', 'password', 'postgres.log'])
})

test('data of another version, or of something else, are refused and kept', async () => {
  const folder = make(), data = join(folder, 'data')
  await postgres({ folder }).then(server => server.stop())
  writeFileSync(join(data, 'PG_VERSION'), '15\n')
  assert.is(await refused(postgres({ folder })), `[servers] cannot start PostgreSQL in '${folder}': expected data of version 18, found version 15; move them with pg_dump of version 15, or choose another folder`)
  rmSync(join(data, 'PG_VERSION'))
  assert.match(await refused(postgres({ folder })), `expected data of PostgreSQL 18 in '${data}', found files without a PG_VERSION`)
  assert.ok(existsSync(join(data, 'base')))
})

test('half data of a process that is no more are removed, other files are not', async () => {
  const folder = make(), dead = starter({ port: 0 })
  await dead.exited
  const half = join(folder, `data.new.${dead.pid}.abc`)
  mkdirSync(half)
  writeFileSync(join(half, 'PG_VERSION'), '18\n')
  writeFileSync(join(folder, 'notes.txt'), 'mine')
  await postgres({ folder }).then(server => server.stop())
  assert.not(existsSync(half))
  assert.is(readFileSync(join(folder, 'notes.txt'), 'utf8'), 'mine')
})

test('data without their password are refused', async () => {
  const folder = make()
  await postgres({ folder }).then(server => server.stop())
  rmSync(join(folder, 'password'))
  assert.match(await refused(postgres({ folder })), "expected the password of its data in the file 'password' there, found none")
})

test('no server runs where there is nothing', async () => assert.is(await running(join(make(), 'nothing')), undefined))

test.run()

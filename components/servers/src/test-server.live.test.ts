import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { folders, refused, rows, value } from './fixture.js'
import { freshDatabase, postgres, testServer } from './index.js'
import { started } from './postgres.js'
import { templated } from './template.js'

const test = suite('what tests share')
const variable = 'TEST_DATABASE_URL', before = process.env[variable], template = 'LOWTIDE_TEST_TEMPLATE', { make, remove } = folders()
test.after.each(() => {
  if (before === undefined) delete process.env[variable]
  else process.env[variable] = before
})

test('a server of the tests is a temporary one, with databases that know nothing of each other', async () => {
  delete process.env[variable]
  const server = await testServer()
  try {
    const [a, b] = await Promise.all([freshDatabase(server.url), freshDatabase(server.url)])
    await rows(a.url, 'create table only_here (id int)')
    assert.is(await value(b.url, "select to_regclass('only_here')"), null)
    assert.is(`/${String(await value(a.url, 'select current_database()'))}`, new URL(a.url).pathname)
    const count = () => value(server.url, "select count(*)::int from pg_database where datname like 'lowtide_%'")
    assert.is(await count(), 2)
    for (const database of [a, b, a]) await database.drop()
    assert.is(await count(), 0)
    assert.equal(await rows(server.url, "select current_setting('fsync') as fsync, current_setting('synchronous_commit') as commits"), [{ fsync: 'off', commits: 'on' }])
  } finally { await server.stop() }
})

test('servers of one run copy what initdb made for the first; the second of one process has its own', async () => {
  delete process.env[variable]
  const given = process.env[template], identity = (url: string) => value(url, 'select system_identifier::text from pg_control_system()')
  process.env[template] = make()
  const servers = [await started({}, templated), await started({}, templated), await testServer()] as const
  try {
    const [first, second, own] = await Promise.all(servers.map(s => identity(s.url)))
    assert.is(first, second)
    assert.is.not(first, own)
    await Promise.all(servers.map(s => rows(s.url, 'create table only_here (id int)')))
  } finally {
    await Promise.all(servers.map(s => s.stop()))
    remove()
    if (given === undefined) delete process.env[template]
    else process.env[template] = given
  }
})

test('the server of TEST_DATABASE_URL is used, and not stopped', async () => {
  const own = await postgres({ password: 'ebb' })
  try {
    process.env[variable] = own.url
    const shared = await testServer()
    assert.is(shared.url, own.url)
    await shared.stop()
    assert.is(await value(own.url, 'select 1'), 1)
  } finally { await own.stop() }
  assert.match(await refused(testServer()), `expected a server at 127.0.0.1:${own.port}, found none`)
  assert.not.match(await refused(testServer()), 'ebb')
})

test('another url than one of PostgreSQL is refused', async () => {
  process.env[variable] = 'localhost:5432'
  assert.match(await refused(testServer()), 'expected a url as postgres://')
})

test('what cannot be made is told with the place', async () => {
  const own = await postgres({ password: 'ebb' })
  await own.stop()
  const message = await refused(freshDatabase(own.url))
  assert.match(message, `[servers] cannot make a database at 127.0.0.1:${own.port}: `)
  assert.not.match(message, 'ebb')
})

test.run()

import { until, within } from '@lowtide/testing'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { folders, refused, rows, starter, value } from './fixture.js'
import { type Postgres, postgres, type PostgresOptions, running } from './index.js'
import { isAlive, serves } from './process.js'

const test = suite('postgres')
const { make, remove } = folders()
const started: Postgres[] = []
const start = async (options?: PostgresOptions): Promise<Postgres> => {
  const server = await within(60_000, 'the start of a server', () => postgres(options))
  started.push(server)
  return server
}
test.after.each(async () => {
  for (const server of started.splice(0)) await server.stop()
  remove()
})

test('starts, answers, and leaves nothing when it is stopped, twice', async () => {
  const server = await start()
  assert.match(String(await value(server.url, 'select version()')), /^PostgreSQL 18/)
  const data = String(await value(server.url, 'show data_directory')), { pid } = server
  assert.ok(serves(pid))
  await server.stop()
  await server.stop()
  assert.not(isAlive(pid))
  assert.not(existsSync(dirname(data)))
  assert.match(await refused(server.restart()), 'was stopped for good')
})

test('listens on the loopback only, and is as durable as PostgreSQL is by default', async () => {
  const server = await start({ settings: { max_connections: 20 } })
  const shown = async (name: string) => value(server.url, `show ${name}`)
  const names = ['listen_addresses', 'unix_socket_directories', 'fsync', 'synchronous_commit', 'full_page_writes', 'max_connections', 'shared_buffers', 'server_encoding', 'timezone']
  const found: unknown[] = []
  for (const name of names) found.push(await shown(name))
  assert.equal(found, ['127.0.0.1', '', 'on', 'on', 'on', '20', '128MB', 'UTF8', 'UTC'])
})

test('two at once have ports and data of their own', async () => {
  const [a, b] = await Promise.all([start(), start()])
  assert.is.not(a.port, b.port)
  await rows(a.url, 'create table only_here (id int)')
  assert.is(await value(b.url, "select to_regclass('only_here')"), null)
})

test('a committed row survives a crash and a stop, at the same url', async () => {
  const server = await start(), { url, pid } = server
  await rows(url, "create table notes (text text); insert into notes values ('first')")
  await server.restart({ how: 'kill' })
  assert.is.not(server.pid, pid)
  assert.not(isAlive(pid))
  await rows(url, "insert into notes values ('second')")
  await server.restart()
  await server.kill()
  assert.match(await refused(rows(url, 'select 1')), 'ECONNREFUSED')
  await server.restart()
  assert.equal((await rows(url, 'select text from notes order by text')).map(({ text }) => text), ['first', 'second'])
})

test('a crash ends those who work for it too, and breaks their connections', async () => {
  const server = await start(), broken = new Promise<string>(resolve => { void rows(server.url, 'select pg_sleep(60)').catch((error: Error) => resolve(error.message)) })
  const backend = Number(await until('the sleeper', 10_000, () => value(server.url, "select pid from pg_stat_activity where query = 'select pg_sleep(60)' and pid <> pg_backend_pid()")))
  await within(20_000, 'the crash', () => server.kill())
  // Its files are closed, so it works no more; its number goes a moment later.
  await until('the end of the backend', 1_000, () => !serves(backend))
  await within(10_000, 'the end of the connection', () => broken)
})

test('a folder keeps data, password and log from one start to the next', async () => {
  const folder = join(make(), 'deep', 'postgres'), first = await start({ folder })
  await rows(first.url, 'create table kept (id int); insert into kept values (7)')
  assert.is(await running(folder), first.url)
  await first.stop()
  assert.is(await running(folder), undefined)

  const again = await start({ folder })
  assert.is(await value(again.url, 'select id from kept'), 7)
  assert.is(new URL(again.url).password, new URL(first.url).password)
  assert.is(statSync(join(folder, 'password')).mode & 0o777, 0o600)
  assert.ok(existsSync(join(folder, 'postgres.log')))
})

test('only the password lets in, and no output shows it', async () => {
  const folder = make(), password = 'sea/&?@:% weed', server = await start({ folder, password, settings: { log_connections: 'all', log_statement: 'all' } })
  assert.is(await value(server.url, 'select 1'), 1)
  for (const other of ['', ':wrong']) {
    assert.match(await refused(rows(`postgres://postgres${other}@127.0.0.1:${server.port}/postgres`, 'select 1')), /password/)
  }
  const { pid } = server
  const busy = await refused(postgres({ folder, password })), differs = await refused(server.stop().then(() => postgres({ folder, password: 'another one' })))
  assert.match(busy, `found process ${pid}`)
  assert.match(differs, "differs from the file '")
  const shown = [busy, differs, readFileSync(join(folder, 'postgres.log'), 'utf8')].join('\n')
  for (const secret of [password, encodeURIComponent(password), 'another one']) assert.not(shown.includes(secret), shown)
})

test('a temporary server may have a password too', async () => {
  const server = await start({ password: 'ebb' })
  assert.is(new URL(server.url).password, 'ebb')
  assert.match(await refused(rows(`postgres://postgres:flow@127.0.0.1:${server.port}/postgres`, 'select 1')), 'password authentication failed')
})

test('a port that is taken is told, and nothing is left', async () => {
  const { port } = await start(), folder = make()
  assert.is(await refused(postgres({ port, folder })), `[servers] cannot start PostgreSQL in '${folder}': expected port ${port} of 127.0.0.1 to be free, found it in use; choose another one, or leave it out for a free one`)
  assert.match(await refused(postgres({ port: 0 })), 'expected a whole number from 1 to 65535')
})

test('a setting that the server refuses is told in its words', async () => {
  assert.match(await refused(postgres({ settings: { shared_buffers: 'lots' } })), /expected it to serve, found that it ended with exit code 1; it says: .*invalid value for parameter "shared_buffers": "lots"/)
})

test('the log goes where it is told to', async () => {
  const log = join(make(), 'here.log')
  await start({ log })
  assert.match(readFileSync(log, 'utf8'), 'ready to accept connections')
  assert.match(await refused(postgres({ log: join(log, 'no folder') })), /\[servers\] cannot run '.*initdb' with output to '.*no folder': ENOTDIR/)
})

test('a server does not keep its process alive, and ends with it', async () => {
  const idle = starter({}, { idle: true })
  const { pid, data } = await idle.told()
  await within(20_000, 'the end of the process', () => idle.exited)
  await until('the end of the server', 20_000, () => !isAlive(pid) && !existsSync(dirname(data)))
})

test.run()

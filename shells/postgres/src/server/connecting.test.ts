import { type Failure, defaults } from '@lowtide/core'
import { left, within } from '@lowtide/testing'
import { createServer } from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { describe, malformed, secretless, unreachable } from './connecting.js'
import { database } from './database.js'
import { migrate } from '../schema/migrate.js'
import { inspect } from '../schema/start.js'

const password = 'hunter2%23secret', secrets = ['hunter2', 'secret']
const quiet = (text: string): void => { for (const secret of secrets) assert.not.match(text, secret) }

const opening = async (url: string) => {
  const access = { url, schema: 'lowtide', connections: 1, lockTimeout: 1_000, answerTimeout: 1_000 }, db = database(access, quiet), plan = { tables: [], options: { ...defaults } }
  const failures = [await left<Failure, unknown>(inspect(db, access, plan)), await left<Failure, unknown>(migrate(db, access, plan))]
  for (const found of failures) quiet(JSON.stringify(found))
  await db.close()
  assert.equal(failures.map(({ retry }) => retry), [failures[0]!.retry, failures[0]!.retry])
  return failures[0]!
}

const malformedUrls = ['', 'hunter2', `postgres://user:hunter2@`, 'http://user:hunter2@host/db', 'postgres://user:hunter2/secret@host/db', 'postgres://user:12#hunter2@host/db', 'postgres://user:12/hunter2@host/db', 'postgres://user:12?hunter2@host/db', 'postgres://user:hunter2@host:port/db', 'postgres://user:hunter2@host/db?sslmode=verify-full&sslrootcert=/nowhere/secret.pem']
for (const [i, url] of malformedUrls.entries()) {
  test(`a malformed url (${i + 1}) is refused and never shown`, async () => {
    const { failure, retry } = await opening(url)
    assert.match(failure, /cannot (read|use) the url of the database: expected /)
    assert.is(retry, false)
    assert.is(describe(url), 'a malformed url')
  })
}

test('a url is described without its password', () => {
  assert.is(describe(`postgres://user:${password}@host:5433/db`), 'user@host:5433/db')
  assert.is(describe(`postgres://us%40er:${password}@host/d%20b?sslmode=disable`), 'us@er@host:5432/d b')
  assert.is(describe(`postgresql://user@[::1]:5433/db?password=${password}`), 'user@[::1]:5433/db')
  assert.is(malformed(`postgres://user:${password}@host:5433/db`), undefined)
})
test('passwords are taken out of what others say', () => {
  const url = `postgres://user:${password}@host/db`
  for (const text of [`bad ${url}`, `password hunter2#secret is wrong`, `password ${password} is wrong`, `postgres://other:hunter2@x/y`, `{"password":"hunter2#secret"}`]) quiet(secretless(url, text))
  quiet(unreachable(url, 'open', new Error(`never heard of ${url}`)).failure)
})

test('a server that is not there is named with host and port, and may come', async () => {
  const { failure, retry, unavailable } = await opening(`postgres://user:${password}@127.0.0.1:1/db`)
  assert.is(failure, `[postgres] cannot open schema 'lowtide' at user@127.0.0.1:1/db: expected a server at 127.0.0.1:1, found nobody who listens there; start it, or see to host and port`)
  assert.ok(retry && unavailable)
})
test('an unknown host is named, and may come', async () => {
  const { failure, retry } = await opening(`postgres://user:${password}@no.such.host.invalid/db`)
  assert.match(failure, `expected a host 'no.such.host.invalid'`)
  assert.ok(retry)
})
test('something else that listens is told from a server', async () => {
  const other = createServer(socket => { socket.on('error', () => {}).resume().end('HTTP/1.1 400 Bad Request\r\n\r\n') })
  await new Promise<void>(resolve => { other.listen(0, '127.0.0.1', resolve) })
  const { port } = other.address() as { port: number }
  const { failure } = await opening(`postgres://user:${password}@127.0.0.1:${port}/db`)
  assert.match(failure, `127.0.0.1:${port}`)
  await new Promise(resolve => { other.close(resolve) })
})
test('who listens and never answers is given up', async () => {
  const mute = createServer(socket => { socket.on('error', () => {}).resume() })
  await new Promise<void>(resolve => { mute.listen(0, '127.0.0.1', resolve) })
  const { port } = mute.address() as { port: number }, { failure, retry } = await within(20_000, 'an end of waiting', () => opening(`postgres://user:${password}@127.0.0.1:${port}/db`))
  assert.match(failure, 'expected an answer, found none in time')
  assert.ok(retry)
  await new Promise(resolve => { mute.close(resolve) })
})

test.run()

import { freshDatabase, postgres } from '@lowtide/servers'
import { until } from '@lowtide/testing'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ask, begun, codesOf, ends, instance, invite, killAll, migratedDatabase, rowsOf } from './fixture.js'

// A server with a password, which no output may show, and which the test takes away and gives back.
const password = 'pl4nted-s3cret-in-the-url'
const server = await postgres({ password }), empty = await freshDatabase(server.url), database = await migratedDatabase(server)
const changed = (change: (url: URL) => void, from = database.url): string => { const url = new URL(from); change(url); return url.href }
const main = new URL('main.js', import.meta.url).pathname
const secretless = (text: string): void => { for (const secret of [password, 'wr0ng-s3cret']) assert.not.ok(text.includes(secret), text) }

const test = suite('gql-postgres, without its database')
test.after(async () => {
  killAll()
  await server.stop()
})

const closed = await new Promise<number>(resolve => { const s = createServer().listen(0, '127.0.0.1', () => { const { port } = s.address() as AddressInfo; s.close(() => resolve(port)) }) })
for (const [what, url, told] of [
  ['no url', undefined, /\[gql-postgres\] cannot start without a database: expected DATABASE_URL=postgres:\/\/.*npm start gql-postgres/],
  ['what is no url', `not a url ${password}`, /cannot read the url of the database: expected postgres:\/\/user:password@host:port\/database, found what is not a url/],
  ['a url where nobody listens', changed(url => { url.port = String(closed) }), /expected a server at 127\.0\.0\.1:\d+, found nobody who listens there; start it/],
  ['a wrong password', changed(url => { url.password = 'wr0ng-s3cret' }), /expected the password of role 'postgres', found one that the server refuses; see to user and password/],
  ['no such database', changed(url => { url.pathname = '/nowhere' }), /expected a database 'nowhere', found none of that name; create it/],
  ['a database that is not migrated', empty.url, /expected a schema 'lowtide', found none in this database; run 'lowtide migrate'/],
] as const) test(`${what} is told, and ends with 1`, async () => {
  const p = begun([main], { DATABASE_URL: url })
  assert.is(await p.code(), 1, p.text())
  assert.match(p.text(), told)
  secretless(p.text())
})

test('a port in use is told, ends with 1, and leaves no instance behind', async () => {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  const { port } = taken.address() as AddressInfo, p = begun([main], { DATABASE_URL: database.url, PORT: String(port) })
  assert.is(await p.code(), 1, p.text())
  assert.match(p.text(), `port ${port} on 127.0.0.1 is in use; give another one`)
  taken.close()
})

test('a database that is lost and comes back: unavailable meanwhile, then all goes on, and nothing is lost or doubled', async () => {
  const p = instance(database.url), url = await p.url(), ready = async (): Promise<readonly [number, string]> => { const r = await fetch(new URL('/health/ready', url)); return [r.status, await r.text()] }
  const [before, during, after] = ['before', 'during', 'after'].map(name => `${name}-${randomUUID()}@example.org`) as [string, string, string], headers = { 'idempotency-key': randomUUID() }
  assert.is(codesOf(await ask(url, invite, { email: before })), '')
  assert.is((await ready())[0], 200)

  await server.kill()
  await until('the word of the probe', 10_000, async () => (await ready())[0] === 503)
  assert.equal(await ready(), [503, '{"status":"unavailable"}'])
  const begin = Date.now(), lost = await ask(url, invite, { email: during }, headers), asked = await ask(url, '{ Customers { pageInfo { hasNextPage } } }')
  assert.equal([codesOf(lost), codesOf(asked)], ['unavailable', 'unavailable'])
  assert.ok(Date.now() - begin < 30_000)
  secretless(JSON.stringify([lost, asked]))

  await server.restart()
  await until('that it is ready again', 20_000, async () => (await ready())[0] === 200)
  const again = await ask(url, invite, { email: during }, headers)
  assert.is((again.data?.['InviteCustomer'] as { email: string } | undefined)?.email, during, JSON.stringify(again))
  assert.equal(await ask(url, invite, { email: during }, headers), again)
  assert.is(codesOf(await ask(url, invite, { email: after })), '')
  assert.equal(await rowsOf(database.url, [before, during, after]), [3, 3])
  await ends(p)
  secretless(p.text())
})

test.run()

import { testServer } from '@lowtide/servers'
import { until, within } from '@lowtide/testing'
import { randomUUID } from 'node:crypto'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Answer, ask, codesOf, ends, instance, invite, killAll, listening, migratedDatabase, rowsOf, value } from './fixture.js'

const server = await testServer(), database = await migratedDatabase(server)
const a = instance(database.url), b = instance(database.url), urls = await Promise.all([a.url(), b.url()]), [atA, atB] = urls as [string, string]
const emailOf = (name: string): string => `${name}-${randomUUID()}@example.org`
const mailsTo = (emails: readonly string[]): number => [a, b].map(p => p.text().split('\n').filter(line => emails.some(email => line === `a mail 'welcome' would go to ${email}`)).length).reduce((x, y) => x + y)

const test = suite('gql-postgres, two processes')
test.after(async () => {
  killAll()
  await database.drop()
  await server.stop()
})

test('a mutation answers with the projected row, and a query at either process finds it at once', async () => {
  for (let i = 0; i < 10; i++) {
    const email = emailOf('ann'), [one, other] = i % 2 === 0 ? [atA, atB] : [atB, atA]
    const { data } = await ask(one, invite, { email: ` ${email.toUpperCase()} ` }), row = data?.['InviteCustomer'] as { id: string }
    assert.equal(row, { id: row.id, email, invited: true })
    for (const url of [one, other]) assert.equal(await ask(url, 'query($id: ID!) { Customer(id: $id) { id email invited } }', { id: row.id }), { data: { Customer: row } })
  }
})

test('two hundred concurrent invitations of twenty emails, spread over both: exactly twenty win, and each gets one row and one mail', async () => {
  const emails = Array.from({ length: 20 }, (_, i) => emailOf(`c${i}`))
  const answers = await Promise.all(Array.from({ length: 200 }, async (_, i) => ({ email: emails[i % 20]!, a: await ask(urls[Math.floor(i / 20) % 2]!, invite, { email: emails[i % 20] }) })))
  assert.equal(answers.filter(({ a }) => a.errors === undefined).map(won => won.email).toSorted(), emails.toSorted())
  assert.is(answers.filter(({ a }) => codesOf(a) === 'already-invited').length, 180)
  assert.equal(await rowsOf(database.url, emails), [20, 20])
  await until('the mails', 10_000, () => mailsTo(emails) >= 20)
  assert.is(mailsTo(emails), 20)
})

test('an idempotency key, fifty times at once over both: one effect and one identical answer; the key stands for this call alone', async () => {
  const email = emailOf('ann'), headers = { 'idempotency-key': randomUUID() }
  const answers = await Promise.all(Array.from({ length: 50 }, (_, i) => ask(urls[i % 2]!, invite, { email }, headers)))
  assert.is(new Set(answers.map(answer => JSON.stringify(answer))).size, 1)
  assert.is((answers[0]!.data!['InviteCustomer'] as { email: string }).email, email)
  assert.equal(await rowsOf(database.url, [email]), [1, 1])
  assert.is(codesOf(await ask(atB, invite, { email: emailOf('bob') }, headers)), 'idempotency-key-reused')
})

test('a subscription at one process hears what was invited at the other', async () => {
  const heard = await listening(atA), emails = Array.from({ length: 5 }, (_, i) => emailOf(`s${i}`))
  for (const email of emails) await ask(atB, invite, { email })
  await until('the events', 5_000, () => emails.every(email => heard.text().includes(`"email":"${email}"`)))
  for (const email of emails) assert.is(heard.text().split(email).length - 1, 1)
  heard.stop()
})

for (const [what, variables, path] of [['NUL', '{"email":"a\\u0000@example.org"}', 'email'], ['a lone surrogate', '{"email":"a\\ud800@example.org"}', 'email']] as const) test(`${what} is refused at the edge, with its field`, async () => {
  const { data, errors } = await ask(atA, invite, variables)
  assert.equal(data, { InviteCustomer: null })
  const { code, issues = [] } = (errors?.[0]?.extensions ?? {}) as { code?: string; issues?: readonly { path: string }[] }
  assert.is(code, 'invalid')
  assert.equal(issues.map(issue => issue.path), [path])
})
test('NUL and a lone surrogate in a query are refused as well', async () => {
  for (const id of ['\\u0000', '\\ud800']) assert.is(codesOf(await ask(atA, 'query($id: ID!) { Customer(id: $id) { id } }', `{"id":"${id}"}`)), 'invalid')
})
test('a number beyond what every store counts is refused, with its argument', async () => {
  for (const first of ['9007199254740993', '-9007199254740993']) {
    const { data, errors } = await ask(atA, 'query($first: Int!) { Customers(first: $first) { pageInfo { hasNextPage } } }', `{"first":${first}}`)
    assert.is(data ?? undefined, undefined)
    assert.match(errors?.[0]?.message ?? '', /"\$first"/)
  }
  assert.is(codesOf(await ask(atA, '{ Customers(first: 9007199254740993) { pageInfo { hasNextPage } } }')), 'too-complex')
})

test('health', async () => {
  for (const url of urls) {
    const response = await fetch(new URL('/health/ready', url))
    assert.equal([response.status, await response.text()], [200, '{"status":"ok"}'])
  }
})

test('SIGTERM with open connections ends with 0; the other process goes on; after a restart the same key gives the same answer', async () => {
  const headers = { 'idempotency-key': randomUUID() }, call = (url: string): Promise<Answer> => ask(url, invite, { email: 'restart@example.org' }, headers)
  const before = await call(atA), heard = await listening(atA)
  await ends(a)
  await within(1_000, 'the end of the stream', () => heard.ended)
  assert.equal(await call(atB), before)
  assert.is(codesOf(await ask(atB, invite, { email: emailOf('after') })), '')
  await ends(b)
  const again = instance(database.url)
  assert.equal(await call(await again.url()), before)
  assert.equal(await rowsOf(database.url, ['restart@example.org']), [1, 1])
  await ends(again)
})

test('the database holds what was answered, and no more', async () => {
  const [rows, views, events] = await Promise.all(['customers', 'customer_views', "lowtide_log where channel = 'customer-events'"].map(what => value(database.url, `select count(*)::int from lowtide.${what}`)))
  assert.equal([views, events], [rows, rows])
})

test.run()

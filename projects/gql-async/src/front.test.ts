import { customerView, functions, inviteCustomer, typeDefs, welcome } from '@lowtide/customers'
import { type Options, graphql } from '@lowtide/graphql'
import { memory } from '@lowtide/memory'
import { deployment, run } from '@lowtide/run'
import { until, within } from '@lowtide/testing'
import * as E from 'fp-ts/lib/Either.js'
import { randomUUID } from 'node:crypto'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'

const mails: string[] = [], closing: (() => Promise<void>)[] = []
const served = async (o: Partial<Options> = {}) => {
  let url = ''
  const app = await run(deployment({
    functions: [functions], shell: memory(), options: { timeout: 5_000 },
    processes: { front: [graphql({ typeDefs, port: 0, listening: at => { url = at }, ...o })], handlers: [inviteCustomer, welcome], projector: [customerView] },
    ports: { mail: { effect: ({ to }) => async () => { mails.push(to); return E.right(undefined) } } },
  }), { signals: false })
  closing.push(app.close)
  return { app, url }
}
interface Answer { readonly data?: { readonly [field: string]: unknown } | null; readonly errors?: readonly { readonly message: string; readonly path?: readonly string[]; readonly extensions: { readonly [name: string]: unknown } }[] }
const ask = async (url: string, query: string, variables: object = {}, headers: { [name: string]: string } = {}): Promise<Answer> => {
  const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json', accept: 'application/json', ...headers }, body: JSON.stringify({ query, variables }) })
  assert.is(response.status, 200)
  return await response.json() as Answer
}
const invite = 'mutation Invite($email: String!) { InviteCustomer(email: $email) { id email invited } }'
const one = 'query One($id: ID!) { Customer(id: $id) { id email invited } }'
const codes = (a: Answer): unknown => a.errors?.map(e => e.extensions['code']).join()
const emailOf = (name: string): string => `${name}-${randomUUID()}@example.org`
const shared = await served()

const test = suite('gql-async')
test.after(async () => { for (const close of closing) await close() })

test('a mutation answers with the projected row, and the query finds it at once', async () => {
  for (let i = 0; i < 50; i++) {
    const email = emailOf('ann'), { data } = await ask(shared.url, invite, { email: ` ${email.toUpperCase()} ` }), row = data?.['InviteCustomer'] as { id: string }
    assert.equal(row, { id: row.id, email, invited: true })
    assert.equal(await ask(shared.url, one, { id: row.id }), { data: { Customer: row } })
  }
})

test('nobody is found under an unknown id', async () => assert.equal(await ask(shared.url, one, { id: randomUUID() }), { data: { Customer: null } }))

test('a rejection is an error with its code, and stands beside what other fields answer', async () => {
  const email = emailOf('ann'), again = `mutation { first: InviteCustomer(email: "${email}") { email } second: InviteCustomer(email: "${email}") { email } }`, answer = await ask(shared.url, again)
  assert.equal(answer.data, { first: { email }, second: null })
  assert.equal(answer.errors?.map(({ message, path, extensions }) => ({ message, path, extensions })), [{ message: 'Customer already invited', path: ['second'], extensions: { code: 'already-invited' } }])
})

test('what the schema of a command refuses names the field', async () => {
  const { data, errors } = await ask(shared.url, invite, { email: 'ann' })
  assert.equal(data, { InviteCustomer: null })
  assert.is(errors?.[0]?.extensions['code'], 'invalid')
  assert.equal(errors?.[0]?.extensions['issues'], [{ path: 'email', message: 'Invalid email address' }])
})

test('two hundred concurrent invitations of twenty emails: exactly twenty win, and each gets one mail', async () => {
  const emails = Array.from({ length: 20 }, (_, i) => emailOf(`c${i}`))
  const answers = await Promise.all(Array.from({ length: 200 }, (_, i) => ask(shared.url, invite, { email: emails[i % 20] }).then(a => ({ email: emails[i % 20]!, a }))))
  const won = answers.filter(({ a }) => a.errors === undefined)
  assert.equal(won.map(w => w.email).toSorted(), emails.toSorted())
  assert.is(answers.filter(({ a }) => codes(a) === 'already-invited').length, 180)
  await until('the mails', 2_000, () => emails.every(e => mails.includes(e)))
  assert.is(mails.filter(m => emails.includes(m)).length, 20)
})

test('an idempotency key, fifty times at once: one effect and one identical answer', async () => {
  const email = emailOf('ann'), headers = { 'idempotency-key': randomUUID() }
  const answers = await Promise.all(Array.from({ length: 50 }, () => ask(shared.url, invite, { email }, headers)))
  assert.is(new Set(answers.map(a => JSON.stringify(a))).size, 1)
  assert.is((answers[0]!.data!['InviteCustomer'] as { email: string }).email, email)
  await until('the mail', 2_000, () => mails.includes(email))
  assert.is(mails.filter(m => m === email).length, 1)
})

test('an idempotency key repeats a rejection too', async () => {
  const email = emailOf('ann'), headers = { 'idempotency-key': randomUUID() }
  await ask(shared.url, invite, { email })
  const answers = await Promise.all(Array.from({ length: 50 }, () => ask(shared.url, invite, { email }, headers)))
  assert.is(new Set(answers.map(a => JSON.stringify(a))).size, 1)
  assert.is(codes(answers[0]!), 'already-invited')
})

test('an idempotency key with other arguments is refused; another field of the document is another command', async () => {
  const headers = { 'idempotency-key': randomUUID() }, [a, b] = [emailOf('a'), emailOf('b')]
  assert.is((await ask(shared.url, invite, { email: a }, headers)).errors, undefined)
  const reused = await ask(shared.url, invite, { email: b }, headers)
  assert.is(codes(reused), 'idempotency-key-reused')
  assert.equal(reused.data, { InviteCustomer: null })
  const both = `mutation { a: InviteCustomer(email: "${emailOf('c')}") { invited } b: InviteCustomer(email: "${emailOf('d')}") { invited } }`
  assert.equal((await ask(shared.url, both, {}, headers)).data, { a: { invited: true }, b: { invited: true } })
})

test('keys of different users never meet; anonymous callers share one space', async () => {
  const { url } = await served({ identify: r => ({ actor: r.headers['x-actor'] as string | undefined, tenant: r.headers['x-tenant'] as string | undefined }) })
  const key = randomUUID(), callers = [{}, { 'x-actor': 'ann' }, { 'x-actor': 'bob' }, { 'x-actor': 'ann', 'x-tenant': 't' }, { 'x-tenant': 'ann' }]
  for (const who of callers) assert.is((await ask(url, invite, { email: emailOf('x') }, { 'idempotency-key': key, ...who } as { [name: string]: string })).errors, undefined)
  for (const who of callers) assert.is(codes(await ask(url, invite, { email: emailOf('x') }, { 'idempotency-key': key, ...who } as { [name: string]: string })), 'idempotency-key-reused')
})

test('pages meet each customer once, in the order of ids', async () => {
  const { url } = await served(), emails = Array.from({ length: 45 }, (_, i) => emailOf(`p${i}`))
  await Promise.all(emails.map(email => ask(url, invite, { email })))
  const seen: { id: string; email: string }[] = []
  for (let after: string | null = null, pages = 0; ; pages++) {
    const answer = await ask(url, 'query P($after: String) { Customers(first: 20, after: $after) { edges { node { id email } cursor } pageInfo { hasNextPage endCursor } } }', { after })
    const { edges, pageInfo } = answer.data!['Customers'] as { edges: { node: { id: string; email: string }; cursor: string }[]; pageInfo: { hasNextPage: boolean; endCursor: string } }
    seen.push(...edges.map(e => e.node))
    assert.is(pageInfo.endCursor, edges.at(-1)!.cursor)
    if (!pageInfo.hasNextPage) { assert.is(pages, 2); break }
    after = pageInfo.endCursor
  }
  assert.equal(seen.map(c => c.email).toSorted(), emails.toSorted())
  assert.equal(seen.map(c => c.id), seen.map(c => c.id).toSorted())
})

test('who is not known is refused; who may not is refused before anything is looked up', async () => {
  let url = '', lookups = 0
  const guarded: typeof inviteCustomer = { ...inviteCustomer, allow: ctx => ctx.actor === 'ann', lookup: m => { lookups++; return inviteCustomer.lookup(m) } }
  const app = await run(deployment({
    functions: [{ ...functions, inviteCustomer: guarded }], shell: memory(),
    processes: { all: [graphql({ typeDefs, port: 0, listening: at => { url = at }, identify: async r => r.headers.authorization === undefined ? null : { actor: r.headers.authorization.replace('Bearer ', '') } }), guarded, welcome, customerView] },
    ports: { mail: { effect: () => async () => E.right(undefined) } },
  }), { signals: false })
  closing.push(app.close)
  const email = emailOf('ann'), stranger = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ query: invite, variables: { email } }) })
  assert.is(stranger.status, 401)
  assert.is(codes(await stranger.json() as Answer), 'unauthenticated')
  assert.is(codes(await ask(url, invite, { email }, { authorization: 'Bearer bob' })), 'forbidden')
  assert.is(lookups, 0)
  assert.is(codes(await ask(url, invite, { email }, { authorization: 'Bearer ann' })), undefined)
  assert.is(lookups, 1)
})

/** The events of a subscription, as they come. */
const subscribed = async (url: string, headers: { [name: string]: string } = {}) => {
  const stop = new AbortController(), response = await fetch(url, {
    method: 'POST', signal: stop.signal, headers: { 'content-type': 'application/json', accept: 'text/event-stream', ...headers }, body: JSON.stringify({ query: 'subscription { CustomerInvited { id email } }' }),
  })
  const heard: Answer[] = [], decoder = new TextDecoder()
  const reading = (async () => {
    let text = ''
    for await (const chunk of response.body!) {
      text += decoder.decode(chunk as Uint8Array, { stream: true })
      for (let end = text.indexOf('\n\n'); end >= 0; text = text.slice(end + 2), end = text.indexOf('\n\n')) {
        const data = /^data: (.+)$/m.exec(text.slice(0, end))?.[1]
        if (data !== undefined) heard.push(JSON.parse(data) as Answer)
      }
    }
  })().catch(() => {})
  return { heard, type: response.headers.get('content-type'), ended: reading, stop: () => stop.abort() }
}

test('a subscription gives each event of its tenant from now on', async () => {
  const { url } = await served({ identify: r => ({ tenant: r.headers['x-tenant'] as string | undefined }) }), [mine, other] = [{ 'x-tenant': 'a' }, { 'x-tenant': 'b' }]
  await ask(url, invite, { email: emailOf('before') }, mine)
  const [a, b, none] = await Promise.all([subscribed(url, mine), subscribed(url, other), subscribed(url)])
  assert.is(a.type, 'text/event-stream')
  const emails = Array.from({ length: 10 }, (_, i) => emailOf(`s${i}`)), rows: unknown[] = []
  for (const email of emails) { const { id } = (await ask(url, invite, { email }, mine)).data!['InviteCustomer'] as { id: string }; rows.push({ data: { CustomerInvited: { id, email } } }) }
  await ask(url, invite, { email: emailOf('b') }, other)
  await until('the events', 2_000, () => a.heard.length >= 10 && b.heard.length >= 1)
  const sorted = (list: readonly unknown[]) => list.map(x => JSON.stringify(x)).toSorted() // keys have no order between them
  assert.equal(sorted(a.heard), sorted(rows))
  assert.is(b.heard.length, 1)
  assert.is(none.heard.length, 0)
  for (const s of [a, b, none]) { s.stop(); await s.ended }
})

test('closing ends subscriptions, and answers what is in flight', async () => {
  let reached = 0
  const { url, app } = await served({ identify: () => { reached++; return {} } }), s = await subscribed(url), asked = Array.from({ length: 20 }, (_, i) => ask(url, invite, { email: emailOf(`z${i}`) }))
  await until('the requests', 2_000, () => reached === 21)
  await within(5_000, 'the end of close()', app.close)
  await within(1_000, 'the end of the stream', () => s.ended)
  for (const answer of await Promise.all(asked)) assert.ok(answer.errors === undefined || codes(answer) === 'unavailable')
})

test.run()

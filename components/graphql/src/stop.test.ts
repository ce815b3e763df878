import { until, within } from '@lowtide/testing'
import * as TE from 'fp-ts/lib/TaskEither.js'
import { randomUUID } from 'node:crypto'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ask, post, raw, servers, subscribing, wire } from './fixture.js'

const test = suite('how a GraphQL front stops'), { start, end } = servers()
test.after.each(end)

/** A port that answers once it is opened, and knows how many wait. */
const gates = () => {
  const waiting: (() => void)[] = []
  return { gate: () => TE.fromTask(() => new Promise<boolean>(resolve => { waiting.push(() => resolve(true)) })), waiting: () => waiting.length, open: () => { for (const go of waiting.splice(0)) go() } }
}
const waitFor = (email = `ada-${randomUUID()}@example.org`): string => JSON.stringify({ query: `mutation { Wait(email: "${email}") { email } }` })
const soon = (what: string, task: () => Promise<unknown>): Promise<unknown> => within(2_000, what, task)

test('a mutation that waits ends as if nothing were, and what comes behind it hears that this process closes', async () => {
  const { gate, waiting, open } = gates(), s = await start({ gate }), c = await wire(s.port)
  c.socket.write(raw(s.path, waitFor()))
  await until('the mutation', 2_000, () => waiting() === 1)
  const closed = s.close()
  c.socket.write(`GET /health/ready HTTP/1.1\r\nhost: x\r\n\r\n${raw(s.path, waitFor())}`)
  await until('no new connection', 2_000, () => ask(s.url, {}).then(() => false, () => true))
  open()
  await until('the answers', 2_000, () => /HTTP\/1\.1 200 .*"data":\{"Wait":\{"email":"ada-.*HTTP\/1\.1 503 .*\{"status":"closing"\}.*"code":"unavailable"/s.test(c.text()))
  await soon('the end', () => closed)
  await until('the end of the connection', 2_000, c.ended)
})

test('a mutation that waits for too long is answered unavailable', async () => {
  for (const accept of ['application/json', 'text/event-stream']) {
    const { gate, waiting, open } = gates(), s = await start({ gate, limits: { grace: 100 }, options: { grace: 1_000 } }), answer = post(s.url, waitFor(), { accept })
    await until('the mutation', 2_000, () => waiting() === 1)
    const closed = s.close(), a = await answer
    assert.is(a.status, 503)
    assert.equal(a.json.errors?.map(e => e.extensions?.code), ['unavailable'])
    await soon('the end', () => closed)
    open()
    await until('no timer, so that the process may end', 2_000, () => s.timers() === 0)
  }
})

test('idle connections do not hold it, nor those that never asked', async () => {
  const s = await start(), idle = await wire(s.port), silent = await wire(s.port)
  idle.socket.write(raw(s.path, '{"query":"{ One(id: 1) { id } }"}'))
  await until('an answer', 2_000, () => idle.text().includes('"One":null'))
  const began = performance.now()
  await soon('the end', s.close)
  assert.ok(performance.now() - began < 1_500)
  await until('the end of both', 2_000, () => idle.ended() && silent.ended())
})

test('subscriptions are completed', async () => {
  const s = await start(), all = await Promise.all(Array.from({ length: 10 }, () => wire(s.port)))
  for (const c of all) c.socket.write(subscribing(s.path))
  await until('the streams', 2_000, () => all.every(c => c.text().includes(':\n\n')))
  await soon('the end', s.close)
  await until('the end of all', 2_000, () => all.every(c => c.ended()))
  for (const c of all) assert.match(c.text(), /event: complete\n/)
})

test('a client that has sent half of a request is cut once the grace is over', async () => {
  const s = await start({ limits: { grace: 100 } }), body = await wire(s.port), head = await wire(s.port)
  body.socket.write(raw(s.path, waitFor()).slice(0, -5))
  head.socket.write(`POST ${s.path} HTTP/1.1\r\nhost:`)
  await until('both', 2_000, async () => (await ask(new URL('/health/live', s.url).href, {})).status === 200)
  await soon('the end', s.close)
  await until('the end of both', 2_000, () => body.ended() && head.ended())
})

test('a subscriber who does not read is cut once the grace is over', async () => {
  const s = await start({ limits: { grace: 100 } }), c = await wire(s.port)
  c.socket.write(subscribing(s.path))
  await until('the stream', 2_000, () => c.text().includes(':\n\n'))
  c.socket.pause()
  await soon('the end', s.close)
  c.socket.destroy()
})

test('twice, at once and later, and before any request', async () => {
  const s = await start()
  await soon('the end', () => Promise.all([s.close(), s.close()]))
  await soon('the end', s.close)
})

test('a second signal, after all is closed, does not kill', async () => {
  const before = process.listenerCount('SIGTERM'), s = await start({ signals: true })
  process.emit('SIGTERM', 'SIGTERM')
  await until('nobody who listens', 2_000, () => ask(s.url, {}).then(() => false, () => true))
  await until('no timer', 2_000, () => s.timers() === 0)
  assert.is(process.listenerCount('SIGTERM'), before + 1)
  await soon('the end', s.close)
  assert.is(process.listenerCount('SIGTERM'), before)
})

test('health, while it lives', async () => {
  const s = await start(), live = await ask(new URL('/health/live', s.url).href, {}), ready = await ask(new URL('/health/ready', s.url).href, {})
  assert.equal([live.status, live.text, ready.status, ready.text], [200, '{"status":"ok"}', 200, '{"status":"ok"}'])
})

test('a port in use is told, and who has it goes on', async () => {
  const s = await start()
  const fault = await start({ port: s.port }).then(() => 'it started', (e: Error) => e.message)
  assert.is(fault, `graphql: port ${s.port} on 127.0.0.1 is in use; give another one (PORT=0 takes a free one)`)
  assert.is((await post(s.url, '{"query":"{ One(id: 1) { id } }"}')).status, 200)
})

test('a host that is not here is told', async () => {
  const fault = await start({ host: '192.0.2.1' }).then(() => 'it started', (e: Error) => e.message)
  assert.match(fault, /^graphql: cannot listen on 192\.0\.2\.1:0: /)
})

test('a port that is no number, and a path that is none, are faults of the wiring', async () => {
  for (const [port, found] of [['abc', 'abc'], ['80 80', '80 80'], [70_000, '70000'], [-1, '-1'], [1.5, '1.5']] as const) {
    const fault = await start({ port }).then(() => 'it started', (e: Error) => e.message)
    assert.is(fault, `[accounts] this deployment cannot start:\n  - graphql: port: expected a whole number from 0 to 65535, found '${found}'`)
  }
})
test.run()

import { until, within } from '@lowtide/testing'
import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Held, type Question, post, raw, type serve, servers, subscribing, wire } from './fixture.js'

const MB = 1024 * 1024, children: ChildProcess[] = [], { start, end } = servers()
const list = <A>(n: number, of: (i: number) => A): readonly A[] => Array.from({ length: n }, (_, i) => of(i))
const mutation = (field: string, email: string): string => JSON.stringify({ query: `mutation($email: String!) { ${field}(email: $email) { id } }`, variables: { email } })

/** A server in a process of its own; it is asked what it holds. */
const outside = async (o: Parameters<typeof serve>[0] = {}) => {
  const code = `const { answering } = await import(${JSON.stringify(new URL('fixture.js', import.meta.url))}); await answering(${JSON.stringify(o)})`
  const child = spawn(process.execPath, ['--expose-gc', '--input-type=module', '-e', code], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  children.push(child)
  const next = async <A>(): Promise<A> => within(20_000, 'an answer of the child', async () => (await once(child, 'message'))[0] as A)
  const asked = async <A>(question: Question): Promise<A> => { const answer = next<A>(); child.send(question); return answer }
  const url = await next<string>(), { port, pathname: path } = new URL(url)
  return { url, port: Number(port), path, held: () => asked<Held>('held'), now: () => asked<Held>('now'), shut: () => asked<Held>('shut'), open: () => asked<Held>('open') }
}
type Outside = Awaited<ReturnType<typeof outside>>
/** So many mutations, a hundred at once over a connection of their own. */
const mutate = async (s: Outside, n: number, emailOf: (i: number) => string): Promise<void> => {
  for (let i = 0; i < n; i += 100) {
    const c = await wire(s.port)
    c.socket.write(list(100, j => raw(s.path, mutation('Open', emailOf(i + j)))).join(''))
    await until('a hundred answers', 10_000, () => c.text().match(/HTTP\/1\.1 200 /g)?.length === 100)
    c.socket.destroy()
  }
}
/** What is held once nothing is under way any more. */
const settled = async (s: Outside, sockets: number): Promise<Held> => {
  await until('the end of all connections', 10_000, async () => (await s.now()).sockets <= sockets)
  return s.held()
}
/** Marks of commands are kept for this long, by law; then each commit gives some back. */
const options = { dedupWindow: 100 }
const test = suite('what is left in a GraphQL front')
test.after.each(async () => { for (const child of children.splice(0)) child.kill('SIGKILL'); await end() })

test('a thousand clients that go away while they wait, in the middle of a body, and while they subscribe', async () => {
  const s = await outside({ options, limits: { subscribers: 100 } }), same = `same-${randomUUID()}@example.org`
  const rounds = async (n: number): Promise<void> => {
    for (let i = 0; i < n; i++) {
      const idle = (await s.now()).timers
      await s.shut()
      const waiting = await Promise.all(list(100, () => wire(s.port)))
      for (const c of waiting) c.socket.write(raw(s.path, mutation('Wait', same)))
      await until('a hundred who wait', 10_000, async () => (await s.now()).timers >= idle + 100)
      for (const c of waiting) c.socket.destroy()
      await until('nobody who waits', 10_000, async () => (await s.now()).timers <= idle)
      await s.open()

      const half = await Promise.all(list(100, () => wire(s.port)))
      for (const c of half) c.socket.write(raw(s.path, mutation('Open', same)).slice(0, -7))
      for (const c of half) c.socket.destroy()

      const subscribers = await Promise.all(list(100, () => wire(s.port))) // as many as there may be: those before have all left
      for (const c of subscribers) c.socket.write(subscribing(s.path))
      await until('a hundred who subscribe', 10_000, () => subscribers.every(c => c.text().includes(':\n\n')))
      assert.not.ok(subscribers.some(c => c.text().includes('errors')), subscribers.find(c => c.text().includes('errors'))?.text())
      assert.match((await post(s.url, '{"query":"subscription { Opened { id } }"}', { accept: 'text/event-stream' })).text, /"code":"busy"/)
      for (const c of subscribers) c.socket.destroy()
      await until('no socket but of those who asked', 10_000, async () => (await s.now()).sockets <= 20)
    }
  }
  await mutate(s, 500, () => same)
  await rounds(3)
  const before = await settled(s, 20)
  await rounds(4)
  await mutate(s, 500, () => same)
  const after = await settled(s, 20)
  assert.ok(after.timers <= before.timers, `${after.timers} timers, there were ${before.timers}`)
  assert.ok(after.heap - before.heap < 1.5 * MB, `1,200 clients left ${after.heap - before.heap} bytes`)
})

test('thousands of mutations leave what the store keeps by law, and no more with each', async () => {
  const s = await outside({ options }), same = `same-${randomUUID()}@example.org`
  await mutate(s, 5_000, () => same) // until its code is compiled and its tables have grown
  const start = await settled(s, 20)
  await mutate(s, 2_000, () => same)
  const rejected = await settled(s, 20)
  assert.ok(rejected.heap - start.heap < 1 * MB, `2,000 rejections left ${rejected.heap - start.heap} bytes`)
  const grown: number[] = []
  for (let i = 0, before = rejected.heap; i < 4; i++) {
    await mutate(s, 500, () => `new-${randomUUID()}@example.org`)
    const { heap } = await settled(s, 20)
    grown.push((heap - before) / 500)
    before = heap
  }
  const [first, ...rest] = grown, mean = rest.reduce((a, b) => a + b) / rest.length
  assert.ok(mean < 1.5 * Math.max(first!, 2_000), `bytes an account: ${grown.map(Math.round).join(', ')}`)
  assert.is((await s.now()).timers, start.timers)
})

test('a subscriber who does not read is ended, and what waits for it is bounded', async () => {
  const s = await outside({ options, limits: { buffer: 8 } }), slow = await wire(s.port), brisk = await wire(s.port), n = 150
  for (const c of [slow, brisk]) c.socket.write(subscribing(s.path))
  await until('both streams', 5_000, () => slow.text().includes(':\n\n') && brisk.text().includes(':\n\n'))
  slow.socket.pause()
  const before = await s.held(), long = 'x'.repeat(60_000)
  for (let i = 0; i < n; i++) assert.is((await post(s.url, mutation('Open', `${long}${i}-${randomUUID()}@example.org`))).json.errors, undefined)
  await until('all events', 10_000, () => brisk.text().match(/event: next/g)?.length === n)
  const after = await s.held()
  assert.ok(after.external - before.external < 8 * MB, `${after.external - before.external} bytes wait for a client that does not read`)
  slow.socket.resume()
  await until('the end of the slow one', 10_000, () => /"code":"slow-consumer".*event: complete/s.test(slow.text()))
  assert.ok(slow.text().match(/event: next/g)!.length < n)
  assert.not.match(brisk.text(), /slow-consumer/)
  for (const c of [slow, brisk]) c.socket.destroy()
})

test('a hundred subscribers hear each event once, and those of another tenant nothing', async () => {
  const s = await start({ identify: ({ headers: { tenant } }) => ({ tenant: typeof tenant === 'string' ? tenant : undefined }) }), n = 20
  const listening = async (count: number, headers: readonly string[]) => { const all = await Promise.all(list(count, () => wire(s.port))); for (const c of all) c.socket.write(subscribing(s.path, headers)); return all }
  const ours = await listening(100, ['tenant: blue']), others = [...await listening(20, ['tenant: red']), ...await listening(20, [])]
  await until('all streams', 10_000, () => [...ours, ...others].every(c => c.text().includes(':\n\n')))
  const emails = list(n, i => `blue-${i}-${randomUUID()}@example.org`)
  await Promise.all(emails.map(email => post(s.url, mutation('Open', email), { tenant: 'blue' })))
  await post(s.url, mutation('Open', `red-${randomUUID()}@example.org`), { tenant: 'red' })
  const heard = (text: string): readonly string[] => [...text.matchAll(/"email":"([^"]+)"/g)].map(m => m[1]!)
  await until('all events', 10_000, () => ours.every(c => heard(c.text()).length >= n) && others.slice(0, 20).every(c => heard(c.text()).length > 0))
  for (const c of ours) assert.equal(heard(c.text()).toSorted(), emails.toSorted())
  for (const c of others) assert.not.ok(heard(c.text()).some(e => e.startsWith('blue')))
  for (const c of others.slice(20)) assert.equal(heard(c.text()), [])
  for (const c of [...ours, ...others]) c.socket.destroy()
})
test.run()

import { until, within } from '@lowtide/testing'
import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer as createHttp } from 'node:http'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'

const root = fileURLToPath(new URL('../../..', import.meta.url)), main = fileURLToPath(new URL('main.js', import.meta.url))
const children: ChildProcess[] = [], sockets: Socket[] = [], ending = 5_000

/** The project in a process group of its own, and what it prints. */
const started = (command: string, args: readonly string[], env: { readonly [name: string]: string } = { PORT: '0' }) => {
  const child = spawn(command, args, { cwd: root, detached: true, stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, NODE_ENV: '', ...env } })
  let text = '', code: number | string | undefined
  children.push(child)
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (part: string) => { text += part })
  child.on('close', (exit, signal) => { code = exit ?? signal ?? 'none' })
  return {
    child, text: () => text, code: () => until('the end of the process', 30_000, () => code !== undefined && { code }).then(found => found.code),
    url: () => until('the URL', 30_000, () => { if (code !== undefined) throw new Error(`it ended with ${code}: ${text}`); return /Lowtide serves GraphQL at (http:\/\/\S+)/.exec(text)?.[1] }),
  }
}
/** What is posted to a server of this test. */
const posted = async () => {
  const got: { readonly key: string | undefined; readonly body: unknown }[] = [], sink = createHttp((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (part: string) => { body += part }).on('end', () => { got.push({ key: request.headers['idempotency-key'] as string | undefined, body: JSON.parse(body) }); response.writeHead(204).end() })
  }).listen(0, '127.0.0.1')
  await once(sink, 'listening')
  return { got, url: `http://127.0.0.1:${(sink.address() as AddressInfo).port}/welcome`, close: (): void => { sink.close(); sink.closeAllConnections() } }
}
/** Whether a process of its group is left. */
const left = ({ pid }: ChildProcess): boolean => { try { process.kill(-pid!, 0); return true } catch { return false } }
/** A signal to the group, as from a terminal; how it ends, and that nothing is left. */
const ends = async (s: ReturnType<typeof started>, signal: NodeJS.Signals): Promise<void> => {
  process.kill(-s.child.pid!, signal)
  assert.is(await within(ending, `the end after ${signal}`, s.code), 0, s.text())
  await until('the end of its group', 1_000, () => !left(s.child))
}
const post = async (url: string, query: string, variables: object = {}): Promise<{ readonly [field: string]: unknown }> => {
  const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ query, variables }) }), { data, errors } = await response.json() as { data: { [field: string]: unknown }; errors?: unknown }
  assert.is(errors, undefined, JSON.stringify(errors))
  return data
}
const wire = async (url: string, bytes: string): Promise<{ text(): string; ended(): boolean }> => {
  const { hostname, port, pathname } = new URL(url), socket = connect(Number(port), hostname)
  let text = '', ended = false
  sockets.push(socket)
  socket.setEncoding('utf8').on('data', part => { text += String(part) }).on('error', () => { ended = true }).on('close', () => { ended = true })
  await once(socket, 'connect')
  socket.write(bytes.replace('PATH', pathname))
  return { text: () => text, ended: () => ended }
}
const raw = (body: string, accept = 'application/json'): string => `POST PATH HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\naccept: ${accept}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
const subscribed = async (url: string) => {
  const c = await wire(url, raw('{"query":"subscription { CustomerInvited { id email } }"}', 'text/event-stream'))
  await until('the stream', 5_000, () => c.text().includes(':\n\n'))
  return c
}

const test = suite('gql-async, as it runs')
test.after.each(() => {
  for (const socket of sockets.splice(0)) socket.destroy()
  for (const child of children.splice(0)) if (left(child)) process.kill(-child.pid!, 'SIGKILL')
})

test('mutation, query at once, page, subscription, GraphiQL; SIGTERM with all kinds of connections open', async () => {
  const s = started(process.execPath, [main]), url = await s.url(), email = `ada-${randomUUID()}@example.org`, stream = await subscribed(url)
  const { InviteCustomer: row } = await post(url, 'mutation($email: String!) { InviteCustomer(email: $email) { id email invited } }', { email }) as { InviteCustomer: { id: string } }
  assert.equal(row, { id: row.id, email, invited: true })
  assert.equal(await post(url, 'query($id: ID!) { Customer(id: $id) { id email invited } }', { id: row.id }), { Customer: row })
  assert.equal(await post(url, '{ Customers(first: 1) { edges { node { email } cursor } pageInfo { hasNextPage endCursor } } }'), { Customers: { edges: [{ node: { email }, cursor: row.id }], pageInfo: { hasNextPage: false, endCursor: row.id } } })
  await until('the event', 5_000, () => stream.text().includes(`data: {"data":{"CustomerInvited":{"id":"${row.id}","email":"${email}"}}}`))
  await until('the mail', 5_000, () => s.text().includes(`a mail 'welcome' would go to ${email}`))

  const page = await (await fetch(url, { headers: { accept: 'text/html' } })).text()
  assert.match(page, /<title>GraphiQL/)
  assert.match(page, /InviteCustomer\(email: /)
  assert.not.match(page, /<(script|link|img|iframe)\b[^>]*\b(src|href)\s*=\s*["']?(https?:)?\/\//i)

  const idle = await wire(url, raw('{"query":"{ Customers { pageInfo { hasNextPage } } }"}')), stalled = await wire(url, raw('{"query":"{ Customers { pageInfo { hasNextPage } } }"}').slice(0, -9)), silent = await wire(url, '')
  await until('an answer', 5_000, () => idle.text().includes('"hasNextPage":false'))
  await ends(s, 'SIGTERM')
  await until('the end of all', 1_000, () => [stream, idle, stalled, silent].every(c => c.ended()))
  assert.match(stream.text(), /event: complete\n/)
})

test('SIGINT, with a subscription open', async () => {
  const s = started(process.execPath, [main])
  await subscribed(await s.url())
  await ends(s, 'SIGINT')
})

test('a signal at the very moment when it serves, and once more while it ends, as npm hands on Ctrl-C', async () => {
  for (const apart of [0, 3, 10, 20, 60]) {
    const s = started(process.execPath, [main])
    await once(s.child.stdout!, 'data')
    process.kill(s.child.pid!, 'SIGINT')
    await new Promise(resolve => { setTimeout(resolve, apart) }) // not to wait for something: this is the case
    await ends(s, 'SIGINT')
  }
})

test('npm start gql-async, from its beginning to Ctrl-C', async () => {
  const s = started('npm', ['start', 'gql-async']), url = await s.url()
  assert.equal(await post(url, 'mutation { InviteCustomer(email: "ada@example.com") { invited } }'), { InviteCustomer: { invited: true } })
  await subscribed(url)
  await ends(s, 'SIGINT')
})

test('a port in use, and one that is no number, are told, and the process ends', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  for (const [given, told] of [[String(port), `port ${port} on 127.0.0.1 is in use; give another one (PORT=0 takes a free one)`], ['abc', "port: expected a whole number from 0 to 65535, found 'abc'"]] as const) {
    const s = started(process.execPath, [main], { PORT: given })
    assert.is(await within(ending, 'its end', s.code), 1, s.text())
    assert.ok(s.text().includes(told), s.text())
  }
  server.close()
})

test('posts a welcome to WELCOME_URL, with its key, and prints none', async () => {
  const sink = await posted(), s = started(process.execPath, [main], { PORT: '0', WELCOME_URL: sink.url }), url = await s.url(), email = `ada-${randomUUID()}@example.org`
  await post(url, 'mutation($email: String!) { InviteCustomer(email: $email) { id } }', { email })
  await until('the welcome', 5_000, () => sink.got.length > 0)
  assert.equal(sink.got.map(({ body }) => body), [{ to: email, template: 'welcome' }])
  assert.match(String(sink.got[0]!.key), /^[0-9a-f-]{36}$/)
  assert.not.match(s.text(), 'would go to')
  await ends(s, 'SIGTERM')
  sink.close()
})
test.run()

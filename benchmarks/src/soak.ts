import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { type Socket, connect } from 'node:net'
import { parseArgs } from 'node:util'
import { child } from './http/child.js'
import type { Held } from './http/abuse.child.js'

// A long run against a server in a process of its own, which tells what it holds: of clients that go away nothing may be left, of mutations what the
// store keeps by law (rows, and the log), and marks only for the dedupWindow, which is 100 ms there.
const { values } = parseArgs({ options: { clients: { type: 'string', default: '10000' }, mutations: { type: 'string', default: '100000' } } })
const clients = Number(values.clients), mutations = Number(values.mutations), atOnce = 100, patience = 60_000
const server = child('abuse.child.js', '--expose-gc'), url = new URL(await server.ask<string>('url'))
const held = (): Promise<Held> => server.ask<Held>('held'), sockets = async (): Promise<number> => (await server.ask<Held>('now')).sockets

const until = async (what: string, condition: () => boolean | Promise<boolean>): Promise<void> => {
  for (const end = performance.now() + patience; !await condition(); await new Promise(resolve => { setTimeout(resolve, 5) })) if (performance.now() > end) throw new Error(`waited ${patience} ms for ${what}, in vain`)
}
/** A connection, and what came over it so far. */
const open = async (): Promise<{ readonly socket: Socket; readonly come: { text: string } }> => {
  const socket = connect(Number(url.port), url.hostname), come = { text: '' }
  socket.setEncoding('utf8').on('data', part => { come.text += String(part) }).on('error', () => {})
  await once(socket, 'connect')
  return { socket, come }
}
const raw = (query: string, variables: object = {}, accept = 'application/json'): string => {
  const body = JSON.stringify({ query, variables })
  return `POST ${url.pathname} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\naccept: ${accept}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
}
const invite = (email: string): string => raw('mutation($email: String!) { InviteCustomer(email: $email) { id } }', { email })
const same = `same-${randomUUID()}@example.org`, fresh = (): string => `new-${randomUUID()}@example.org`
const many = <A>(of: () => Promise<A>): Promise<A[]> => Promise.all(Array.from({ length: atOnce }, of))

/** Clients that go away: while they wait for a mutation, in the middle of a body, during a subscription. */
const leaving = [
  async (): Promise<void> => { for (const c of await many(open)) c.socket.write(invite(same), () => c.socket.destroy()) },
  async (): Promise<void> => { for (const c of await many(open)) c.socket.write(invite(same).slice(0, -9), () => c.socket.destroy()) },
  async (): Promise<void> => {
    const all = await many(open)
    for (const c of all) c.socket.write(raw('subscription { CustomerInvited { id } }', {}, 'text/event-stream'))
    await until('the streams', () => all.every(c => c.come.text.includes(':\n\n')))
    for (const c of all) c.socket.destroy()
  },
]
const disconnect = async (n: number): Promise<void> => { for (let i = 0; i < n; i += atOnce) { await leaving[i / atOnce % leaving.length]!(); await until('the end of the connections', async () => await sockets() === 0) } }
const mutate = async (n: number, emailOf: () => string): Promise<void> => {
  for (let i = 0; i < n; i += atOnce) {
    const c = await open()
    c.socket.write(Array.from({ length: atOnce }, () => invite(emailOf())).join(''))
    await until('the answers', () => c.come.text.split('HTTP/1.1 200 ').length === atOnce + 1)
    c.socket.destroy()
  }
}
const settled = async (): Promise<Held> => { await mutate(500, () => same); await until('the end of the connections', async () => await sockets() === 0); return held() }
const kb = (bytes: number): string => `${Math.round(bytes / 1024)} KB`
const faults: string[] = []
const judge = (what: string, bytes: number, most: number): void => { console.log(`${what}: ${Math.round(bytes)} bytes each`); if (bytes > most) faults.push(`${what} leave ${Math.round(bytes)} bytes each, at most ${most} were expected`) }

await mutate(5_000, () => same)
await disconnect(1_500)
const before = await settled()
console.log(`warm: ${kb(before.heap)}, ${before.timers} timers, ${before.sockets} sockets`)
await disconnect(clients)
const gone = await settled()
judge(`${clients} clients that went away`, (gone.heap - before.heap) / clients, 200)
if (gone.timers > before.timers || gone.sockets > 0) faults.push(`${gone.timers} timers and ${gone.sockets} sockets are left, there were ${before.timers} and 0`)

await mutate(mutations / 2, () => same)
const rejected = await settled()
judge(`${mutations / 2} mutations that were rejected`, (rejected.heap - gone.heap) / (mutations / 2), 20)
const tenth = mutations / 20, heaps = [rejected.heap]
for (let i = 0; i < 10; i++) { await mutate(tenth, fresh); heaps.push((await settled()).heap) }
const [first, ...rest] = heaps.slice(1).map((heap, i) => (heap - heaps[i]!) / tenth), mean = rest.reduce((a, b) => a + b) / rest.length
judge('customers of the first tenth', first!, Infinity)
judge('customers of the others', mean, first! * 1.5)
const end = await settled()
if (end.timers > before.timers) faults.push(`${end.timers} timers are left, there were ${before.timers}`)
console.log(`end: ${kb(end.heap)}, ${end.timers} timers, ${end.sockets} sockets; the client itself ${kb(process.memoryUsage().rss)}`)
await server.close()
for (const fault of faults) console.error(fault)
process.exitCode = faults.length > 0 ? 1 : 0

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { testServer } from '@lowtide/servers'
import { until } from '@lowtide/testing'
import { randomUUID } from 'node:crypto'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ask, ends, instance, invite, killAll, migratedDatabase } from './fixture.js'

const server = await testServer(), database = await migratedDatabase(server), test = suite('gql-postgres, with somebody to tell')
test.after(async () => {
  killAll()
  await database.drop()
  await server.stop()
})

/** Takes what is posted, once a key; fails by chance before it does, and after; and is away when the test says so. */
const sink = async () => {
  const inbox = new Map<string, { readonly to: string; readonly template: string }>()
  let repeated = 0, refused = 0
  const made = () => createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (part: string) => { body += part }).on('end', () => {
      const key = String(request.headers['idempotency-key']), fate = Math.random()
      if (fate < 0.2) { refused++; response.writeHead(503).end(); return }
      if (inbox.has(key)) repeated++
      else inbox.set(key, JSON.parse(body) as { to: string; template: string })
      if (fate < 0.4) request.socket.destroy(); else response.writeHead(204).end()
    })
  })
  let now = made().listen(0, '127.0.0.1')
  await once(now, 'listening')
  const { port } = now.address() as AddressInfo, close = async (): Promise<void> => { const closed = once(now, 'close'); now.close(); now.closeAllConnections(); await closed }
  return { inbox, counts: () => ({ repeated, refused }), url: `http://127.0.0.1:${port}/welcome`, close, back: async (): Promise<void> => { now = made().listen(port, '127.0.0.1'); await once(now, 'listening') } }
}

test('every welcome is posted once by its key, though the one who posts is killed and the one who is told fails and goes away', async () => {
  const told = await sink(), env = { WELCOME_URL: told.url }, a = instance(database.url, env), b = instance(database.url, env), [atA, atB] = await Promise.all([a.url(), b.url()])
  const emails = Array.from({ length: 60 }, () => `${randomUUID()}@example.org`), inviting = async (from: number, upTo: number, at: string): Promise<void> => { for (const email of emails.slice(from, upTo)) assert.is((await ask(at, invite, { email })).errors, undefined) }
  await Promise.all([inviting(0, 15, atA), inviting(15, 30, atB)])
  await told.close()
  const during = inviting(30, 45, atB) // nobody waits for the outside
  await during
  a.signal('SIGKILL')
  await told.back()
  await inviting(45, 60, atB)
  await until('all welcomes', 30_000, () => told.inbox.size >= emails.length)
  assert.equal([...told.inbox.values()].map(({ to, template }) => `${template} ${to}`).toSorted(), emails.map(email => `welcome ${email}`).toSorted())
  assert.ok(told.counts().repeated > 0 && told.counts().refused > 0, JSON.stringify(told.counts()))
  assert.not.match(a.text() + b.text(), 'would go to')
  await ends(b)
  await told.close()
})

test.run()

import { until } from '@lowtide/testing'
import { randomUUID } from 'node:crypto'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { post, serve, subscribing, wire } from './fixture.js'
import type { Identity } from './options.js'

const test = suite('who leaves, and who is not let in')
const open = () => ({ query: `mutation { Open(email: "${randomUUID()}@example.org") { id } }` })

test('of requests that waited behind another one of a connection nothing is left when it goes', async () => {
  let asked = 0
  const s = await serve({ hears: () => { asked++; return true }, limits: { requests: 20 } })
  const heard = async (): Promise<number> => { asked = 0; await post(s.url, open()); return asked }
  for (let round = 0; round < 3; round++) {
    const w = await wire(s.port)
    w.socket.write(subscribing(s.path).repeat(8))
    await until('the subscribers', 5_000, async () => await heard() === 8)
    w.socket.destroy()
    await until('their end', 5_000, async () => await heard() === 0)
  }
  const answers = await Promise.all(Array.from({ length: 15 }, () => post(s.url, open())))
  assert.equal(answers.map(a => a.status), answers.map(() => 200)) // each has given its place back
  await s.close()
})

test('whatever identify gives, only who is known gets in', async () => {
  const lazy = (who: Identity | null) => ({ then: (known: (who: Identity | null) => unknown) => Promise.resolve(who).then(known) }) as Promise<Identity | null>
  for (const [identify, status] of [[() => null, 401], [async () => null, 401], [() => lazy(null), 401], [() => undefined as never, 401], [() => { throw new Error('no') }, 401], [() => lazy({ actor: 'ann' }), 200]] as const) {
    const s = await serve({ identify })
    assert.is((await post(s.url, open())).status, status)
    await s.close()
  }
})

test.run()

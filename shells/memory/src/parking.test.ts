import type { Parked } from '@lowtide/core'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { clock, commit, left, open, parked, reader, right } from './fixture.js'

const parking = suite('parking')
const line = [parked('p1', 'k'), parked('p2', 'k', { state: 'waiting' }), parked('q1', 'other'), parked('p3', 'k', { state: 'waiting' })]
const states = (all: readonly Parked[]) => all.map(({ id, state }) => `${id} ${state}`)

parking('lists in the order of parking, by id, consumer, channel, key and state', async () => {
  const { store } = await open(clock())
  await commit(store, { parks: [...line, parked('c1', 'k', { consumer: '', channel: 'deeds', state: 'failed' })] })
  await commit(store, { parks: [parked('p1', 'k', { reason: 'broke again', attempts: 12, time: 'later' })] })
  const list = async (filter: Parameters<typeof store.parked>[0]) => (await right(store.parked(filter))).map(({ id }) => id)
  assert.equal([await list({}), await list({ ids: ['q1'] }), await list({ ids: ['nobody'] }), await list({ key: 'k', consumer: 'reader' }), await list({ channel: 'deeds' }), await list({ state: 'waiting' }), await list({ ids: ['p1'], state: 'waiting' })],
    [['p1', 'p2', 'q1', 'p3', 'c1'], ['q1'], [], ['p1', 'p2', 'p3'], ['c1'], ['p2', 'p3'], []])
  assert.equal(await right(store.parked({ ids: ['p1'] })), [{ ...parked('p1', 'k'), reason: 'broke again', attempts: 12 }], 'what stands keeps its place and time')
  assert.is((await right(store.applied('reader'))).parked, 4)
})

parking('redrives the head of a key, and names it to who asks for another', async () => {
  const { store } = await open(clock())
  await commit(store, { parks: line })
  assert.match((await left(store.unpark('p3', 'redrive'))).failure, /'p3'.*behind 'p1' of the key 'k'/)
  assert.match((await left(store.unpark('nobody', 'discard'))).failure, /cannot find the parked message 'nobody'/)
  await right(store.unpark('p1', 'redrive'))
  await right(store.unpark('p1', 'redrive'))
  assert.equal(states(await right(store.parked({ key: 'k' }))), ['p1 redrive', 'p2 waiting', 'p3 waiting'])
  await commit(store, { unparks: ['p1', 'nobody'] })
  assert.equal(states(await right(store.parked({ key: 'k' }))), ['p2 waiting', 'p3 waiting'])
  await right(store.unpark('p2', 'redrive'))
})

parking('discards, and then what waited behind it is redriven', async () => {
  const { store } = await open(clock())
  await commit(store, { parks: line })
  await right(store.unpark('p2', 'discard'))
  assert.equal(states(await right(store.parked({}))), ['p1 parked', 'q1 parked', 'p3 waiting'])
  await right(store.unpark('p1', 'discard'))
  await right(store.unpark('q1', 'discard'))
  assert.equal(states(await right(store.parked({}))), ['p3 redrive'])
})

parking('lets commands fail side by side, and undecodable messages without a key', async () => {
  const { store } = await open(clock())
  await commit(store, { parks: [parked('c1', 'k', { state: 'failed' }), parked('c2', 'k', { state: 'failed' }), parked('r1', '', { raw: '{' }), parked('r2', '', { raw: '}' })] })
  for (const id of ['c2', 'r2']) await right(store.unpark(id, 'redrive'))
  await right(store.unpark('c1', 'discard'))
  assert.equal(states(await right(store.parked({}))), ['c2 redrive', 'r1 parked', 'r2 redrive'])
})

parking('keeps drain waiting for what is to run again, not for what is parked', async () => {
  const time = clock(), session = await open(time, undefined, { options: { grace: 1000 } })
  await reader(session, 'reader', ['news'])
  await commit(session.store, { parks: line })
  await session.drain()
  await right(session.store.unpark('p1', 'redrive'))
  let drained = false
  const drain = session.drain().then(() => { drained = true })
  await time.quiet()
  assert.is(drained, false)
  await commit(session.store, { unparks: ['p1'] })
  await drain
})

parking('keeps each line as an array would', async () => {
  const deed = fc.record({ do: fc.constantFrom('park', 'unpark', 'redrive', 'discard'), id: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f') })
  await fc.assert(fc.asyncProperty(fc.array(deed, { maxLength: 40, size: 'max' }), async deeds => {
    const { store } = await open(clock())
    let all: { id: string; key: string; state: Parked['state'] }[] = []
    for (const { do: what, id } of deeds) {
      const key = id < 'd' ? 'k' : 'l', standing = all.find(p => p.id === id), head = all.find(p => p.key === key)
      if (what === 'park') {
        const state = head === undefined || head.id === id ? 'parked' as const : 'waiting' as const
        await commit(store, { parks: [parked(id, key, { state })] })
        if (standing) standing.state = state
        else all.push({ id, key, state })
      } else if (what === 'unpark') {
        await commit(store, { unparks: [id] })
        all = all.filter(p => p.id !== id)
      } else {
        const answer = await store.unpark(id, what)(), may = standing !== undefined && (what === 'discard' || standing.state !== 'waiting' || head?.id === id)
        assert.is(answer._tag === 'Right', may)
        if (!may) continue
        if (what === 'redrive') standing.state = 'redrive'
        else {
          all = all.filter(p => p.id !== id)
          const next = all.find(p => p.key === key)
          if (next?.state === 'waiting') next.state = 'redrive'
        }
      }
      assert.equal(states(await right(store.parked({}))), all.map(p => `${p.id} ${p.state}`))
    }
  }), { numRuns: 100, includeErrorInReport: true })
})

parking.run()

import { type Emit, type Failure, type Job, type Slot, type Unit, channel, defaults } from '@lowtide/core'
import * as E from 'fp-ts/lib/Either.js'
import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { lane } from './lane.js'
import { carrier, relay, relaying } from './relay.js'

const test = suite('a relay')
const leaving = channel('leaving', { external: true }), turns = 100_000

/** Messages of some keys on their way out of two partitions, by chance; `poison`: by number, those that the outside never takes. */
const carried = async (keys: readonly number[], poison: ReadonlySet<number>, chance: () => number, abreast: number) => {
  const delivered: number[] = [], commits: Unit[] = [], timers: (() => void)[] = [], out = new Set<string>()
  const numberOf = ({ message }: Emit): number => Number(message.id), taken = new Set<number>()
  const publish = (messages: readonly Emit[]) => async (): Promise<E.Either<Failure, void>> => {
    const here = new Set(messages.map(({ message }) => message.subject))
    for (const key of here) { assert.not(out.has(key), `two calls at once hold the key ${key}`); out.add(key) }
    assert.not(messages.some(m => taken.has(numberOf(m))), 'what is out goes out again in the same process')
    await Promise.resolve()
    for (const key of here) out.delete(key)
    const bad = messages.findIndex(m => poison.has(numberOf(m)))
    if (bad >= 0) return E.left({ failure: 'never', retry: false }) // and takes nothing
    const fate = chance()
    if (fate < 0.2) return E.left({ failure: 'not now', retry: true })
    delivered.push(...messages.slice(0, fate < 0.4 ? Math.floor(chance() * messages.length) : undefined).map(numberOf))
    if (fate < 0.4) return E.left({ failure: 'some of them, and who knows which', retry: true })
    if (fate < 0.5) throw new Error('the client broke')
    for (const m of messages) taken.add(numberOf(m))
    return E.right(undefined)
  }
  const r = relay({ name: 'r', channels: [leaving], publish }), handler = carrier(r), tracks = [0, 1].map((p): Slot['track'] => ({ open: [], of: { consumer: handler.name, channel: 'leaving', partition: String(p), fence: '1' } }))
  const store = { commit: (unit: Unit) => async () => { await Promise.resolve(); if (chance() < 0.2) return E.left({ failure: 'the store is away', retry: true, unavailable: true }); commits.push(unit); return E.right({ marks: [] }) } }
  const runtime = { soon: (call: () => void): void => { void Promise.resolve().then(call) }, after: (_ms: number, call: () => void) => { timers.push(call); return () => { const at = timers.indexOf(call); if (at >= 0) timers.splice(at, 1) } }, random: chance, now: () => 0, newId: () => '', log: () => {} }
  const l = lane({ abreast, enough: 1, execute: relaying(r, store, runtime), runtime, options: defaults, unitLimit: 5 }), places: { readonly partition: number; readonly n: number }[] = []
  let done = 0
  for (const [i, key] of keys.entries()) {
    const partition = key % 2, track = tracks[partition]!, n = places.filter(p => p.partition === partition).length, slot: Slot = { at: { channel: 'leaving', partition: String(partition), position: String(n) }, done: false, track }
    places.push({ partition, n })
    track.open.push(slot)
    l.take(handler, { id: String(i), source: '', type: 'T', subject: `k${key}`, time: '', dataschema: '', data: null, correlationid: '' }, 'leaving', { slot, done: () => { done++; slot.done = true } })
  }
  for (let turn = 0; done < keys.length; turn++) {
    assert.ok(turn < turns, `${done} of ${keys.length} after ${turn} turns`)
    await Promise.resolve()
    if (turn % 20 === 0 && timers.length > 0) timers.splice(Math.floor(chance() * timers.length), 1)[0]!()
  }
  return { delivered, commits, places, parks: commits.flatMap(unit => unit.parks) }
}

test('carries each key in order, parks what is refused for good and what stands behind it, and moves no checkpoint over anything else', () => fc.assert(fc.asyncProperty(
  fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 40 }), fc.uniqueArray(fc.integer({ min: 0, max: 39 }), { maxLength: 3 }), fc.integer(), fc.constantFrom(1, 3),
  async (keys, bad, seed, abreast) => {
    let state = seed >>> 0
    const chance = (): number => { state = (Math.imul(state, 1664525) + 1013904223) >>> 0; return state / 2 ** 32 }
    const { delivered, commits, places, parks } = await carried(keys, new Set(bad), chance, abreast), firsts = [...new Set(delivered)]
    const parked = new Map(parks.map(p => [Number(p.message!.id), p.state]))
    for (const key of new Set(keys)) {
      const all = keys.flatMap((k, i) => k === key ? [i] : []), stop = all.findIndex(i => bad.includes(i)), goes = stop < 0 ? all : all.slice(0, stop)
      assert.equal(firsts.filter(i => keys[i] === key), goes, `key ${key}`)
      assert.equal(all.map(i => parked.get(i)), all.map((_, i) => stop < 0 || i < stop ? undefined : i === stop ? 'parked' : 'waiting'), `parked of key ${key}`)
    }
    const settled = new Set<number>()
    for (const unit of commits) {
      for (const p of unit.parks) settled.add(Number(p.message!.id))
      for (const { partition, position } of unit.checkpoints) if (position !== undefined) {
        for (const [i, place] of places.entries()) if (String(place.partition) === partition && place.n <= Number(position)) assert.ok(settled.has(i) || firsts.includes(i), `message ${i} was passed over`)
      }
    }
    for (const p of [0, 1]) { // at the end all is behind them
      const last = Math.max(-1, ...places.filter(x => x.partition === p).map(x => x.n)), reached = Math.max(-1, ...commits.flatMap(u => u.checkpoints.filter(c => c.partition === String(p) && c.position !== undefined).map(c => Number(c.position))))
      assert.is(reached, last)
    }
  },
), { numRuns: 300 }))

test('publishes nothing more until what is out is committed, and tells once what keeps it', async () => {
  const published: string[] = [], lines: [string, string][] = [], settled: [string, boolean][] = []
  let refusal: Failure | undefined = { failure: 'may not remove it', retry: false }
  const r = relay({ name: 'r', channels: [leaving], publish: messages => async () => { published.push(messages.map(m => m.message.id).join()); return E.right(undefined) } }), handler = carrier(r)
  const store = { commit: () => async () => refusal === undefined ? E.right({ marks: [] }) : E.left(refusal) }
  const execute = relaying(r, store, { log: (level, line) => { lines.push([level, line]) } })
  const track: Slot['track'] = { open: [], of: { consumer: handler.name, channel: 'leaving', partition: '0', fence: '1' } }
  const job = (id: string): Job => {
    const slot: Slot = { at: { channel: 'leaving', partition: '0', position: id }, done: false, track }
    track.open.push(slot)
    return { handler, message: { id, source: '', type: 'T', subject: id, time: '', dataschema: '', data: null, correlationid: '' }, key: id, do: 'run', slot, parked: undefined, redrive: undefined, first: false, attempts: 0, losses: 0, broke: 0, asks: undefined, settle: result => { settled.push([id, E.isRight(result)]) } }
  }
  const [a, b, c] = [job('1'), job('2'), job('3')], go = (...jobs: readonly Job[]) => execute(jobs, () => true)
  await go(a)
  await go(b)
  await go(a, b)
  assert.equal([published, settled], [['1'], [['1', false], ['2', false], ['1', false], ['2', false]]])
  assert.equal(lines, [['error', "the relay 'r' cannot commit what it has published, and publishes nothing more until it can: may not remove it"]])
  refusal = undefined
  await go(a, b)
  await go(c)
  assert.equal([published, settled.slice(4)], [['1', '2', '3'], [['1', true], ['2', true], ['3', true]]])
  assert.equal(lines.slice(1), [['info', "the relay 'r' can commit again"]])
})

test.run()

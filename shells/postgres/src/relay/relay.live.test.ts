import { defaults, envelop } from '@lowtide/core'
import { system } from '@lowtide/run'
import { testServer } from '@lowtide/servers'
import { right, until } from '@lowtide/testing'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { postgres } from '../postgres.js'
import { type Place, type RelayingApp, bellChannel, inPlace, options, outside } from './fixture.js'
import { Note, Noted, leaving } from './functions/fixture.js'

const server = await testServer(), at = (test: (place: Place) => Promise<void>) => inPlace(() => server.url, test), patience = 10_000
const test = suite('a relay')
test.after(() => server.stop())

/** Of each key the numbers from `from`, all keys at once. */
const send = (app: RelayingApp, keys: number, from: number, upTo: number) => Promise.all(Array.from({ length: keys }, async (_, k) => { for (let n = from; n < upTo; n++) await right(app.send(Note({ key: `k${k}`, n }))) }))
const numbers = (upTo: number, from = 0): readonly number[] => Array.from({ length: upTo - from }, (_, i) => from + i)
const waiting = async ({ sql }: Place, channel = 'leaving'): Promise<number> => Number((await sql('select count(*)::int as n from lowtide.lowtide_outbox where aggregatetype = $1', [channel]))[0]!['n'])
const emptied = (place: Place, channel?: string) => until('an empty outbox', patience, async () => await waiting(place, channel) === 0)

test('carries what is emitted and what is published, of each key in order, and removes it', at(async place => {
  const out = outside(), app = await place.app({ relays: [out.relay()] })
  await send(app, 10, 0, 20)
  await until('all of it outside', patience, () => out.got.length >= 200)
  await emptied(place)
  for (let k = 0; k < 10; k++) assert.equal(out.of(`k${k}`), numbers(20))
  assert.is(new Set(out.got.map(({ message }) => message.id)).size, 200)
  const { message } = out.got[0]!, [row] = await place.sql(`select message from lowtide.lowtide_log where channel = 'leaving' and message ->> 'id' = $1`, [message.id])
  assert.equal(message, row!['message'], 'the whole envelope')
}))

test('is watched in what it carries, and in what the outside refuses', at(async place => {
  const out = outside(), seen: { readonly by: string | undefined; readonly ids: readonly string[]; readonly failed: string | undefined }[] = []
  let left = 2
  out.answers(() => left-- > 0 ? { failure: 'not now', retry: true } : undefined)
  const app = await place.app({ relays: [out.relay()], observe: { publishing: async (messages, run, by) => { const failed = await run(); seen.push({ by, ids: messages.map(({ message }) => message.id), failed: failed?.failure }) } } })
  await send(app, 2, 0, 5)
  await emptied(place)
  assert.equal(seen.filter(({ failed }) => failed === undefined).flatMap(({ ids }) => ids).sort(), out.got.map(({ message }) => message.id).sort())
  assert.equal([...new Set(seen.map(({ by }) => by))], ['out'])
  assert.is(seen.filter(({ failed }) => failed === 'not now').length, 2)
}))

test('finds what waited before it began, and nothing else: with no relay rows stay', at(async place => {
  const worker = await place.app({ process: 'worker' })
  await send(worker, 3, 0, 5)
  await until('the effects that a policy made of the events', patience, async () => await waiting(place, bellChannel.channel) === 15)
  assert.is(await waiting(place), 15)
  const out = outside(), all = [leaving, bellChannel]
  await place.app({ process: 'relay', relays: [out.relay(all)] })
  await Promise.all([emptied(place), emptied(place, bellChannel.channel)])
  for (const { channel } of all) assert.equal(out.got.filter(e => e.channel === channel && e.message.subject === 'k1').map(e => (e.message.data as { readonly n: number }).n), numbers(5))
  assert.is((await place.sql(`select from lowtide.lowtide_consumers where consumer = 'effect-bell'`)).length, 0, 'nobody performs here what leaves')
}))

test('finds what waited for longer than the outbox keeps what nobody carries', at(async place => {
  const out = outside(), told = { relays: [out.relay()], retention: { every: 100, outbox: 300 } }, worker = await place.app({ ...told, process: 'worker' })
  await send(worker, 3, 0, 5)
  await until('the effects that a policy made of the events', patience, async () => (await place.sql(`select from lowtide.lowtide_log where channel = $1`, [bellChannel.channel])).length === 15)
  await emptied(place, bellChannel.channel) // no relay of this deployment carries them: they are older than asked
  assert.is(await waiting(place), 15)
  await place.app({ ...told, process: 'relay' })
  await emptied(place)
  for (let k = 0; k < 3; k++) assert.equal(out.of(`k${k}`), numbers(5))
}))

test('tries again what the outside cannot take now, for as long as it takes, and keeps the order of each key', at(async place => {
  const out = outside(), app = await place.app({ relays: [out.relay([leaving], 7)] })
  let left = 60
  out.answers(() => left-- > 0 ? { failure: 'not now', retry: true } : undefined)
  await send(app, 5, 0, 20)
  await until('all of it outside', patience, () => out.got.length >= 100)
  await emptied(place)
  for (let k = 0; k < 5; k++) assert.equal(out.of(`k${k}`), numbers(20))
  assert.is((await place.sql('select from lowtide.lowtide_parked')).length, 0)
  assert.ok(out.calls.every(call => call.length <= 7))
}))

test('parks what the outside never takes, alone, and holds its key; redriven, it goes first', at(async place => {
  const out = outside(), app = await place.app({ relays: [out.relay()] })
  let refuses = true
  out.answers(messages => refuses && messages.some(({ message: { subject, data } }) => subject === 'k2' && (data as { readonly n: number }).n === 3) ? { failure: 'never this one', retry: false } : undefined)
  await send(app, 5, 0, 10)
  await until('the others outside', patience, () => out.got.length >= 43)
  await emptied(place)
  const list = await until('the key in the list', patience, async () => { const found = await right(app.parked.list()); return found.length === 7 && found })
  assert.equal(list.map(p => [p.consumer, p.channel, p.key, p.state]), [3, 4, 5, 6, 7, 8, 9].map(n => ['relay-out', 'leaving', 'k2', n === 3 ? 'parked' : 'waiting']))
  assert.match(list[0]!.reason, 'never this one')
  assert.equal([out.of('k2'), out.of('k1')], [numbers(3), numbers(10)])
  refuses = false
  await right(app.parked.redrive(list[0]!.id))
  await until('the key outside', patience, () => out.of('k2').length === 10)
  assert.equal(out.of('k2'), numbers(10))
  await send(app, 5, 10, 11)
  await until('what came later', patience, () => out.got.length >= 55)
  assert.equal(out.of('k2'), numbers(11))
}))

test('lets the key go on behind what is discarded', at(async place => {
  const out = outside(), app = await place.app({ relays: [out.relay()] })
  out.answers(messages => messages.some(({ message }) => (message.data as { readonly n: number }).n === 1) ? { failure: 'never this one', retry: false } : undefined)
  await send(app, 1, 0, 4)
  const [head] = await until('it parked', patience, async () => { const found = await right(app.parked.list()); return found.length === 3 && found })
  await right(app.parked.discard(head!.id))
  await until('the rest outside', patience, () => out.got.length === 3)
  assert.equal(out.of('k0'), [0, 2, 3])
}))

test('has one owner a partition among several, and another goes on when one ends', at(async place => {
  const [a, b] = [outside(), outside()], app = await place.app({ process: 'worker' }), first = await place.app({ process: 'relay', relays: [a.relay()] })
  await place.app({ process: 'relay', relays: [b.relay()] })
  const owners = async (): Promise<number> => new Set((await place.sql(`select owner from lowtide.lowtide_consumers where consumer = 'relay-out'`)).map(row => row['owner'])).size
  await until('two owners', patience, async () => await owners() === 2)
  await send(app, 20, 0, 5)
  await emptied(place)
  assert.ok(a.got.length > 0 && b.got.length > 0)
  assert.is(a.got.length + b.got.length, 100)
  await first.close()
  await send(app, 20, 5, 10)
  await emptied(place)
  for (let k = 0; k < 20; k++) assert.equal([...a.of(`k${k}`), ...b.of(`k${k}`)], numbers(10))
}))

test('does not hold intake back while the outside is away', at(async place => {
  const out = outside(), app = await place.app({ relays: [out.relay()], options: { buffer: 8 } })
  out.answers(() => ({ failure: 'not now', retry: true }))
  await send(app, 10, 0, 10)
  assert.is(await waiting(place), 100)
  out.answers(() => undefined)
  await emptied(place)
  for (let k = 0; k < 10; k++) assert.equal(out.of(`k${k}`), numbers(10))
}))

test('ends at once though the outside is away, and what is under way ends first', at(async place => {
  const out = outside(), app = await place.app({ relays: [out.relay()] }), slow = outside()
  out.answers(() => ({ failure: 'not now', retry: true }))
  await send(app, 5, 0, 10)
  const begun = Date.now()
  await app.close()
  assert.ok(Date.now() - begun < 3_000, `it took ${Date.now() - begun} ms`)
  assert.is(await waiting(place), 50)
  const next = await place.app({ process: 'relay', relays: [slow.relay([leaving], 10, 200)] })
  await until('a call under way', patience, () => slow.calls.length > 0)
  await next.close()
  assert.ok(slow.got.length >= 10)
  assert.is(await waiting(place), 50 - slow.got.length)
}))

test('waits with all of a unit: what did not commit never left, and what was published twice leaves twice', at(async place => {
  const { store, transport, close } = await right(postgres({ url: place.url, outbox: [leaving] }).open({ tables: [], channels: [leaving], consumers: [], everywhere: [], runtime: system, options: { ...defaults, ...options } }))
  const message = await right(async () => envelop(Noted, { key: 'k', n: 1 }, { id: 'm1', source: 'test', time: '2024-05-01T00:00:00.000Z', correlationid: 'm1', actor: 'ann "a" \\' })), emits = [{ channel: 'leaving', message }]
  const unit = { checks: [], writes: [], emits, marks: [{ consumer: 'x', id: 'm1', body: '', time: message.time }], parks: [], unparks: [], checkpoints: [] }
  await right(store.commit(unit))
  const again = await right(store.commit(unit))
  assert.ok(again.conflict, 'the mark stands')
  assert.is(await waiting(place), 1)
  await right(transport.publish(emits))
  assert.is(await waiting(place), 2)
  await close()
}))

test.run()

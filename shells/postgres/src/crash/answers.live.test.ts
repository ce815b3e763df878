import { testServer } from '@lowtide/servers'
import { until } from '@lowtide/testing'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Answer, type Place, expected, inPlace, seized, settles, written } from './fixture.js'
import { Burn, Note, Shelve } from './functions/fixture.js'

const server = await testServer(), at = (test: (place: Place) => Promise<void>) => inPlace(() => server.url, test), patience = 15_000
const test = suite('the answer of a commit')
test.after(() => server.stop())

const verdict = (a: Answer): string => a._tag === 'Left' ? a.left.notHandled : a.right.rejection?.code ?? 'accepted'
const journaled = (place: Place, list: string, n: number) => until('the journal', patience, async () => (await written(place, list)).journaled === n)

test('that is lost: the same id again has the outcome that stands', at(async place => {
  const way = await place.proxy(), app = await place.app({ url: way.url }), other = await place.app()
  const caught = seized(way, settles(''), 'unanswered'), first = app.send(Note({ list: 'l', item: 'a' }), { id: 'same' })()
  await caught
  await way.close() // the line breaks: all stands, and nobody here knows
  const broken = await first
  assert.is(verdict(broken), 'unavailable')
  const [again, once] = [await other.send(Note({ list: 'l', item: 'a' }), { id: 'same' })(), await other.send(Note({ list: 'l', item: 'a' }), { id: 'same' })()]
  assert.is(verdict(again), 'accepted')
  assert.equal(once, again)
  await journaled(place, 'l', 1)
  assert.equal(await written(place, 'l'), expected('a'))
}))

test('that is lost while the process lives: its event is handled once', at(async place => {
  const way = await place.proxy(), app = await place.app({ url: way.url }), caught = seized(way, settles('journal'), 'unanswered')
  const sent = app.send(Note({ list: 'l', item: 'a' }))()
  const { pid } = await caught
  assert.is(verdict(await sent), 'accepted')
  await place.sql('select pg_terminate_backend($1)', [pid])
  assert.is(verdict(await app.send(Note({ list: 'l', item: 'b' }))()), 'accepted')
  await journaled(place, 'l', 2)
  assert.equal(await written(place, 'l'), expected('a', 'b'))
  assert.is((await place.sql('select from lowtide.lowtide_parked')).length, 0)
}))

test('is no commit where a deferred constraint fails with it: nothing stands, and the rejection names the constraint', at(async place => {
  const app = await place.app(), send = async (draft: Parameters<typeof app.send>[0], id: string) => app.send(draft, { id })()
  assert.equal([verdict(await send(Shelve({ id: 'board' }), '1')), verdict(await send(Shelve({ id: 'book', on: 'board' }), '2'))], ['accepted', 'accepted'])
  const burnt = await send(Burn({ id: 'board' }), '3')
  assert.is(verdict(burnt), 'constraint')
  assert.equal((await place.sql('select id from lowtide.shelf order by id')).map(row => row['id']), ['board', 'book'])
  assert.is((await place.sql(`select from lowtide.lowtide_log where message ->> 'causationid' = '3' or message ->> 'type' = 'Burnt'`)).length, 0)
  assert.equal(await send(Burn({ id: 'board' }), '3'), burnt, 'a rejection is an outcome too')
  assert.equal([verdict(await send(Burn({ id: 'book' }), '4')), verdict(await send(Burn({ id: 'board' }), '5'))], ['accepted', 'accepted'])
}))

test('is no commit where a row that refers to it appears in its last moment', at(async place => {
  const way = await place.proxy(), app = await place.app({ url: way.url })
  assert.is(verdict(await app.send(Shelve({ id: 'board' }))()), 'accepted')
  const caught = seized(way, flight => flight.some(({ text }) => /delete from \S+"shelf"/.test(text)), { upTo: 3 }), burning = app.send(Burn({ id: 'board' }), { id: 'burn' })()
  const { release } = await caught // its checks and marks are behind it, its delete is not
  await place.sql(`insert into lowtide.shelf (id, "on", lowtide_version) values ('book', 'board', 1)`)
  release()
  assert.is(verdict(await burning), 'constraint')
  assert.is((await place.sql('select from lowtide.shelf')).length, 2)
  assert.is((await place.sql(`select from lowtide.lowtide_log where message ->> 'type' = 'Burnt'`)).length, 0)
}))

test('is one where two processes have the same command at once', at(async place => {
  const children = await Promise.all([place.child({}), place.child({})]), rounds = 20
  for (let n = 0; n < rounds; n++) {
    const [one, other] = await Promise.all(children.map(c => c.send(Note({ list: 'l', item: `i${String(n).padStart(2, '0')}` }), { id: `same-${n}` }))) as [Answer, Answer]
    assert.is(verdict(one), 'accepted')
    assert.equal(other, one)
  }
  await journaled(place, 'l', rounds)
  assert.equal(await written(place, 'l'), expected(...Array.from({ length: rounds }, (_, n) => `i${String(n).padStart(2, '0')}`)))
}))

test.run()

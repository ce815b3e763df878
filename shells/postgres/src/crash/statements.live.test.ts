import { type Flight, testServer } from '@lowtide/servers'
import { right, until } from '@lowtide/testing'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Place, inPlace, settles } from './fixture.js'
import { postgres } from '../postgres.js'
import { Note } from './functions/fixture.js'

const abreast = postgres({ url: '' }).abreast!, server = await testServer(), at = (test: (place: Place) => Promise<void>) => inPlace(() => server.url, test), patience = 15_000
const test = suite('the statements of a unit')
test.after(() => server.stop())

test('are as many for 1, 10 and 200 commands of the same kinds', at(async place => {
  const flights: Flight[] = [], way = await place.proxy(flight => { flights.push(flight) }), app = await place.app({ url: way.url })
  const sizes: (readonly number[])[] = []
  for (const many of [1, 10, 200]) {
    for (const item of ['a', 'b']) { // the second one changes, adds, removes and inserts
      flights.length = 0
      const sent = Array.from({ length: many }, (_, i) => app.send(Note({ list: `${many}-${i}`, item })))
      await Promise.all(sent.map(right))
      const units = flights.filter(settles('')), marks = units.map(flight => flight.find(({ text }) => /insert into \S+lowtide_inbox\b/.test(text))!.params[1]!.split(',').length)
      assert.is(marks.reduce((a, b) => a + b, 0), many, 'each command once')
      assert.ok(units.length <= abreast, `${many} commands in ${units.length} units`)
      if (item === 'b') sizes.push([many, ...new Set(units.map(flight => flight.length))])
      await until('the journals', patience, async () => Number((await place.sql(`select count(*)::int as n from lowtide.lowtide_log where channel = 'journal-events' and message #>> '{data,list}' like $1 || '-%'`, [String(many)]))[0]!['n']) === many * (item === 'a' ? 1 : 2))
    }
  }
  assert.equal(sizes, [[1, 9], [10, 9], [200, 9]])
}))

test.run()

import { testServer } from '@lowtide/servers'
import { until } from '@lowtide/testing'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Place, expected, inPlace, written } from './fixture.js'
import { Note } from './functions/fixture.js'

const server = await testServer(), at = (test: (place: Place) => Promise<void>) => inPlace(() => server.url, test), patience = 15_000, many = 100, bad = 42
const test = suite('poison in a batch of 100')
test.after(() => server.stop())

test('is answered failed alone where it is a command', at(async place => {
  const app = await place.app(), answers = await Promise.all(Array.from({ length: many }, (_, i) => app.send(Note({ list: `l${i}`, item: 'a', ...(i === bad && { poison: true }) }))()))
  assert.equal(answers.flatMap((a, i) => a._tag === 'Left' ? [[i, a.left.notHandled]] : []), [[bad, 'failed']])
  await until('the neighbours', patience, async () => (await place.sql('select from lowtide.journals')).length === many - 1)
  assert.is((await place.sql('select from lowtide.lists')).length, many - 1)
  assert.equal((await place.sql('select state from lowtide.lowtide_parked')).map(row => row['state']), ['failed'])
}))

test('is parked alone where it is an event: its key waits, neighbours of its partition commit', at(async place => {
  const app = await place.app(), send = (list: string, item: string) => app.send(Note({ list, item }))()
  await Promise.all(Array.from({ length: many }, (_, i) => send(`l${i}`, i === bad ? 'poison' : 'a')))
  await until('the poison on the list', patience, async () => (await place.sql(`select from lowtide.lowtide_parked where state = 'parked'`)).length === 1)
  await send(`l${bad}`, 'behind')
  await send('l0', 'b')
  await until('the neighbours', patience, async () => (await place.sql('select from lowtide.journals')).length === many - 1 && (await written(place, 'l0')).journaled === 2)
  await until('what waits', patience, async () => (await place.sql('select from lowtide.lowtide_parked')).length === 2)
  assert.equal((await place.sql('select state, key from lowtide.lowtide_parked order by seq')).map(row => [row['state'], row['key']]), [['parked', `l${bad}`], ['waiting', `l${bad}`]])
  assert.equal(await written(place, 'l0'), expected('a', 'b'))
}))

test.run()

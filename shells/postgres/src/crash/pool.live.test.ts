import { testServer } from '@lowtide/servers'
import { until } from '@lowtide/testing'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Place, inPlace } from './fixture.js'
import { Note, list } from './functions/fixture.js'

const server = await testServer(), at = (test: (place: Place) => Promise<void>) => inPlace(() => server.url, test), patience = 30_000, callers = 300
const test = suite('a pool that is too small')
test.after(() => server.stop())

for (const connections of [1, 2]) test(`makes ${callers} callers and their queries wait, on ${connections} of ${callers}, and fails none`, at(async place => {
  const app = await place.app({ connections }), front = await place.app({ process: 'front', connections }), tags = (answers: readonly { readonly _tag: string }[]) => [...new Set(answers.map(a => a._tag))]
  const straight = Array.from({ length: callers }, (_, i) => app.send(Note({ list: `l${i % 50}`, item: `s${i}` }))()), published = Array.from({ length: callers }, (_, i) => front.send(Note({ list: `l${i % 50}`, item: `p${i}` }))())
  const asked = Array.from({ length: callers }, (_, i) => app.query(list, { list: `l${i % 50}` })())
  const most = place.sql(`select count(*)::int as n from pg_stat_activity where application_name = 'lowtide' and datname = current_database()`)
  assert.equal([tags(await Promise.all(straight)), tags(await Promise.all(published)), tags(await Promise.all(asked))], [['Right'], ['Right'], ['Right']])
  assert.ok(Number((await most)[0]!['n']) <= 2 * (connections + 2))
  await until('the journals', patience, async () => Number((await place.sql('select coalesce(sum(json_array_length(items::json)), 0)::int as n from lowtide.journals'))[0]!['n']) === 2 * callers)
  assert.is(Number((await place.sql('select sum(n)::int as n from lowtide.tallies'))[0]!['n']), 2 * callers)
  assert.is((await place.sql('select from lowtide.lowtide_parked')).length, 0)
}))

test.run()

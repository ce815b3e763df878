import { type Flight, type Proxy, proxy, testServer } from '@lowtide/servers'
import { right, until } from '@lowtide/testing'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Place, compared, inPlace, marked, projected, waiting } from './fixture.js'
import { Add, summing } from './functions/fixture.js'

const test = suite('a rebuild beside a message that is parked')
const server = await testServer()
test.after(() => server.stop())
type App = Awaited<ReturnType<Place['app']>>
const inDatabase = (run: (place: Place, app: App, send: (...ns: readonly number[]) => Promise<void>, way: Proxy) => Promise<void>) => inPlace(() => server.url, async place => {
  const app = await place.app('adder'), way = await proxy(place.url)
  try {
    await run(place, app, async (...ns) => { for (const n of ns) await right(app.send(Add({ key: 'a', n, entry: `a${n}` }), { wait: 'handled' })) }, way)
  } finally { await way.close() }
})
/** A unit that parks, behind whose first statement stand its locks. */
const parks = (flight: Flight): boolean => flight.some(({ text }) => /insert into \S+lowtide_parked\b/.test(text))
const states = async ({ sql }: Place): Promise<unknown> => (await sql('select message #>> $1 as entry, state from lowtide.lowtide_parked order by seq', ['{data,entry}'])).map(row => [row['entry'], row['state']])
/** A lock of a unit or of a rebuild that somebody waits for: a projector that has what it wants asks for no other. */
const somebodyWaits = (place: Place, what: string): Promise<unknown> => until(what, 20_000, async () => (await place.sql(`select from pg_locks where not granted and locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())`)).length > 0)
/** Nothing waits, all that the log tells is in the rows once, and the key goes on. */
const goesOn = async (place: Place, send: (n: number) => Promise<void>, n: number): Promise<void> => {
  await until('nothing to be parked', 20_000, async () => (await place.sql('select from lowtide.lowtide_parked')).length === 0).catch(async (e: unknown) => { throw new Error(`${String(e)}: ${JSON.stringify(await states(place))}`) })
  await send(n)
  await projected(place)
  assert.equal(await states(place), [])
  for (const [table, [rows, log]] of Object.entries(await compared(place))) assert.equal(rows, log, table)
}

test('that comes first takes it in: it then finds itself done', inDatabase(async (place, app, send, way) => {
  await place.child('projector', { POISON: 'a2', RETRIES: '1' }, way.url)
  await send(1)
  await projected(place)
  const caught = way.seize(parks, { upTo: 1 })
  await send(2)
  const { release } = await caught, rebuilding = right(app.rebuild(summing)) // tried for the last time; the partition is its own until it is parked
  await somebodyWaits(place, 'the rebuild to wait for the partition')
  release()
  assert.is(await rebuilding, 2)
  assert.equal(await marked(place), ['a2'])
  await goesOn(place, send, 3)
}))

test('that comes behind it lets nothing be parked: who would do that has lost the partition', inDatabase(async (place, app, send) => {
  await place.child('projector', { POISON: 'a2', RETRIES: '1' })
  await send(1)
  await projected(place)
  const release = await place.holding('lock table lowtide.sums in row exclusive mode'), rebuilding = right(app.rebuild(summing))
  await waiting(place, 'sums') // and has the partitions
  await send(2)
  await somebodyWaits(place, 'the unit that parks to wait for the partition')
  await release()
  assert.is(await rebuilding, 2)
  await goesOn(place, send, 3)
  assert.equal(await marked(place), [], 'the place tells')
}))

test('again, after somebody asked for it to run once more, leaves nothing parked that is in the rows', inDatabase(async (place, app, send, way) => {
  await place.child('projector', { POISON: 'a2' }, way.url)
  await send(1, 2, 3)
  await until('two messages to be parked', 20_000, async () => (await right(app.parked.list())).length === 2)
  const caught = way.seize(parks, 'held')
  await right(app.parked.redrive((await right(app.parked.list()))[0]!.id))
  const { release } = await caught // it has failed again, and is about to be parked again
  assert.is(await right(app.rebuild(summing)), 3)
  release()
  await goesOn(place, send, 4)
}))

test.run()

// time limit: 170 s
import { testServer } from '@lowtide/servers'
import { left, right, until } from '@lowtide/testing'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Place, aged, compared, copies, inPlace, projected, removed, retained, waiting } from './fixture.js'
import { Add, summing } from './functions/fixture.js'

process.env['LOCK'] = '9000' // milliseconds for which a page waits that is held up here
const test = suite('a rebuild beside others')
const server = await testServer()
test.after(() => server.stop())
const inDatabase = (run: (place: Place) => Promise<void>) => inPlace(() => server.url, run)
const same = async (place: Place): Promise<void> => { for (const [table, [rows, log]] of Object.entries(await compared(place))) assert.equal(rows, log, table) }
/** One that has read two pages, and waits with the first of them, of many more events than these; all of them are old, and every consumer has passed them. */
const reads = async (place: Place) => {
  const app = await place.app()
  await Promise.all(Array.from({ length: 16 }, async (_, k) => { for (let n = 1; n <= 400; n++) await right(app.send(Add({ key: `k${k}`, n, entry: `${k}/${n}` }))) }))
  await projected(place)
  await aged(place)
  const log = await place.holding('lock table lowtide.lowtide_log in access exclusive mode'), rebuilding = app.rebuild(summing)()
  const name = await until('a copy', 10_000, async () => (await place.sql(`select relname as name from pg_class where relkind = 'r' and relname like 'lowtide\\_copy\\_%\\_0'`))[0]?.['name'] as string | undefined)
  const goOn = await place.holding(`lock table lowtide.${name} in exclusive mode`)
  await log()
  await waiting(place, name)
  return { rebuilding, goOn }
}

test('keeps the events that it has to read from retention, which says so; they go when it is over', inDatabase(async place => {
  const { rebuilding, goOn } = await reads(place), { text } = await retained(place.url), line = /^events are kept, for a rebuild reads them all \(pid (\d+)\): they go when it has ended, or end it: select pg_terminate_backend\(\1\)$/m
  assert.match(text, line)
  assert.match(text, /^events +0$/m)
  assert.match((await retained(place.url, 'status')).text, line)
  await goOn()
  assert.is((await rebuilding)._tag, 'Right')
  await same(place)
  assert.is(await removed(place.url), 6_400)
  assert.not.match((await retained(place.url, 'status')).text, line)
}))

test('is refused at its end where events were removed meanwhile all the same, and the old rows serve on', inDatabase(async place => {
  const { rebuilding, goOn } = await reads(place), before = (await compared(place)).sums[0]
  await place.sql(/select pg_terminate_backend\(\d+\)/.exec((await retained(place.url)).text)![0]) // what it asks of retention holds no longer than its connection
  await until('the connection to end', 10_000, async () => !(await retained(place.url, 'status')).text.includes('events are kept'))
  assert.is(await removed(place.url), 6_400)
  await goOn()
  assert.match((await left(() => rebuilding)).message, /^\[postgres\] cannot put the rebuilt tables in place: expected that the log keeps its events while they are read, found that retention has removed 6400 of them meanwhile, .* run it again with --partial/)
  assert.equal([(await compared(place)).sums[0], await copies(place)], [before, 0])
}))

test('of what is left leaves parked whose event is gone: no row has it, so its redrive writes it', inDatabase(async place => {
  const front = await place.app('front'), worker = await place.child('worker', { POISON: 'a1' }), parked = async (): Promise<unknown> => (await place.sql(`select message #>> '{data,entry}' as entry, state from lowtide.lowtide_parked order by seq`)).map(row => [row['entry'], row['state']])
  for (const [key, n] of [['a', 1], ['b', 1]] as const) await right(front.send(Add({ key, n, entry: `${key}${n}` }), { wait: 'handled' }))
  await until('it to be parked', 15_000, async () => (await place.sql('select from lowtide.lowtide_parked')).length === 1)
  await projected(place)
  await aged(place)
  await retained(place.url)
  assert.equal(await place.sql(`select from lowtide.lowtide_log where channel = 'sum-events'`), [], 'its checkpoint has passed the event')
  for (const n of [2, 3]) await right(front.send(Add({ key: 'a', n, entry: `a${n}` }), { wait: 'handled' }))
  await until('two more to wait', 15_000, async () => (await place.sql('select from lowtide.lowtide_parked')).length === 3)
  await worker.kill()
  assert.is(await right(front.rebuild(summing, { partial: true })), 2)
  assert.equal(await parked(), [['a1', 'parked'], ['a2', 'waiting'], ['a3', 'waiting']])
  assert.equal((await place.sql('select entry from lowtide.entries order by entry')).map(row => row['entry']), ['a2', 'a3'])
  await place.child('worker')
  await right(front.parked.redrive((await right(front.parked.list()))[0]!.id))
  await until('nothing to be parked', 15_000, async () => (await parked() as readonly unknown[]).length === 0)
  assert.equal((await place.sql('select entry from lowtide.entries order by entry')).map(row => row['entry']), ['a1', 'a2', 'a3'])
}))

test('goes on trying while a transaction holds one of its tables, reads what comes meanwhile, and can be interrupted', inDatabase(async place => {
  const app = await place.app(), release = await place.holding(`update lowtide.entries set key = key`), waits = new AbortController(), read = { n: 0 }
  for (const n of [1, 2]) await right(app.send(Add({ key: 'a', n, entry: `a${n}` }), { wait: 'projected' }))
  const rebuilding = app.rebuild(summing, { progress: () => { read.n++ } })()
  await waiting(place, 'entries')
  await until('the end of a try', 10_000, async () => (await place.sql(`select from pg_locks where not granted and relation = 'lowtide.entries'::regclass`)).length === 0)
  const sent = performance.now()
  await right(app.send(Add({ key: 'a', n: 3, entry: 'a3' }), { wait: 'projected' }))
  assert.ok(performance.now() - sent < 1_500, `the projector waited ${performance.now() - sent} ms`)
  read.n = 0
  await until('many looks', 30_000, async () => read.n > 40) // 10 s
  await release()
  assert.equal(await rebuilding, { _tag: 'Right', right: 3 })
  await same(place)
  read.n = 0
  const again = await place.holding(`update lowtide.entries set key = key`), interrupted = app.rebuild(summing, { signal: waits.signal, progress: () => { read.n++ } })()
  await until('several looks', 20_000, async () => read.n > 4)
  waits.abort()
  assert.match((await left(() => interrupted)).message, 'was interrupted; the old rows serve on')
  assert.is(await copies(place), 0)
  await again()
}))

test.run()

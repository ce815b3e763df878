// time limit: 180 s
import { testServer } from '@lowtide/servers'
import { left, right, until } from '@lowtide/testing'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Place, compared, copies, inPlace, projected, status, waiting, writing } from './fixture.js'
import { Add, add, summing } from './functions/fixture.js'

const test = suite('a rebuild')
const server = await testServer()
test.after(() => server.stop())
const inDatabase = (run: (place: Place) => Promise<void>) => inPlace(() => server.url, run)
const same = async (place: Place): Promise<void> => { for (const [table, [rows, log]] of Object.entries(await compared(place))) assert.equal(rows, log, table) }
/** Rows that no log tells of. */
const spoil = async ({ sql }: Place): Promise<void> => {
  await sql(`update lowtide.sums set n = n + 1000000 where key = (select min(key) from lowtide.sums)`)
  await sql(`insert into lowtide.entries (entry, key, lowtide_version) values ('ghost', 'nobody', 1)`)
}

test('killed at any point leaves the rows as they are and nothing in the way, while two processes write; one that ends has every event once', inDatabase(async place => {
  const app = await place.app('front')
  await place.child('worker')
  await place.child('worker')
  const writers = writing(app, 6)
  await until('some events', 30_000, async () => Number((await place.sql(`select count(*) as n from lowtide.lowtide_log where channel = 'sum-events'`))[0]!['n']) > 300)

  for (const at of ['1', '150', '290']) assert.is(await (await place.child('summing', { DIE_AT: at })).ended(), 'SIGKILL', `at event ${at}`)
  assert.ok(await copies(place) > 0, 'a killed rebuild leaves its copies')
  await until('the server to know that it is gone', 10_000, async () => !/lowtide_copy_.* runs$/m.test(await status(place)))
  assert.match(await status(place), /^Rebuilds\ntable +copy +since +state\n-[- ]+\n(entries|sums) +lowtide_copy_\w+ +\d{4}-\S+ +was ended\n[^]*^! 'lowtide_copy_\w+' is left of a rebuild that was ended, and in nobody's way: the next rebuild removes it, or run: drop table "lowtide"\."lowtide_copy_\w+"$/m)
  for (const [table, lock] of [['sums', 'lock table lowtide.sums in row exclusive mode'], ['lowtide_parked', 'lock table lowtide.lowtide_parked in share mode']] as const) { // before its tables are its own, and when all is written but not committed: the server may still commit what was sent whole
    const release = await place.holding(lock), rebuilding = await place.child('summing')
    await waiting(place, table)
    await rebuilding.kill()
    await release()
    await until('its connection to end', 20_000, async () => (await place.sql(`select from pg_locks where locktype = 'relation' and relation = 'lowtide.sums'::regclass and mode = 'ExclusiveLock'`)).length === 0)
  }
  await spoil(place)
  for (const what of ['summing', 'add', 'summing'] as const) {
    const rebuilding = await place.child(what)
    assert.is(await rebuilding.ended(), 0)
    assert.type(rebuilding.done(), 'number', String(rebuilding.done()))
  }
  const sent = await writers.stop()
  await projected(place)
  assert.ok(Math.min(...sent) > 20, `each key was written to meanwhile: ${sent}`)
  await same(place)
  assert.is(await copies(place), 0)
  const [{ marks, events }] = await place.sql(`select (select count(*)::int from lowtide.lowtide_inbox where consumer = 'summing') as marks, (select count(*)::int from lowtide.lowtide_log where channel = 'sum-events') as events`) as [{ marks: number; events: number }]
  assert.ok(marks < events / 20, `checkpoints tell, and not ${marks} marks of ${events} events`) // a unit that waited for the tables in vain, and commits behind a gap, rightly leaves one
}))

test('of tables that are being rebuilt is refused, and says by whom; of others it is not', inDatabase(async place => {
  const app = await place.app()
  for (const n of [1, 2, 3]) await right(app.send(Add({ key: 'a', n, entry: `a${n}` }), { wait: 'projected' }))
  const release = await place.holding('lock table lowtide.sums in row exclusive mode'), first = await place.child('summing')
  await waiting(place, 'sums')
  assert.match(await status(place), /^sums +lowtide_copy_\w+ +\d{4}-\S+ +runs$/m)
  const { message } = await left(app.rebuild(summing))
  assert.match(message, /^\[postgres\] cannot rebuild 'sums', 'entries': expected that nobody rebuilds the same tables, found one who does, since .*; wait for it, or end it: select pg_terminate_backend\(\d+\)$/)
  assert.is(await right(app.rebuild(add)), 3)
  await place.sql(/select pg_terminate_backend\(\d+\)/.exec(message)![0])
  assert.is(await first.ended(), 0)
  assert.match(String(first.done()), 'its connection to the server broke')
  await release()
  await spoil(place)
  assert.is(await right(app.rebuild(summing)), 3)
  await same(place)
}))

test('that cannot write an event says which, takes its copies with it, and the old rows serve on', inDatabase(async place => {
  const app = await place.app()
  for (const n of [1, 2, 3]) await right(app.send(Add({ key: 'a', n, entry: `a${n}` }), { wait: 'projected' }))
  const broken = await place.child('summing', { POISON: 'a2' })
  assert.is(await broken.ended(), 0)
  assert.match(String(broken.done()), /^rebuilding sums, entries stopped: 'summing' cannot write 'Added' [0-9a-f-]+ \(key 'a', sum-events\/\d\/\d+\.\d+\): .*this entry has no place/)
  assert.is(await copies(place), 0)
  await same(place)
}))

test('takes in what is parked: it then finds itself done, and its key goes on', inDatabase(async place => {
  const front = await place.app('front'), worker = await place.child('worker', { POISON: 'a2' })
  for (const n of [1, 2, 3]) await right(front.send(Add({ key: 'a', n, entry: `a${n}` }), { wait: 'handled' }))
  await until('two messages to be parked', 20_000, async () => (await right(front.parked.list())).length === 2)
  await worker.kill()
  await place.child('worker')
  assert.is(await right(front.rebuild(summing)), 3)
  await until('nothing to be parked', 20_000, async () => (await right(front.parked.list())).length === 0)
  await right(front.send(Add({ key: 'a', n: 4, entry: 'a4' }), { wait: 'handled' }))
  await projected(place)
  await same(place)
}))

test('marks what is parked under an id as the log counts them, else it would be taken for old', inDatabase(async place => {
  await place.sql(`update lowtide.lowtide_meta set value = '1000000' where key = 'shift'`)
  const front = await place.app('adder'), projector = await place.child('projector', { POISON: 'a2' })
  for (const n of [1, 2, 3]) await right(front.send(Add({ key: 'a', n, entry: `a${n}` }), { wait: 'handled' }))
  await until('two messages to be parked', 20_000, async () => (await right(front.parked.list())).length === 2)
  await projector.kill()
  assert.is(await right(front.rebuild(summing)), 3)
  assert.equal(await place.sql(`select count(*)::int as n, count(*) filter (where tx > 1000000)::int as young from lowtide.lowtide_inbox where consumer = 'summing'`), [{ n: 2, young: 2 }])
}))

test('takes in what a process has not read yet of a key that is held there: its partitions begin anew behind it', inDatabase(async place => {
  const app = await place.app('adder'), projector = await place.child('projector', { POISON: 'a2', LEASE: '20000' })
  const send = async (...ns: readonly number[]): Promise<void> => { for (const n of ns) await right(app.send(Add({ key: 'a', n, entry: `a${n}` }), { wait: 'handled' })) }
  await send(1, 2, 3)
  await until('two messages to be parked', 20_000, async () => (await right(app.parked.list())).length === 2)
  projector.halt()
  await send(4, 5)
  const fences = async (): Promise<unknown> => place.sql(`select distinct c.owner, c.fence from lowtide.lowtide_consumers c join lowtide.lowtide_log l using (channel, partition) where consumer = 'summing'`), before = await fences()
  assert.is(await right(app.rebuild(summing)), 5)
  await same(place)
  assert.not.equal(await fences(), before)
  projector.goOn()
  await send(6)
  await until('nothing to be parked', 20_000, async () => (await right(app.parked.list())).length === 0)
  await projected(place)
  await same(place)
}))

test('is refused where retention has removed events, unless it is asked for what is left', inDatabase(async place => {
  const app = await place.app()
  for (const key of ['a', 'b']) await right(app.send(Add({ key, n: 1, entry: key }), { wait: 'projected' }))
  await place.sql(`delete from lowtide.lowtide_log where message #>> '{data,key}' = 'a'`)
  await place.sql(`update lowtide.lowtide_retention set total = 2 where kind = 'events'`)
  const { notHandled, message } = await left(app.rebuild(summing))
  assert.is(notHandled, 'invalid')
  assert.is(message, 'cannot rebuild sums, entries: expected that the log holds all events, found that retention has removed 2 of them, and what is in the rows of these alone would be gone; the old rows serve on; to make the rows anew from what is left, add --partial, or call app.rebuild(handler, { partial: true })')
  const keys = async (): Promise<unknown> => (await place.sql('select key from lowtide.sums order by key')).map(row => row['key'])
  assert.equal([await keys(), await copies(place)], [['a', 'b'], 0])
  assert.is(await right(app.rebuild(summing, { partial: true })), 1)
  assert.equal([await keys(), await copies(place)], [['b'], 0])
}))

test('tells how far it is, and can be interrupted', inDatabase(async place => {
  const app = await place.app(), told: unknown[] = []
  for (const n of [1, 2, 3]) await right(app.send(Add({ key: 'a', n, entry: `a${n}` }), { wait: 'projected' }))
  assert.is(await right(app.rebuild(summing, { progress: ({ events }) => told.push(events) })), 3)
  assert.ok(told.includes(3), String(told))
  assert.match((await left(app.rebuild(summing, { signal: AbortSignal.abort() }))).message, 'was interrupted; the old rows serve on')
  assert.is(await copies(place), 0)
  await same(place)
}))

test('changes no row that comes out as it was, and lets others read meanwhile', inDatabase(async place => {
  const app = await place.app()
  for (const key of ['a', 'b']) await right(app.send(Add({ key, n: 1, entry: key }), { wait: 'projected' }))
  const versions = () => place.sql('select key, lowtide_version, xmin::text from lowtide.sums order by key'), before = await versions()
  await place.sql(`update lowtide.sums set n = 7 where key = 'b'`)
  const release = await place.holding('lock table lowtide.lowtide_parked in share mode'), rebuilding = right(app.rebuild(summing))
  await waiting(place, 'lowtide_parked')
  assert.equal(await place.sql('select n::int from lowtide.sums order by key'), [{ n: 1 }, { n: 7 }], 'the old rows serve until the new ones stand')
  await release()
  assert.is(await rebuilding, 2)
  const after = await versions()
  assert.equal(after[0], before[0])
  assert.not.equal(after[1], before[1])
  await same(place)
}))

test.run()

// time limit: 180 s
import { testServer } from '@lowtide/servers'
import { left, right, until } from '@lowtide/testing'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Place, aged, compared, copies, inPlace, projected, removed, retained, status, waiting, writing } from './fixture.js'
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
  assert.is(await removed(place.url), 2, 'its checkpoint has passed the event')
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

test('goes on trying while a transaction holds one of its tables, reads what comes meanwhile, says who it is, and can be interrupted', inDatabase(async place => {
  const app = await place.app(), release = await place.holding(`update lowtide.entries set key = key`), waits = new AbortController(), read = { n: 0 }
  for (const n of [1, 2]) await right(app.send(Add({ key: 'a', n, entry: `a${n}` }), { wait: 'projected' }))
  const rebuilding = app.rebuild(summing, { progress: () => { read.n++ } })(), tried = async (): Promise<unknown> => until('a try', 10_000, async () => (await place.sql(`select from pg_locks where not granted and mode = 'ExclusiveLock'`)).length > 0)
  await tried()
  await until('its end', 10_000, async () => (await place.sql(`select from pg_locks where not granted and mode = 'ExclusiveLock'`)).length === 0)
  const sent = performance.now()
  await right(app.send(Add({ key: 'a', n: 3, entry: 'a3' }), { wait: 'projected' }))
  assert.ok(performance.now() - sent < 1_500, `the projector waited ${performance.now() - sent} ms`)
  read.n = 0
  await until('many looks', 30_000, async () => read.n > 40) // 10 s
  await release()
  assert.equal(await rebuilding, { _tag: 'Right', right: 3 })
  await same(place)
  const again = await place.holding(`update lowtide.entries set key = key`), interrupted = app.rebuild(summing, { signal: waits.signal, progress: () => { read.n++ } })()
  await until('several looks', 20_000, async () => read.n > 4)
  waits.abort()
  assert.match((await left(() => interrupted)).message, 'was interrupted; the old rows serve on')
  assert.is(await copies(place), 0)
  await again()
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

import { right } from '@lowtide/testing'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { stop } from '../schema/fixture.js'
import { at, commands, events, inOld, leaving, marks, options, passed, plan } from './fixture.js'
import { keptFor } from './terms.js'
import { migrate } from '../schema/migrate.js'

test.after(stop)

const day = 24 * 3_600_000, now = { due: 0 }

test('outcomes and marks go after dedupWindow and its margin, and none before', inOld(async ({ of, sql, count }) => {
  for (const days of [0, 6, 7, 8, 9, 30]) await sql(`${commands(days, 5)}; ${marks('view', days, 3)}`)
  assert.ok(keptFor(options) > 7 * day && keptFor(options) < 8 * day) // those of 8 days are between the samples of 7.7 and 8
  const { counts } = await of().count()
  const { ran, whole, removed, held } = await of().run(now)
  assert.equal([ran, whole, held], [true, true, []])
  assert.equal(removed, { outcomes: 10, marks: 6, outbox: 0, events: 0, failed: 0 })
  assert.equal(counts, removed)
  assert.equal((await sql('select distinct tx::int from lowtide.lowtide_inbox order by 1')).map(row => row['tx']), [8, 7, 6, 0].map(at))
  assert.equal((await of().run(now)).removed, { ...removed, outcomes: 0, marks: 0 })
  assert.is(await count('lowtide_log'), 0)
}))

test('what is written now is young, whatever time its message carries', inOld(async ({ of, sql, count }) => {
  await sql(commands(0).replace(String(at(0)), `pg_current_xact_id()::text::bigint + 1000000`).replace('now()', `'1970-01-01'`)) // redriven, or the clock of its sender stood still
  assert.equal((await of().run(now)).removed.outcomes, 0)
  assert.is(await count('lowtide_inbox'), 1)
}))

test('no age is noted before another one: where the clock goes back, nothing gets older', inOld(async ({ of, sql, count }) => {
  await sql(`insert into lowtide.lowtide_ages (time, tx) values (now() + interval '1 year', ${at(0)}); ${commands(0)}; ${commands(30)}`)
  const ages = await count('lowtide_ages where time > now() - interval \'1 day\'')
  assert.is((await of().run(now)).removed.outcomes, 1)
  assert.is(await count('lowtide_ages where time > now() - interval \'1 day\''), ages)
}))

test('marks stay as long as their consumer has old messages before it', inOld(async ({ of, sql, count }) => {
  // the first event is tried again and again, the second one is done: its mark alone tells
  await sql(`${events('news', 0, 20, 2)}; ${passed('view', 'news', 0, 20, 0)}; ${marks('view', 20)}; ${marks('other', 20)}; ${commands(20)}`)
  const first = await of().run(now)
  assert.equal([first.removed.marks, first.removed.outcomes, first.held], [1, 1, ['view']])
  assert.is(await count(`lowtide_inbox where consumer = 'view'`), 1)
  await sql(passed('view', 'news', 0, 20))
  const { removed, held } = await of().run(now)
  assert.equal([removed.marks, held], [1, []])
}))

test('marks of what is parked stay, however old: it stands in rebuilt rows, and nothing else tells', inOld(async ({ of, sql, count }) => {
  const park = (consumer: string, message: string): Promise<unknown> => sql(`insert into lowtide.lowtide_parked (id, consumer, channel, partition, key, state, reason, attempts, time, message, raw) select '${consumer}' || o, '${consumer}', 'news', '0', 'k', 'redrive', 'broke', 6, now(), m, case when m is null then 'x' end from (values (1, '${message}'::json), (2, null)) v(o, m)`)
  await sql(marks('view', 30, 2))
  await park('view', '{"id":"m30-2"}')
  await park('other', '{"id":"m30-1"}')
  assert.is((await of().count()).counts.marks, 1)
  assert.is((await of().run(now)).removed.marks, 1)
  await sql(`delete from lowtide.lowtide_parked`)
  assert.is((await of().run(now)).removed.marks, 1)
  assert.is(await count('lowtide_inbox'), 0)
}))

test('marks of a rebuild, which stand under no transaction, age from now on', inOld(async ({ of, sql, count }) => {
  await sql(`${marks('view', 1000, 3)}; ${events('news', 0, 0)}`) // at(1000) is 0
  assert.is(await count('lowtide_inbox where tx = 0'), 3)
  assert.equal((await of().run(now)).removed.marks, 0)
  assert.is(await count('lowtide_inbox where tx > 1000000'), 3)
  assert.equal((await of().run(now)).removed.marks, 0)
}))

test('events stay where nobody asks; then they go once every consumer has passed them', inOld(async ({ of, sql, count }) => {
  await sql(`${events('news', 0, 40, 3)}; ${events('news', 0, 35)}; ${events('news', 0, 5)}; ${events('news', 1, 40)}; ${events('mails', 0, 40)}`)
  await sql(`${passed('view', 'news', 0, 0)}; ${passed('view', 'news', 1, 0)}; ${passed('gone', 'news', 0, 40, 2)}; ${passed('gone', 'news', 1, 0)}`)
  assert.is((await of().run(now)).removed.events, 0)
  assert.is((await of({ events: 50 * day }).run(now)).removed.events, 0)
  assert.is((await of({ events: { news: 30 * day } }).run(now)).removed.events, 3) // 'gone' holds what is behind its place
  assert.equal((await sql(`select partition, (1000000 - tx)::int / 1000 as days, n from lowtide.lowtide_log where channel = 'news' order by 1, 2, 3`)).map(row => [row['partition'], row['days'], row['n']]), [[0, 5, 1], [0, 35, 1], [0, 40, 3]])
  await sql(passed('gone', 'news', 0, 0))
  assert.is((await of({ events: 8 * day }).run(now)).removed.events, 3)
  assert.is(await count('lowtide_log'), 1)
}))

test('events of a consumer that never began stay', inOld(async ({ of, sql }) => {
  await sql(events('news', 0, 40))
  assert.is((await of({ events: 30 * day }).run(now)).removed.events, 0)
  assert.is((await of({ events: 30 * day }, { consumers: [] }).run(now)).removed.events, 0) // of another process
  assert.is((await of({ events: 30 * day }, { everywhere: plan.everywhere.map(consumer => ({ ...consumer, broadcast: true })) }).run(now)).removed.events, 1)
}))

test('rows of the outbox go when no relay has still to send them', inOld(async ({ of, sql, count }) => {
  await sql(`${leaving('told', 20, 3)}; ${leaving('told', 2)}; ${leaving('relayed', 20, 4)}; ${passed('relay', 'relayed', 0, 20, 3)}`)
  assert.is((await of({ outbox: false }).run(now)).removed.outbox, 0)
  assert.is((await of().run(now)).removed.outbox, 6)
  assert.is(await count('lowtide_outbox'), 2)
  assert.is((await of({ outbox: day }).run(now)).removed.outbox, 1)
}))

test('records of failed commands go where asked; what is parked never does', inOld(async ({ of, sql }) => {
  await sql(`insert into lowtide.lowtide_parked (id, consumer, channel, partition, key, state, reason, attempts, time) select s || d, 'c', 'news', '', 'k', s, 'broke', 6, now() - d * interval '1 day' from unnest('{parked,waiting,redrive,failed}'::text[]) s, unnest('{1,40}'::int[]) d`)
  assert.is((await of().run(now)).removed.failed, 0)
  assert.is((await of({ failed: 30 * day }).run(now)).removed.failed, 1)
  assert.equal((await sql('select id from lowtide.lowtide_parked order by id')).map(row => row['id']), ['failed1', 'parked1', 'parked40', 'redrive1', 'redrive40', 'waiting1', 'waiting40'])
}))

test('a failed command that was sent again and decided is off the list before its outcome goes, so that no redrive runs it twice', inOld(async ({ of, sql }) => {
  await sql(`${commands(30)}; ${commands(2)}; insert into lowtide.lowtide_parked (id, consumer, channel, partition, key, state, reason, attempts, time, message) select 'of ' || m, 'c', 'orders', '', 'k', 'failed', 'broke', 6, now() - interval '40 days', json_build_object('id', m) from unnest('{c30-1,c2-1,never}'::text[]) m`)
  await of().run(now)
  assert.equal((await sql('select id from lowtide.lowtide_parked order by id')).map(row => row['id']), ['of c2-1', 'of never'])
}))

test('many rows go in many transactions, and are counted as they go', inOld(async ({ of, sql }) => {
  await sql(commands(30, 25_000))
  const batches: number[] = []
  const { removed } = await of().run({ ...now, told: (_kind, many) => { batches.push(many) } })
  assert.is(removed.outcomes, 25_000)
  assert.ok(batches.length >= 5 && Math.max(...batches) <= 5_000, batches.join())
  assert.equal(await sql(`select removed::int, total::int from lowtide.lowtide_retention where kind = 'outcomes'`), [{ removed: 25_000, total: 25_000 }])
}))

test('one runs at a time, and who is stopped goes on later', inOld(async ({ of, sql, count }) => {
  await sql(commands(30, 20_000))
  let seen = 0
  const first = of(), second = of(), half = await first.run({ ...now, stopped: () => seen > 3_000, told: (_kind, many) => { seen += many } })
  assert.equal([half.ran, half.whole], [true, false])
  const rest = await count('lowtide_inbox')
  assert.ok(rest > 0 && rest < 20_000)
  assert.not((await second.run({ due: 60_000 })).ran) // not yet due
  const both = await Promise.all([first.run(now), second.run(now)])
  assert.equal(both.map(({ ran }) => ran).toSorted(), [false, true])
  assert.is(await count('lowtide_inbox'), 0)
}))

test('who has lost its turn removes nothing more', inOld(async ({ of, sql, count }) => {
  await sql(commands(30, 20_000))
  let taken: Promise<unknown> | undefined
  const { whole } = await of().run({ ...now, told: () => { taken ??= sql(`update lowtide.lowtide_retention set holder = 'another', until = now() + interval '1 minute' where kind = 'runner'`) } })
  await taken
  assert.not(whole)
  assert.ok(await count('lowtide_inbox') > 0)
  assert.not((await of().run(now)).ran)
}))

test('an adopted schema counts on above the ages that were noted', inOld(async ({ sql, open }) => {
  const { db, access } = open()
  await sql(`update lowtide.lowtide_meta set value = '1' where key = 'system'; insert into lowtide.lowtide_ages (time, tx) values (now(), 5000000)`)
  await right(migrate(db, access, plan, { adopt: true }))
  const [row] = await sql(`select (select value::bigint from lowtide.lowtide_meta where key = 'shift') + pg_current_xact_id()::text::bigint > 5000000 as above`)
  assert.ok(row!['above'])
}))

test.run()

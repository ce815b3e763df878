import { type Plan, defaults, table, text } from '@lowtide/core'
import { left, right } from '@lowtide/testing'
import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { accessOf, inDatabase, stop } from './fixture.js'
import type { Measured } from './measure.js'
import { inspect } from './start.js'
import { verbs } from './verbs.js'

test.after(stop)

const password = 'Tr0ub4dor&3'
const quiet = (value: unknown): void => assert.not.match(JSON.stringify(value), 'Tr0ub4dor')
const people = table('people', { columns: { id: text }, key: 'id' })
const plan: Plan = {
  tables: [people], channels: [], everywhere: [], options: { ...defaults, partitions: 4 },
  consumers: [{ name: 'view', broadcast: false, channels: [{ channel: 'news', external: false }] }, { name: 'screens', broadcast: true, channels: [{ channel: 'news', external: false }] }],
  runtime: { now: Date.now, after: () => () => {}, soon: call => { call() }, random: () => 0, newId: () => 'id', log: (_level, line) => quiet(line) },
}
const withPassword = (url: string): string => { const secret = new URL(url); secret.password = password; return secret.href }
const using = (url: string) => {
  const [migrate, status] = verbs(accessOf(withPassword(url)))
  return { migrate: (...flags: string[]) => migrate!.run(plan, new Set(flags)), status: (...flags: string[]) => status!.run(plan, new Set(flags)) }
}
const measured = (data: unknown): Measured & { readonly watermarkAge: number | null } => data as Measured & { readonly watermarkAge: number | null }

test('migrate shows what it would do, does it, and then has nothing to do', inDatabase(async ({ url }) => {
  const { migrate } = using(url), dry = await right(migrate('dry'))
  assert.match(dry.text, 'create table "lowtide"."people" (')
  const done = await right(migrate())
  assert.match(done.text, `create table 'people'`)
  assert.match((await right(migrate())).text, 'Nothing to do')
  assert.match((await right(migrate('dry', 'adopt'))).text, '-- nothing to do')
  assert.match((await left(migrate('drie'))).failure, 'expected the flags dry, adopt, found drie')
  quiet([dry, done])
}))

test('status of what is not migrated asks for it, in the words of a start', inDatabase(async ({ url, open, sql }) => {
  const { db, access } = open(), told = async (text: string) => {
    const started = (await left(inspect(db, access, plan))).failure, asked = (await left(using(url).status())).failure
    assert.is(asked.replace('tell the status of', 'open'), started)
    assert.match(asked, text)
  }
  await told(`expected a schema 'lowtide', found none in this database; run 'lowtide migrate' for this project`)
  await sql('create schema lowtide')
  await told(`expected Lowtide's tables in schema 'lowtide', found none; run 'lowtide migrate' for this project`)
}))

test('status of a schema that an older version made asks for a migration', inDatabase(async ({ url, sql }) => {
  const { migrate, status } = using(url)
  await right(migrate())
  await sql('drop table lowtide.lowtide_retention')
  assert.match((await left(status())).failure, /expected Lowtide's schema number \d+, found a lower one, or tables that somebody removed; run 'lowtide migrate'/)
}))

test('status of an idle deployment is calm', inDatabase(async ({ url }) => {
  const { migrate, status } = using(url)
  await right(migrate())
  const { text, data, alarm } = await right(status())
  assert.not(alarm && measured(data).stopped.length > 0)
  assert.match(text, '4 of 4 partitions are read to their end')
  assert.equal(measured(data).stopped, [])
  assert.ok(measured(data).sizes.some(size => size.table === 'people'))
  quiet([text, data])
}))

test('status counts what is behind, and calls when nobody owns it', inDatabase(async ({ url, sql }) => {
  const { migrate, status } = using(url)
  await right(migrate())
  const message = (seconds: number): string => `json_build_object('time', to_char((now() - interval '${seconds} s') at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))`
  await sql(`insert into lowtide.lowtide_log select 'news', 1, 5, n, ${message(7200)} from generate_series(1, 7) n; insert into lowtide.lowtide_log select 'news', 2, 5, n, '{"time":"soon"}' from generate_series(1, 10001) n`)
  await sql(`insert into lowtide.lowtide_consumers values ('view', 'news', 1, 5, 3, 9, 'alive'), ('view', 'news', 2, 0, 0, 4, 'dead')`)
  await sql(`insert into lowtide.lowtide_instances values ('alive', now() + interval '1 minute', '{view}'), ('dead', now() - interval '1 minute', '{view}')`)
  const { text, data, alarm } = await right(status()), lags = measured(data).lags
  assert.equal(lags.map(({ partition, messages, alive }) => [partition, messages, alive]), [[0, 0, false], [1, 4, true], [2, 10_001, false], [3, 0, false]])
  assert.ok(lags[1]!.age! > 7199 && lags[1]!.age! < 7260)
  assert.match(text, /view +news +1 +4 +2 h 0 min +9 +alive\n/)
  assert.match(text, /view +news +2 +10000\+ +unknown +4 +dead \(gone\)\n/)
  assert.match(text, `! 1 partition with messages and without a live owner: start a process that runs 'view'`)
  assert.ok(alarm)
  assert.match(text, /alive +\d+ s left +view/)
}))

test('status calls where much waits and no instance ever was, or none is left', inDatabase(async ({ url, sql }) => {
  const { migrate, status } = using(url), called = async (owner: string | null) => {
    const { data, alarm, text } = await right(status())
    assert.equal(measured(data).lags.filter(({ messages }) => messages > 0).map(lag => [lag.partition, lag.messages, lag.owner, lag.alive]), [[3, 10_001, owner, false]])
    assert.match(text, `! 1 partition with messages and without a live owner: start a process that runs 'view'`)
    assert.ok(alarm)
  }
  await right(migrate())
  await sql(`insert into lowtide.lowtide_log select 'news', 3, 5, n, '{}' from generate_series(1, 20000) n`)
  await called(null)
  await sql(`insert into lowtide.lowtide_consumers values ('view', 'news', 3, 5, 3, 9, 'gone')`)
  await called('gone')
}))

test('status calls for what is parked', inDatabase(async ({ url, sql }) => {
  const { migrate, status } = using(url)
  await right(migrate())
  await sql(`insert into lowtide.lowtide_parked (id, consumer, channel, partition, key, state, reason, attempts, time) select 'i' || n, 'view', 'news', '1', 'k', case n when 1 then 'parked' else 'waiting' end, 'broke' || chr(10) || 'twice', 6, now() - interval '3 hours' from generate_series(1, 3) n`)
  const { text, data, alarm } = await right(status())
  assert.ok(alarm)
  assert.equal(measured(data).stopped.map(({ state, count }) => [state, count]), [['parked', 1], ['waiting', 2]])
  assert.match(text, /view +parked +1 +3 h 0 min +broke twice\n/)
  assert.match(text, '! 1 message could not be handled')
}))

test('status names the transaction that holds back the readers', inDatabase(async ({ url }) => {
  const { migrate, status } = using(url), other = new pg.Client({ connectionString: url, application_name: 'somebody-else' })
  await right(migrate())
  await other.connect()
  await other.query('begin; select pg_current_xact_id()')
  const { text, data } = await right(status()), found = measured(data).holders.find(({ application }) => application === 'somebody-else')
  await other.end()
  assert.ok(found !== undefined && found.pid !== null && found.seconds !== null && found.seconds < 60)
  assert.match(text, new RegExp(`${found.pid} +somebody-else`))
}))

test('a role of least rights sees the status, and not since when others run', inDatabase(async ({ url, as, sql }) => {
  const { migrate } = using(url), role = `lowtide_test_${randomBytes(6).toString('hex')}`, other = new pg.Client({ connectionString: url, application_name: 'somebody-else' })
  await right(migrate())
  await sql(`create role ${role} login`)
  assert.match((await left(using(as(role)).status())).failure, `role '${role}' may not use schema 'lowtide'`)
  await sql(`grant usage on schema lowtide to ${role}; grant select, insert, update, delete on all tables in schema lowtide to ${role}`)
  await other.connect()
  try {
    await other.query('begin; select pg_current_xact_id()')
    const { text, data } = await right(using(as(role)).status()), found = measured(data).holders.find(({ application }) => application === 'somebody-else')
    assert.is(found?.seconds, null)
    assert.match(text, 'grant pg_read_all_stats')
  } finally {
    await other.end()
    await sql(`drop owned by ${role}; drop role ${role}`)
  }
}))

test.run()

import { port } from '@lowtide/core'
import type { Bound } from '@lowtide/core'
import { freshDatabase, testServer } from '@lowtide/servers'
import { left, right } from '@lowtide/testing'
import * as TE from 'fp-ts/lib/TaskEither.js'
import pg from 'pg'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { z } from 'zod'
import { type Queries, type Queryable, queryable } from './queryable.js'

const server = await testServer()
const test = suite('queries of your own SQL')
test.after(() => server.stop())

const at = (run: (reading: Queries, sql: (text: string) => Promise<readonly unknown[]>, url: string) => Promise<void>) => async (): Promise<void> => {
  const fresh = await freshDatabase(server.url), client = new pg.Client({ connectionString: fresh.url }), reading = queryable({ url: fresh.url, answerTimeout: 1_000 })
  client.on('error', () => {})
  try {
    await client.connect()
    await client.query(`create table stock (sku text, pieces int); insert into stock values ('a', 1), ('b', 2)`)
    await run(reading, async text => (await client.query(text)).rows, fresh.url)
  } finally { await reading.close(); await reading.close(); await client.end(); await fresh.drop() }
}

const stock = port('stock', { ask: { args: z.object({ sku: z.string() }), answer: z.array(z.object({ pieces: z.int() })) } })
test('bind a port as they are', at(async reading => {
  const bound: Bound<typeof stock> = { ask: ({ sku }) => reading.query<{ pieces: number }>('select pieces from stock where sku = $1', [sku]) }
  assert.equal(await right(bound.ask({ sku: 'b' })), [{ pieces: 2 }])
  assert.equal(await right(bound.ask({ sku: 'none' })), [])
}))

test('of one transaction see the same rows, and the next one the new ones', at(async (reading, sql) => {
  const sum = ({ query }: Queryable) => query<{ sum: string }>('select sum(pieces)::text as sum from stock')
  const ask = (between: string) => reading.together(db => TE.chain(([first]: readonly { sum: string }[]) => TE.chain(() => TE.map(([second]: readonly { sum: string }[]) => [first!.sum, second!.sum])(sum(db)))(TE.fromTask(() => sql(between))))(sum(db)))
  assert.equal(await right(ask('update stock set pieces = pieces + 1')), ['3', '3'])
  assert.equal(await right(ask('select 1')), ['5', '5'])
}))

const writes = ['insert into stock values ($1, 1)', 'delete from stock where sku <> $1', `select nextval('numbers'), $1::text`, `select writing($1::text)`, 'create table t as select $1::text']
test('write nothing: the server refuses it', at(async (reading, sql) => {
  await sql(`create sequence numbers; create function writing(text) returns void language sql as $$ insert into stock values ($1, 9) $$`)
  for (const text of writes) {
    const failed = await left(reading.query(text, ['c']))
    assert.match(failed.failure, 'expected a query that only reads, found one that writes', text)
    assert.is(failed.retry, false)
  }
  assert.match((await left(reading.query(`select 1; insert into stock values ('c', 1)`))).failure, 'cannot insert multiple commands')
  for (const end of ['commit', 'rollback']) await left(reading.together(({ query }) => TE.chain(() => query(`insert into stock values ('c', 1)`))(query(end))))
  assert.equal(await sql('select sku, pieces from stock order by sku'), [{ sku: 'a', pieces: 1 }, { sku: 'b', pieces: 2 }])
}))

test('are given up in time, and the next one goes on', at(async reading => {
  const slow = await left(reading.query('select pg_sleep(20)'))
  assert.equal(slow, { failure: '[postgres] cannot ask by SQL of your own: no answer within 1000 ms', retry: true })
  assert.equal(await right(reading.query('select 1 as one')), [{ one: 1 }])
}))

test('fail without a secret', at(async (reading, _sql, url) => {
  const broken = await left(reading.query('select no_such_column from stock'))
  assert.equal(broken, { failure: '[postgres] cannot ask by SQL of your own: column "no_such_column" does not exist (42703)', retry: false })
  assert.not.match((await left(reading.query(`select 'hunter2'::int`))).failure, 'hunter2')
  const away = new URL(url)
  away.password = 'hunter2'; away.port = '1'
  const far = queryable({ url: away.href }), gone = await left(far.query('select 1'))
  assert.ok(gone.retry && gone.unavailable === true)
  assert.not.match(gone.failure, 'hunter2')
  await far.close()
  assert.match((await left(queryable({ url: 'hunter2' }).query('select 1'))).failure, 'expected postgres://user:password@host:port/database')
  await reading.close()
  assert.match((await left(reading.query('select 1'))).failure, 'it is closed')
}))

test.run()

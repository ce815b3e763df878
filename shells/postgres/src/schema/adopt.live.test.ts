import { table, text } from '@lowtide/core'
import { left, right } from '@lowtide/testing'
import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { txOf } from '../store/gate.js'
import { type Place, inDatabase, needs, stop } from './fixture.js'
import { migrate } from './migrate.js'
import { inspect } from './start.js'

test.after(stop)

const people = table('people', { columns: { id: text }, key: 'id' }), declared = needs([people])
const log = (tx: bigint | number): string => `insert into lowtide.lowtide_log (channel, partition, tx, n, message) values ('c', 3, ${tx}, 1, '{}')`
const holders: { readonly [where: string]: (tx: bigint | number) => string } = {
  log, inbox: tx => `insert into lowtide.lowtide_inbox (consumer, id, body, time, tx) values ('', 'i${tx}', '', now(), ${tx})`,
  consumers: tx => `insert into lowtide.lowtide_consumers (consumer, channel, partition, tx, owner, fence) values ('reader', 'c${tx}', 3, ${tx}, 'gone', 7)`,
  rows: tx => `insert into lowtide.people values ('p${tx}', ${tx})`,
}
const nextId = async ({ sql }: Place, shift: number): Promise<bigint> => BigInt(String((await sql(`select ${txOf(shift)} as id`))[0]!['id']))
const another = `update lowtide.lowtide_meta set value = '123' where key = 'system'`

test('a log that is ahead of this server is refused, and adopted', inDatabase(async place => {
  const { db, access } = place.open(), ahead = 4_000_000_000_000n
  await right(migrate(db, access, declared))
  for (const insert of Object.values(holders)) await place.sql(insert(ahead))
  await place.sql(`insert into lowtide.lowtide_instances values ('gone', now(), '{}')`)
  for (const found of [await left(inspect(db, access, declared)), await left(migrate(db, access, declared))]) {
    assert.match(found.failure, /restored from another server: expected a log whose transaction ids are below \d+, the next one of this server, found 4000000000000; stop all instances, then run 'lowtide migrate --adopt'/)
    assert.not(found.retry)
  }
  await right(migrate(db, access, declared, { adopt: true }))
  const { shift } = await right(inspect(db, access, declared))
  assert.ok(await nextId(place, shift) > ahead)
  assert.equal(await place.sql('select owner, fence from lowtide.lowtide_consumers'), [{ owner: null, fence: '7' }])
  assert.is((await place.sql('select from lowtide.lowtide_instances')).length, 0)
  assert.is((await right(migrate(db, access, declared, { adopt: true }))).changes.length, 0)
}))

test('nothing is adopted while an instance may live', inDatabase(async place => {
  const { db, access } = place.open()
  await right(migrate(db, access, declared))
  await place.sql(another)
  await place.sql(`insert into lowtide.lowtide_instances values ('a', now() + interval '1 minute', '{}'), ('b', now() + interval '1 hour', '{}'), ('gone', now(), '{}')`)
  for (const dry of [false, true]) assert.match((await left(migrate(db, access, declared, { adopt: true, dry }))).failure, /expected no running instance, found 2, whose leases last until \d{4}-\d\d-\d\d \d\d:\d\d:\d\d.*; stop them/)
  assert.is((await place.sql('select from lowtide.lowtide_instances')).length, 3)
  await left(inspect(db, access, declared))
  await place.sql(`update lowtide.lowtide_instances set until = now()`)
  await right(migrate(db, access, declared, { adopt: true }))
}))

test('a schema made on another server is refused by its system identifier', inDatabase(async place => {
  const { db, access } = place.open()
  await right(migrate(db, access, declared))
  await place.sql(another)
  assert.match((await left(inspect(db, access, declared))).failure, /expected the server on which this schema was made \(system identifier 123\), found another \(\d+\)/)
  await right(migrate(db, access, declared, { adopt: true }))
  assert.is((await right(inspect(db, access, declared))).shift, 0)
}))

test('dry shows the adoption, and does not make it', inDatabase(async place => {
  const { db, access } = place.open()
  await right(migrate(db, access, declared))
  await place.sql(another)
  assert.match((await right(migrate(db, access, declared, { adopt: true, dry: true }))).sql, 'system_identifier')
  await left(inspect(db, access, declared))
}))

test('ids rise over any number of moves, wherever the highest one stands', inDatabase(async place => {
  const { db, access } = place.open()
  await right(migrate(db, access, declared))
  let before = 0
  await fc.assert(fc.asyncProperty(fc.constantFrom(...Object.keys(holders)), fc.nat({ max: 2 ** 31 }), async (where, further) => {
    await place.sql(another)
    const highest = await nextId(place, before) + BigInt(further)
    await place.sql(holders[where]!(highest))
    await right(migrate(db, access, declared, { adopt: true }))
    const { shift } = await right(inspect(db, access, declared))
    assert.ok(shift >= before && Number.isSafeInteger(shift))
    assert.ok(await nextId(place, shift) > highest)
    before = shift
  }), { numRuns: 25 })
}))

test('a log of many partitions is looked at by its ends', inDatabase(async ({ open, sql }) => {
  const { db, access } = open()
  await right(migrate(db, access, declared))
  await sql(`insert into lowtide.lowtide_log (channel, partition, tx, n, message) select 'c' || c, p, tx, 1, '{}' from generate_series(1, 5) c, generate_series(0, 7) p, generate_series(1, 20) tx`)
  await right(inspect(db, access, declared))
  await sql(`insert into lowtide.lowtide_log (channel, partition, tx, n, message) values ('c3', 5, 9007199254740000, 1, '{}')`)
  assert.match((await left(inspect(db, access, declared))).failure, 'found 9007199254740000')
}))

test.run()

import { type Failure, table, bool, decimal, float, int, json, optional, text, timestamp, uuid } from '@lowtide/core'
import { left, right } from '@lowtide/testing'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { z } from 'zod'
import { inDatabase, needs, stop } from './fixture.js'
import { migrate } from './migrate.js'
import { inspect } from './start.js'
import { newest } from './system.js'

const people = table('people', { columns: { id: text, email: text, boss: optional(text), team: optional(int) }, key: 'id', unique: ['email', ['team', 'email']], indexes: ['boss'], references: { boss: 'self' } })
const all = table('all "kinds"', { columns: { t: text, i: int, f: float, b: bool, d: decimal, at: timestamp, u: uuid, j: json(z.object({ a: z.number() })), o: optional(text) }, key: ['t', 'i'] })

test.after(stop)

test('a migration makes the schema, and run again finds nothing to do', inDatabase(async ({ open, sql }) => {
  const { db, access } = open(), first = await right(migrate(db, access, needs([people, all])))
  assert.ok(first.applied)
  assert.is((await right(migrate(db, access, needs([people, all])))).changes.length, 0)
  assert.equal(await right(inspect(db, access, needs([people, all]))), { shift: 0, partitions: 8 })
  const rows = await sql('select kind, number, name, sql from lowtide.lowtide_migrations order by kind, number')
  assert.equal(rows.map(({ kind, number }) => `${kind} ${number}`).slice(0, 2), ['lowtide 1', 'project 1'].slice(0, 1).concat(newest > 1 ? ['lowtide 2'] : ['project 1']))
  assert.ok(rows.every(row => String(row['sql']).length > 10))
}))

test('dry answers the SQL and changes nothing', inDatabase(async ({ open, sql }) => {
  const { db, access } = open(), { sql: text, applied } = await right(migrate(db, access, needs([people]), { dry: true }))
  assert.not(applied)
  assert.is((await sql(`select from pg_namespace where nspname = 'lowtide'`)).length, 0)
  for (const { sql: statement } of (await right(migrate(db, access, needs([people]), { dry: true }))).changes) assert.ok(text.includes(statement))
  await sql(text) // what was shown is what makes it
  assert.is((await right(migrate(db, access, needs([people]), { dry: true }))).changes.length, 0)
}))

test('the names that errors carry are those of the declaration', inDatabase(async ({ open, sql }) => {
  const { db, access } = open()
  await right(migrate(db, access, needs([people])))
  await sql(`insert into lowtide.people values ('1', 'a', null, null, 1)`)
  const refused = async (text: string) => sql(text).then(() => 'nothing', (e: { constraint?: string }) => e.constraint)
  assert.is(await refused(`insert into lowtide.people values ('2', 'a', null, null, 1)`), 'people.email')
  assert.is(await refused(`insert into lowtide.people values ('2', 'b', 'nobody', null, 1)`), 'people.boss')
  assert.is(await refused(`insert into lowtide.people values ('1', 'b', null, null, 1)`), 'people key')
}))

test('the schema of the first number is brought on, with the instances that live', inDatabase(async ({ open, sql }) => {
  const { db, access } = open()
  await right(migrate(db, access, needs([people])))
  await sql(`alter table lowtide.lowtide_instances drop column channels; alter table lowtide.lowtide_consumers drop column print, drop column start; drop table lowtide.lowtide_outbox, lowtide.lowtide_ages, lowtide.lowtide_retention, lowtide.lowtide_starts, lowtide.lowtide_sources, lowtide.lowtide_removed; drop index lowtide.lowtide_inbox_outcomes, lowtide.lowtide_inbox_marks; delete from lowtide.lowtide_migrations where kind = 'lowtide' and number > 1; insert into lowtide.lowtide_instances values ('a', now(), '{views}', null)`)
  assert.match((await left(inspect(db, access, needs([people])))).failure, `expected Lowtide's schema number ${newest}, found 1; run 'lowtide migrate'`)
  await right(migrate(db, access, needs([people])))
  assert.equal(await sql('select id, consumers, channels from lowtide.lowtide_instances'), [{ id: 'a', consumers: ['views'], channels: null }])
  await right(inspect(db, access, needs([people])))
}))

test('another number of partitions is refused', inDatabase(async ({ open }) => {
  const { db, access } = open()
  await right(migrate(db, access, needs([], 8)))
  for (const run of [migrate, inspect]) assert.match((await left<Failure, unknown>(run(db, access, needs([], 9)))).failure, 'expected 8 partitions, as this schema was made with, found the option partitions: 9')
}))

test('a newer schema is refused with both numbers', inDatabase(async ({ open, sql }) => {
  const { db, access } = open()
  await right(migrate(db, access, needs()))
  await sql(`insert into lowtide.lowtide_migrations (kind, number, name, sql) values ('lowtide', 4711, 'later', '')`)
  for (const run of [migrate, inspect]) assert.match((await left<Failure, unknown>(run(db, access, needs()))).failure, `schema number ${newest} or lower, which this version knows, found 4711; deploy the newer version`)
}))

test('an error leaves nothing behind, and names what failed', inDatabase(async ({ open, sql }) => {
  const { db, access } = open(), plain = table('p', { columns: { id: text, email: text }, key: 'id' }), strict = table('p', { columns: { id: text, email: text, more: optional(text) }, key: 'id', unique: ['email'] })
  await right(migrate(db, access, needs([plain])))
  await sql(`insert into lowtide.p values ('1', 'secret@example.org', 1), ('2', 'secret@example.org', 1)`)
  const { failure } = await left(migrate(db, access, needs([strict])))
  assert.match(failure, `add unique email of 'p'`)
  assert.match(failure, 'found rows with equal values')
  assert.not.match(failure, 'secret@')
  assert.is((await sql(`select from pg_attribute where attrelid = 'lowtide.p'::regclass and attname = 'more'`)).length, 0)
}))

test.run()

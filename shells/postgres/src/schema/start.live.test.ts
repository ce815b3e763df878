import { type Failure, optional, table, text } from '@lowtide/core'
import { left, right } from '@lowtide/testing'
import { randomBytes } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Place, inDatabase, needs, stop } from './fixture.js'
import { migrate } from './migrate.js'
import { inspect } from './start.js'

test.after(stop)

const people = table('people', { columns: { id: text, email: text }, key: 'id', unique: ['email'] })
const secret = 'Tr0ub4dor&3'
/** Roles belong to the server, not to a database: each test has its own, and takes it away. */
const withRole = (how: string, run: (place: Place, role: string) => Promise<void>) => inDatabase(async place => {
  const role = `lowtide_test_${randomBytes(6).toString('hex')}`
  await place.sql(`create role ${role} ${how}`)
  try { await run(place, role) } finally { await place.sql(`drop owned by ${role} cascade`); await place.sql(`drop role ${role}`) }
})
const refused = async (place: Place, url: string): Promise<Failure> => {
  const { db, access } = place.open(url), found = [await left<Failure, unknown>(inspect(db, access, needs([people]))), await left<Failure, unknown>(migrate(db, access, needs([people])))]
  for (const { failure } of found) assert.not.match(failure, secret)
  return found[0]!
}

test('a schema that is not there asks for a migration', inDatabase(async ({ open, sql }) => {
  const { db, access } = open()
  assert.match((await left(inspect(db, access, needs()))).failure, /expected a schema 'lowtide', found none in this database; run 'lowtide migrate' for this project$/)
  await sql('create schema lowtide')
  assert.match((await left(inspect(db, access, needs()))).failure, /expected Lowtide's tables in schema 'lowtide', found none; run 'lowtide migrate' for this project$/)
}))

test('an older schema asks for a migration', inDatabase(async ({ open, sql }) => {
  const { db, access } = open()
  await right(migrate(db, access, needs()))
  await sql(`update lowtide.lowtide_migrations set number = -number where kind = 'lowtide'`)
  assert.match((await left(inspect(db, access, needs()))).failure, /expected Lowtide's schema number \d+, found -?\d+; run 'lowtide migrate'/)
}))

test('all faults are told at once', inDatabase(async ({ open, sql }) => {
  const { db, access } = open(), more = table('people', { columns: { id: text, email: text, note: optional(text) }, key: 'id', unique: ['email'], indexes: ['note'] }), teams = table('teams', { columns: { id: text }, key: 'id' })
  await right(migrate(db, access, needs([people])))
  await sql(`alter table lowtide.people drop constraint "people.email"; insert into lowtide.lowtide_migrations (kind, number, name, sql) values ('lowtide', 4711, '', '')`)
  const { failure, retry } = await left(inspect(db, access, needs([more, teams], 3)))
  for (const part of ['found 4711', 'partitions: 3', `no column 'note' (text collate "C")`, `no unique email`, 'no index on note', `no table 'teams'`]) assert.match(failure, part)
  assert.is(failure.split('\n- ').length, 7)
  assert.not(retry)
}))

test('a role that is not superuser makes its schema, and works in it', withRole('login', async (place, role) => {
  await place.sql(`grant create on database ${new URL(place.url).pathname.slice(1)} to ${role}`)
  const { db, access } = place.open(place.as(role))
  await right(migrate(db, access, needs([people])))
  await right(inspect(db, access, needs([people])))
}))
test('a role that owns the schema needs no right on the database', withRole('login', async (place, role) => {
  await place.sql(`create schema lowtide authorization ${role}`)
  const { db, access } = place.open(place.as(role))
  await right(migrate(db, access, needs([people])))
  await right(inspect(db, access, needs([people])))
}))
test('a role without rights is told which', withRole('login', async (place, role) => {
  const { db, access } = place.open(place.as(role))
  assert.match((await left(migrate(db, access, needs([people])))).failure, `role '${role}' may not make the schema 'lowtide': run, as a superuser: create schema "lowtide" authorization "${role}"`)
  const owner = place.open()
  await right(migrate(owner.db, owner.access, needs([people])))
  for (const run of [inspect, migrate]) assert.match((await left<Failure, unknown>(run(db, access, needs([people])))).failure, `role '${role}' may not use schema 'lowtide'`)
  await place.sql(`grant usage on schema lowtide to ${role}`)
  assert.match((await left(inspect(db, access, needs([people])))).failure, /may not read and write (lowtide_\w+, )+lowtide_\w+: run/)
  await place.sql(`grant select, insert, update, delete on all tables in schema lowtide to ${role}; revoke update on lowtide.people from ${role}`)
  assert.match((await left(inspect(db, access, needs([people])))).failure, `may not read and write table 'people'`)
  await place.sql(`grant update on lowtide.people to ${role}`)
  await right(inspect(db, access, needs([people])))
  assert.is((await right(migrate(db, access, needs([people])))).applied, false)
  await place.sql('alter table lowtide.people drop constraint "people.email"')
  assert.match((await left(migrate(db, access, needs([people])))).failure, `role '${role}' may not make tables in schema 'lowtide'`)
}))

test('a role that may not ask which server this is, is told how it may', withRole('login', async (place, role) => {
  await place.sql(`create schema lowtide authorization ${role}; revoke execute on function pg_control_system() from public`)
  const { db, access } = place.open(place.as(role))
  assert.match((await left(migrate(db, access, needs()))).failure, 'permission denied for function pg_control_system')
  const owner = place.open()
  await right(migrate(owner.db, owner.access, needs()))
  await place.sql(`grant select, insert, update, delete on all tables in schema lowtide to ${role}`)
  assert.match((await left(inspect(db, access, needs()))).failure, 'grant execute on function pg_control_system() to the role')
}))

test('a role that does not exist is named', inDatabase(async place => {
  const { failure, retry } = await refused(place, place.as('nobody_at_all', secret))
  assert.match(failure, `expected a role 'nobody_at_all' that may connect to database`)
  assert.not(retry)
}))
test('a role that may not log in is named', withRole('nologin', async (place, role) => {
  const { failure, retry } = await refused(place, place.as(role, secret))
  assert.match(failure, `expected a role '${role}' that may connect`)
  assert.not(retry)
}))
test('a role that may not connect is told so', withRole('login', async (place, role) => {
  await place.sql(`revoke connect on database ${new URL(place.url).pathname.slice(1)} from public`)
  const { failure, retry } = await refused(place, place.as(role, secret))
  assert.match(failure, 'grant connect on database')
  assert.not(retry)
}))
test('a database that does not exist is named', inDatabase(async place => {
  const url = new URL(place.as('postgres', secret))
  url.pathname = '/no such database'
  const { failure, retry } = await refused(place, url.href)
  assert.match(failure, `expected a database 'no such database', found none of that name; create it`)
  assert.not(retry)
}))
test('too many connections: the same later may do', withRole('login connection limit 0', async (place, role) => {
  const { failure, retry } = await refused(place, place.as(role, secret))
  assert.match(failure, `expected a free connection`)
  assert.ok(retry)
}))
test('SSL that the server has not is told so', inDatabase(async place => {
  const url = new URL(place.as('postgres', secret))
  url.searchParams.set('sslmode', 'verify-full')
  const { failure, retry } = await refused(place, url.href)
  assert.match(failure, 'expected SSL, as the url asks for it, found a server without')
  assert.not(retry)
}))

test.run()

// mostly waits
import { table, text } from '@lowtide/core'
import { system } from '@lowtide/run'
import { left, right } from '@lowtide/testing'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Place, inDatabase, needs, stop } from '../schema/fixture.js'
import { migrate } from '../schema/migrate.js'
import { statement } from '../server/statement.js'
import { store } from './store.js'

test.after(stop)

const people = table('people', { columns: { id: text, email: text }, key: 'id', unique: ['email'] })
const rebuilt = async ({ open }: Place, lines: string[] = []) => {
  const { db, access } = open()
  await right(migrate(db, access, needs([people])))
  const runtime = { ...system, random: () => 0.9, log: (_level: string, text: string) => { lines.push(text) } }
  return right(store({ db, shift: 0, partitions: 8, tables: [people], runtime, told: () => {}, watch: () => () => {} }).shadow([people]))
}
const copies = ({ sql }: Place) => sql(`select relname from pg_class where relname like 'lowtide\\_copy\\_%' and relkind = 'r' order by relname`)
const fill = async (place: Place, ...rows: readonly string[]): Promise<void> => { await place.sql(`insert into lowtide."${String((await copies(place))[0]!['relname'])}" values ${rows.join(', ')}`) }

test('copies that a constraint keeps from their place are gone, and say so', inDatabase(async place => {
  const shadow = await rebuilt(place)
  await fill(place, `('a', 'x', 1)`, `('b', 'x', 1)`)
  assert.match((await left(shadow.swap([], []))).failure, 'cannot put the rebuilt tables in place')
  assert.equal(await copies(place), [])
  assert.match((await left(shadow.swap([], []))).failure, 'cannot put the rebuilt tables in place')
}))

/** As a rebuild does it, which reads between two tries what has come meanwhile. */
const swapped = async (shadow: Awaited<ReturnType<typeof rebuilt>>, tries: { n: number } = { n: 0 }): Promise<number> => { while (!await right(shadow.swap([], []))) tries.n++; return tries.n }
const until = async (done: () => Promise<boolean>): Promise<void> => { while (!await done()) await new Promise(resolve => { setTimeout(resolve, 20) }) }

test('a swap waits for a short time, and again when those have ended who were in the way, so that nobody queues behind it; it says once who they are', inDatabase(async place => {
  const lines: string[] = [], shadow = await rebuilt(place, lines), other = place.open().db, tries = { n: 0 }, watching = place.open().db
  await fill(place, `('a', 'x', 1)`)
  await place.sql('begin')
  await place.sql('lock table lowtide.people in row exclusive mode')
  const swapping = swapped(shadow, tries)
  await new Promise(resolve => { setTimeout(resolve, 500) })
  const begun = performance.now()
  await other.script('select from lowtide.people')
  assert.ok(performance.now() - begun < 3_000, `waited ${performance.now() - begun} ms`)
  await until(async () => tries.n > 0)
  const queued = async (): Promise<unknown> => (await watching.fly([{ statement: statement(`select count(*) from pg_locks where not granted and relation = 'lowtide.people'::regclass`), params: [] }]))[0]!.rows[0]![0]
  for (const first = tries.n; tries.n < first + 20;) { assert.is(await queued(), '0'); await new Promise(resolve => { setTimeout(resolve, 10) }) } // more than 4 s: longer than a wait for a lock
  const [{ pid }] = await place.sql('select pg_backend_pid() as pid') as [{ pid: number }]
  assert.is(lines.length, 1, lines.join('\n'))
  assert.match(lines[0]!, new RegExp(`^\\[postgres\\] cannot rebuild 'people' yet: .*pid ${pid}.*: select pg_terminate_backend\\(${pid}\\) ends it; it goes on by itself when that has ended$`))
  await place.sql('commit')
  await swapping
  assert.equal(await place.sql('select id from lowtide.people'), [{ id: 'a' }])
  assert.equal(await copies(place), [])
}))

test('a swap that cannot get its lock, and is given up, changes nothing and leaves nothing in the way', inDatabase(async place => {
  const shadow = await rebuilt(place)
  await place.sql('begin')
  await place.sql('lock table lowtide.people in row exclusive mode')
  assert.is(await right(shadow.swap([], [])), false)
  assert.is(await right(shadow.swap([], [])), false)
  await shadow.close()
  await place.sql('commit')
  assert.match((await left(shadow.swap([], []))).failure, 'it was ended')
  assert.equal([await copies(place), await place.sql(`select from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())`)], [[], []])
}))

test.run()

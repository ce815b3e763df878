// mostly waits
import { table, text } from '@lowtide/core'
import { system } from '@lowtide/run'
import { left, right } from '@lowtide/testing'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Place, inDatabase, needs, stop } from '../schema/fixture.js'
import { migrate } from '../schema/migrate.js'
import { store } from './store.js'

test.after(stop)

const people = table('people', { columns: { id: text, email: text }, key: 'id', unique: ['email'] })
const rebuilt = async ({ open }: Place, pauses: number[] = []) => {
  const { db, access } = open()
  await right(migrate(db, access, needs([people])))
  const runtime = { ...system, random: () => 0.9, after: (ms: number, call: () => void) => { pauses.push(ms); return system.after(Math.min(ms, 10), call) } }
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

test('a swap waits for a short time, and again, so that nobody queues behind it for long', inDatabase(async place => {
  const pauses: number[] = [], shadow = await rebuilt(place, pauses), other = place.open().db
  await fill(place, `('a', 'x', 1)`)
  await place.sql('begin')
  await place.sql('lock table lowtide.people in row exclusive mode')
  const swapping = right(shadow.swap([], []))
  await new Promise(resolve => { setTimeout(resolve, 500) })
  const begun = performance.now()
  await other.script('select from lowtide.people')
  assert.ok(performance.now() - begun < 3_000, `waited ${performance.now() - begun} ms`)
  await new Promise(resolve => { setTimeout(resolve, 4_500) }) // longer than a wait for a lock
  await place.sql('commit')
  assert.ok(await swapping)
  assert.equal(await place.sql('select id from lowtide.people'), [{ id: 'a' }])
  assert.ok(pauses.length >= 2 && pauses.length <= 9, `${pauses}`)
  assert.equal(await copies(place), [])
}))

test('a swap that never gets its lock says so, and can be tried again', inDatabase(async place => {
  const pauses: number[] = [], shadow = await rebuilt(place, pauses)
  await place.sql('begin')
  await place.sql('lock table lowtide.people in row exclusive mode')
  assert.ok((await left(shadow.swap([], []))).retry)
  assert.is(pauses.length, 9)
  await place.sql('commit')
  assert.ok(await right(shadow.swap([], [])))
}))

test.run()

import { int, optional, table, text } from '@lowtide/core'
import { left, right } from '@lowtide/testing'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { inDatabase, needs, stop } from './fixture.js'
import { migrate } from './migrate.js'

test.after(stop)

const dry = { dry: true } as const
const columns = { id: text, email: optional(text), team: optional(int), boss: optional(text) }
const plain = table('people', { columns, key: 'id' })

test('a dry run tells which values a unique would refuse, and no more than a few', inDatabase(async ({ open, sql }) => {
  const { db, access } = open(), unique = table('people', { columns, key: 'id', unique: ['email', ['team', 'email']] })
  await right(migrate(db, access, needs([plain])))
  await sql(`insert into lowtide.people select g || '-' || n, 'a' || g || '@example.org', n % 2, null, 1 from generate_series(1, 9) g cross join generate_series(1, 1 + g) n`)
  const { failure, retry } = await left(migrate(db, access, needs([unique]), dry)), [, first, second, ...rest] = failure.split('\n- ')
  assert.is(first, `cannot add unique email of 'people': expected another value in each row, found 'a9@example.org' in 10 rows, 'a8@example.org' in 9 rows, 'a7@example.org' in 8 rows, and others; make them different, then migrate again`)
  assert.match(second!, `cannot add unique team+email of 'people': expected another value in each row, found '0'+'a9@example.org' in 5 rows, `)
  assert.equal([rest, retry], [[], false])
  await sql(`update lowtide.people set email = case when id = '1-1' then 'it''s' || repeat('x', 100) || '@example.org' when id = '1-2' then 'it''s' || repeat('x', 100) || '@example.org' else id end`)
  const [, long] = (await left(migrate(db, access, needs([unique]), dry))).failure.split('\n- ')
  assert.is(long, `cannot add unique email of 'people': expected another value in each row, found 'it's${'x'.repeat(56)}…' in 2 rows; make them different, then migrate again`)
}))

test('nulls, values that differ, and columns that are new stand in nobody\'s way', inDatabase(async ({ open, sql }) => {
  const { db, access } = open(), unique = table('people', { columns: { ...columns, more: optional(text) }, key: 'id', unique: ['email', 'more', ['team', 'more']], references: { boss: 'self' } })
  await right(migrate(db, access, needs([plain])))
  await sql(`insert into lowtide.people values ('1', null, 1, null, 1), ('2', null, 1, '1', 1), ('3', 'a', 1, '3', 1), ('4', 'A', 1, '3', 1)`)
  assert.match((await right(migrate(db, access, needs([unique]), dry))).sql, `unique ("email")`)
  await right(migrate(db, access, needs([unique])))
}))

test('a dry run tells which values refer to nothing', inDatabase(async ({ open, sql }) => {
  const { db, access } = open(), teams = table('teams', { columns: { id: int }, key: 'id' }), referring = table('people', { columns, key: 'id', references: { boss: 'self', team: teams } })
  await right(migrate(db, access, needs([plain])))
  await sql(`insert into lowtide.people values ('1', null, 7, null, 1), ('2', null, 7, '1', 1), ('3', null, null, 'nobody', 1)`)
  assert.equal((await left(migrate(db, access, needs([referring, teams]), dry))).failure.split('\n- ').slice(1), [
    `cannot add reference from boss to 'people' of 'people': expected rows that 'people' has, found 'nobody' in 1 row; correct them, then migrate again`,
    `cannot add reference from team to 'teams' of 'people': expected rows that 'teams' has, found '7' in 2 rows; correct them, then migrate again`,
  ])
}))

test('a migration that is run looks for nothing first, and shows no values', inDatabase(async ({ open, sql }) => {
  const { db, access } = open(), unique = table('people', { columns, key: 'id', unique: ['email'] })
  await right(migrate(db, access, needs([plain])))
  await sql(`insert into lowtide.people values ('1', 'ann@example.org', 1, null, 1), ('2', 'ann@example.org', 1, null, 1)`)
  const { failure } = await left(migrate(db, access, needs([unique])))
  assert.match(failure, 'found rows with equal values; make them different, then migrate again; nothing was changed')
  assert.not.match(failure, 'ann@')
}))

test.run()

import { table, text } from '@lowtide/core'
import { right, within } from '@lowtide/testing'
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { database } from '../server/database.js'
import { accessOf, inDatabase, needs, stop } from './fixture.js'
import { migrate } from './migrate.js'
import { inspect } from './start.js'

const teams = table('teams', { columns: { id: text }, key: 'id' }), people = table('people', { columns: { id: text, team: text }, key: 'id', unique: ['team'], references: { team: teams } })

/** As a process of its own this file migrates the database that it is told of, and says whether it was the one. */
const url = process.env['LOWTIDE_MIGRATE']
if (url !== undefined) {
  const access = accessOf(url), db = database(access, () => {})
  const { applied } = await right(migrate(db, access, needs([people, teams])))
  await db.close()
  process.exit(applied ? 10 : 20)
}

test.after(stop)

test('of eight processes that migrate at once one does it, and the others find it done', inDatabase(async ({ url, open, sql }) => {
  const codes = await within(60_000, 'eight processes', () => Promise.all(Array.from({ length: 8 }, () => new Promise<number | null>(resolve => {
    fork(fileURLToPath(import.meta.url), { env: { ...process.env, TEST_DATABASE_URL: url, LOWTIDE_MIGRATE: url }, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] }).on('exit', resolve)
  }))))
  assert.equal(codes.toSorted(), [10, ...Array.from({ length: 7 }, () => 20)])
  const { db, access } = open()
  await right(inspect(db, access, needs([people, teams])))
  assert.is((await sql(`select from lowtide.lowtide_migrations where kind = 'project'`)).length, 3)
}))

test('eight connections that add different things at once all succeed', inDatabase(async ({ url, open }) => {
  const { db, access } = open(), all = Array.from({ length: 8 }, (_, i) => table(`t${i}`, { columns: { id: text, to: text }, key: 'id', references: { to: teams } }))
  const dbs = all.map(() => database(accessOf(url), () => {}))
  await Promise.all(dbs.map((db, i) => right(migrate(db, access, needs([all[i]!, teams])))))
  await right(inspect(db, access, needs([...all, teams])))
  await Promise.all(dbs.map(db => db.close()))
}))

test.run()

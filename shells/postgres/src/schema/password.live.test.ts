import { type Failure, defaults } from '@lowtide/core'
import { postgres } from '@lowtide/servers'
import { left, right } from '@lowtide/testing'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { database } from '../server/database.js'
import { migrate } from './migrate.js'
import { inspect } from './start.js'

const password = 'Tr0ub4dor&3@/', wrong = 'c0rrect-h0rse'
const server = await postgres({ password })
test.after(() => server.stop())

const plan = { tables: [], options: { ...defaults } }
const opening = async (change: (url: URL) => void) => {
  const url = new URL(server.url)
  change(url)
  const access = { url: url.href, schema: 'lowtide', connections: 1, lockTimeout: 1_000, answerTimeout: 5_000 }, db = database(access, text => assert.not.match(text, wrong))
  return { db, access, refused: async () => {
    const failures = [await left<Failure, unknown>(inspect(db, access, plan)), await left<Failure, unknown>(migrate(db, access, plan))]
    for (const found of failures) for (const secret of [password, encodeURIComponent(password), wrong]) assert.not.match(JSON.stringify(found), secret)
    await db.close()
    return failures[0]!
  } }
}

test('the right password opens', async () => {
  const { db, access } = await opening(() => {})
  await right(migrate(db, access, plan))
  await right(inspect(db, access, plan))
  await db.close()
})
test('a wrong password is said to be wrong, and is not shown', async () => {
  const { refused } = await opening(url => { url.password = wrong }), { failure, retry } = await refused()
  assert.match(failure, `expected the password of role 'postgres', found one that the server refuses; see to user and password in the url`)
  assert.not(retry)
})
test('no password, where the server asks for one', async () => {
  const { refused } = await opening(url => { url.password = '' }), { failure, retry } = await refused()
  assert.match(failure, 'expected a password, for which the server asks, found none in the url')
  assert.not(retry)
})
test('an unknown role looks the same as a wrong password, as the server wants it', async () => {
  const { refused } = await opening(url => { url.username = 'nobody'; url.password = wrong }), { failure } = await refused()
  assert.match(failure, `expected the password of role 'nobody'`)
})

test.run()

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { heldTooLong } from '../../shells/postgres/dist/schema/status.js'
import { follow } from './follow.mjs'
import { read } from './markdown.mjs'

const doc = 'docs/postgres.md'

test('what it shows is so', () => follow(doc))

test('it tells after how long a transaction calls', () => {
  for (const text of [`for more than ${heldTooLong} s`, `it calls from ${heldTooLong} s on`]) assert.ok(read(doc).includes(text), `${doc} does not say '${text}'`)
})

test.run()

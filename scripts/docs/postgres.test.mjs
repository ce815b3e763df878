import { test } from 'uvu'
import { follow } from './follow.mjs'
import { allTyped } from './inline.mjs'

const doc = 'docs/postgres.md'

test('what it shows is so', () => follow(doc))

test('every command in its tables and sentences is typed', () => allTyped(doc, { besides: ['docs/operations.md'] }))

test.run()

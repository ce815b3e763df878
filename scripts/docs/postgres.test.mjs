import { test } from 'uvu'
import { follow } from './follow.mjs'
import { allTyped } from './inline.mjs'

const doc = 'docs/postgres.md'

test('what it shows is so', () => follow(doc))

test('every command in its tables and sentences is typed', () => allTyped(doc, { besides: ['docs/operations.md'], elsewhere: {
  'insert into audit': { test: 'shells/postgres/src/schema/existing.live.test.ts', with: 'begin insert into audit values' },
  'alter function shop.audited() set search_path = shop, public': { test: 'shells/postgres/src/schema/existing.live.test.ts', with: 'alter function shop.audited() set search_path = "shop", public' },
} }))

test.run()

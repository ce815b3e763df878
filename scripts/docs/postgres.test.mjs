import { test } from 'uvu'
import { follow } from './follow.mjs'

const doc = 'docs/postgres.md'

test('what it shows is so', () => follow(doc))

test.run()

import { test } from 'uvu'
import { follow } from './follow.mjs'

test('what it shows is so', () => follow('docs/postgres.md'))

test.run()

import { test } from 'uvu'
import { follow } from './follow.mjs'

test('the tutorial works, and shows what it says', () => follow('docs/first-handler.md'))

test.run()

import { test } from 'uvu'
import { follow } from './follow.mjs'

test('messages are published and lifted as it shows', () => follow('docs/messages.md'))

test.run()

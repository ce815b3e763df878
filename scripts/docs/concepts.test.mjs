import { test } from 'uvu'
import { follow } from './follow.mjs'

test('its excerpts stand in the code', () => follow('docs/concepts.md'))

test.run()

// time limit: 240 s
import { test } from 'uvu'
import { follow } from './follow.mjs'

test('a repository of one’s own works from the packed packages', () => follow('docs/own-repository.md', { from: '.' }))

test.run()

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { matches } from './output.mjs'

const test = suite('comparing outputs')

for (const [expected, found] of [
  ['a\nb', 'a\nb\n'], ['a … c', 'a b c'], ['a\n…\nc', 'a\nb\nb\nc'], ['a\n…', 'a\nb'], ['…\nc', 'c'],
  ['in 0.1 s', 'in 12.3 s'], ['at 2026-01-31T12:00:00.000Z', 'at 2027-02-01T01:02:03.004Z'], ['a', '\n> start\n> exec node\n\na\n'],
]) test(`${JSON.stringify(found)} is what ${JSON.stringify(expected)} promises`, () => assert.ok(matches(expected, found)))

for (const [expected, found] of [['a', 'b'], ['a', 'a\nb'], ['a … c', 'a\nc'], ['a.c', 'abc'], ['a\n…\nc', 'a\nb'], ['', 'a']])
  test(`${JSON.stringify(found)} is not what ${JSON.stringify(expected)} promises`, () => assert.not(matches(expected, found)))

test.run()

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { matches } from './output.mjs'

const test = suite('comparing outputs')

for (const [expected, found] of [
  ['a\nb', 'a\nb\n'], ['a … c', 'a b c'], ['a\n…\nc', 'a\nb\nb\nc'], ['a\n…', 'a\nb'], ['…\nc', 'c'],
  ['in 0.1 s', 'in 12.3 s'], ['at 2026-01-31T12:00:00.000Z', 'at 2027-02-01T01:02:03.004Z'], ['{"id":"d7075451-e90c-8685-acc7-95e9041889f0"}', '{"id":"05671e66-e2fb-8420-a465-717f39470839"}'],
  ['HTTP/1.1 200 OK\n…\na', 'HTTP/1.1 200 OK\r\ndate: now\r\n\r\na'], ['a', '\n> start\n> exec node\n\na\n'],
]) test(`${JSON.stringify(found)} is what ${JSON.stringify(expected)} promises`, () => assert.ok(matches(expected, found)))

for (const [expected, found] of [['a', 'b'], ['a', 'a\nb'], ['a … c', 'a\nc'], ['a.c', 'abc'], ['a\n…\nc', 'a\nb'], ['', 'a'], ['d7075451-e90c-8685-acc7-95e9041889f0', 'd7075451']])
  test(`${JSON.stringify(found)} is not what ${JSON.stringify(expected)} promises`, () => assert.not(matches(expected, found)))

test.run()

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { asked } from './arguments.js'

const ask = (...args: readonly string[]) => asked(args, { terminal: true })
const fault = (...args: readonly string[]) => {
  const answer = ask(...args)
  return 'fault' in answer ? answer.fault : ''
}

test('a file, or - for standard input', () => {
  assert.equal(ask('x.csv'), { path: 'x.csv' })
  assert.equal(ask('-'), { path: '-' })
  assert.equal(ask('--', '-x.csv'), { path: '-x.csv' })
  assert.equal(ask('--', '--help'), { path: '--help' })
})

test('without a file, standard input unless it is a terminal', () => {
  assert.equal(asked([], { terminal: false }), { path: '-' })
  assert.match(fault(), /^there is no file to read, and standard input is a terminal; give a CSV or NDJSON file/)
})

test('help', () => {
  for (const args of [['--help'], ['-h'], ['x.csv', '--help']]) assert.equal(ask(...args), { help: true })
})

test('what it does not know is named', () => {
  assert.match(fault('--hlep'), "no option '--hlep'")
  assert.match(fault('-x', 'x.csv'), "no option '-x'")
  assert.match(fault('--help', '--file=x.csv'), "no option '--file'")
  assert.match(fault('a.csv', 'b.csv'), "expected one file, found 2 ('a.csv', 'b.csv')")
})

test.run()

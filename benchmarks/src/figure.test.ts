import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { figure, median, meets } from './figure.js'

const test = suite('figures')

test('the median stands in the middle, or between the two that do', () => {
  assert.is(median([3, 1, 2]), 2)
  assert.is(median([4, 1, 3, 2]), 2.5)
})

test('a figure compares medians, and keeps the range of the single rounds', () => {
  const f = figure('x', 'commands/s', [[6, 10], [8, 10], [9, 20]], { atLeast: 0.6 })
  assert.equal([f.value, f.baseline, f.ratio, f.range, f.runs], [8, 10, 0.8, [0.45, 0.8], 3])
})

test('a target is a bound on the ratio, from below or from above', () => {
  const at = (ratio: number) => figure('x', 'us', [[ratio, 1]])
  assert.ok(meets(at(9)))
  assert.ok(meets({ ...at(0.6), target: { atLeast: 0.6 } }))
  assert.not(meets({ ...at(0.59), target: { atLeast: 0.6 } }))
  assert.ok(meets({ ...at(1.3), target: { atMost: 1.3 } }))
  assert.not(meets({ ...at(1.31), target: { atMost: 1.3 } }))
})

test.run()

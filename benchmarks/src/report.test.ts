import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { figure } from './figure.js'
import { jsonLine, table } from './report.js'

const test = suite('the report')
const fast = figure('memory/command-64', 'commands/s', [[65_432.1, 100_000]], { atLeast: 0.6 }), slow = figure('batching/10', 'us/command', [[12.345, 10]], { atMost: 1 })

test('a program gets one line of JSON a figure', () => {
  assert.equal(JSON.parse(jsonLine(fast)), { name: 'memory/command-64', value: 65_432.1, unit: 'commands/s', baseline: 100_000, ratio: 0.654_321, runs: 1 })
})

test('a reader gets columns, with what the target is and whether it is missed', () => {
  const { head, line } = table([fast.name, slow.name])
  assert.is(`${head()}\n${line(fast)}\n${line(slow)}`, [
    '                        value  unit           baseline   ratio      min-max   target   runs',
    'memory/command-64      65,432  commands/s      100,000    0.65    0.65-0.65   >= 0.6      1',
    'batching/10              12.3  us/command         10.0    1.23    1.23-1.23     <= 1      1  missed',
  ].join('\n'))
})

test.run()

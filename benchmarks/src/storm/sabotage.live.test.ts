// time limit: 400 s
import { rmSync } from 'node:fs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { saboteurs } from './sabotage.js'
import { storm } from './storm.js'

const test = suite('a storm notices a worker that')

for (const [name, { tells }] of Object.entries(saboteurs)) test(name, async () => {
  const { result, failed, faults, folder } = await storm({ messages: 800, seed: 5, sabotage: name, schedule: [], patience: 8 })
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
  assert.ok(failed)
  assert.ok(result[tells] > 0, `${tells} is 0 in ${JSON.stringify(result)}`)
  assert.ok(faults.some(fault => fault.startsWith(tells)), faults.join('\n'))
})

test('does nothing wrong, by no fault', async () => {
  const { result, faults, folder } = await storm({ messages: 800, seed: 5, schedule: [], patience: 8 })
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
  assert.equal([result.lost, result.twice, result.stuck, result.disordered], [0, 0, 0, 0], faults.join('\n'))
})

test.run()

import { rmSync } from 'node:fs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Saboteur, saboteurs } from './role.js'
import { relayStorm } from './storm.js'

const test = suite('a storm over a broken relay, or receiver')

for (const [sabotage, tells] of Object.entries(saboteurs)) test(`tells that it ${sabotage}: ${tells}`, async () => {
  const { result, failed, folder } = await relayStorm({ messages: 400, seed: 7, patience: 5, sabotage: sabotage as Saboteur })
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
  assert.ok(failed && result[tells] > 0, JSON.stringify(result))
})

test.run()

import { rmSync } from 'node:fs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { relayStorm } from './storm.js'

const test = suite('a storm over relays')

test('loses nothing, applies nothing twice, and keeps the order of each key', async () => {
  const { result, failed, faults, folder } = await relayStorm({ messages: 1_000, seed: 1 + Math.floor(Math.random() * 1_000_000) })
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
  assert.not(failed, `${JSON.stringify(result)}\n${faults.join('\n')}`)
})

test.run()

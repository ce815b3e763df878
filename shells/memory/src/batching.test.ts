import { batching } from '@lowtide/conformance'
import { type Runtime, type Store, defaults } from '@lowtide/core'
import * as E from 'fp-ts/lib/Either.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { memory } from './memory.js'

const test = suite('batching in memory')
const runtime: Runtime = { now: () => 0, after: () => () => {}, soon: call => { call() }, random: () => 0, newId: () => 'i', log: () => {} }

test('a batch equals its messages one by one, and the cases bite', async () => {
  const bite = await batching(async tables => {
    const shell = memory(), opened = await shell.open({ tables, channels: [], consumers: [], everywhere: [], runtime, options: defaults })()
    assert.ok(E.isRight(opened))
    const { store }: { store: Store } = opened.right
    return { store, rows: async t => shell.world.inspect.rows(t), close: () => opened.right.close() }
  }, { runs: Number(process.env['RUNS'] ?? 1000), seed: process.env['SEED'] === undefined ? undefined : Number(process.env['SEED']) })
  const share = (n: number): number => n / bite.batches
  assert.ok(share(bite.overlap) >= 0.3 && share(bite.cut) >= 0.1 && share(bite.conflict) >= 0.1, JSON.stringify(bite))
})

test.run()

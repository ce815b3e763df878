import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Instance, processes, runLaws, serve } from '@lowtide/conformance'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { site } from './site.js'
import { guarantees } from './memory.js'

interface Given { readonly partitions: number; /** Each instance writes down its process there. */ readonly met?: string; /** Something that no instance clears away. */ readonly leaves?: boolean }

// This file is its own instance: each process has a memory of its own, so only laws about one process can be tried.
const instance = '--instance'
if (process.argv.includes(instance)) serve((given: Given) => {
  if (given.met !== undefined) appendFileSync(given.met, `${process.pid}\n`)
  if (given.leaves === true) setInterval(() => {}, 60_000)
  return site(given)
})
else {
  const test = suite('instances that are processes of their own')
  const making = (more: Partial<Given> = {}) => processes(new URL(import.meta.url), async o => ({
    given: { ...o, ...more }, guarantees, close: async () => {}, inspect: { rows: async () => [], channel: async () => [] }, bench: () => Promise.reject(new Error('nobody asks for it')),
  }), [instance])
  const make = making()
  for (const title of ['as soon as it is handled', 'what cannot be handled is told apart', 'close may be called again'] as const) test(title, async () => {
    const results = await runLaws(make, { only: l => l.title.includes(title) })
    assert.equal(results.map(r => r.error ?? 'ok'), ['ok'])
  })

  const module = new URL('./functions.js', import.meta.resolve('@lowtide/conformance')).href, nobody = new Promise<never>(() => {})
  /** How many processes two worlds, one after the other, had for the one instance of each. */
  const used = async (then: (instance: Instance) => Promise<unknown>, more: Partial<Given> = {}): Promise<number> => {
    const folder = mkdtempSync(join(tmpdir(), 'lowtide-')), met = join(folder, 'met'), make = making({ ...more, met })
    try {
      for (let n = 0; n < 2; n++) {
        const world = await make({ seed: 1, partitions: 1 })
        await then(await world.start({ module, handlers: [], whole: true, options: {}, faults: {}, seed: 1 }, { ask: () => nobody, effect: () => nobody }))
        await world.close()
      }
      return new Set(readFileSync(met, 'utf8').trim().split('\n')).size
    } finally { rmSync(folder, { recursive: true }) }
  }
  test('a process serves again when its instance has ended in good order', async () => {
    assert.is(await used(i => i.call('state', [])), 1)
    assert.is(await used(i => i.close()), 1)
  })
  test('who was killed, stands still, or keeps something is replaced', async () => {
    assert.is(await used(i => i.crash()), 2)
    assert.is(await used(i => i.pause()), 2)
    assert.is(await used(async () => {}, { leaves: true }), 2)
  })
  test.run()
}

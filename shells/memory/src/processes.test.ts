import { processes, runLaws, serve } from '@lowtide/conformance'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { site } from './site.js'
import { guarantees } from './memory.js'

// This file is its own instance: each process has a memory of its own, so only laws about one process can be tried.
const instance = '--instance'
if (process.argv.includes(instance)) serve(site)
else {
  const test = suite('instances that are processes of their own')
  const make = processes(new URL(import.meta.url), async o => ({
    given: o, guarantees, close: async () => {}, inspect: { rows: async () => [], channel: async () => [] }, bench: () => Promise.reject(new Error('nobody asks for it')),
  }), [instance])
  for (const title of ['as soon as it is handled', 'what cannot be handled is told apart', 'close may be called again'] as const) test(title, async () => {
    const results = await runLaws(make, { only: l => l.title.includes(title) })
    assert.equal(results.map(r => r.error ?? 'ok'), ['ok'])
  })
  test.run()
}

import { local, notices, runLaws, saboteurs } from '@lowtide/conformance'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { guarantees, memory } from './memory.js'
import { site } from './site.js'
import { memoryWorld } from './world.js'

const test = suite('the conformance suite')

for (const s of saboteurs) test(`law ${s.law} notices who ${s.name}`, async () => { await notices(local(site), s) })

/** What is promised to be absent has to be absent: memory, with less on its label than is inside. */
const labelled = (less: Partial<typeof guarantees>) => local(({ partitions }) => {
  const world = memoryWorld({ partitions }), label = { ...guarantees, ...less }
  return { guarantees: label, join: () => ({ ...memory({ world }), guarantees: label }), rows: world.inspect.rows, channel: world.inspect.channel }
})
for (const [less, law] of [[{ delivery: 'at least once' }, 2], [{ scope: 'partition' }, 3], [{ parkedKey: 'passes' }, 7], [{ replay: 'none' }, 12]] as const) {
  test(`law ${law} notices who keeps more than ${JSON.stringify(less)}`, async () => {
    const results = await runLaws(labelled(less), { only: l => l.law === law, until: 'failure' })
    assert.is(results.at(-1)?.ok, false, `all ${results.length} tests of law ${law} pass`)
  })
}
for (const less of [{ references: 'unchecked' }, { ordering: 'none' }] as const) test(`wiring refuses what needs more than ${JSON.stringify(less)}`, async () => {
  const results = await runLaws(labelled(less), { only: l => l.title === 'a row that others refer to stays' || l.title.startsWith('one at a time') })
  assert.equal(results.map(r => r.error ?? 'ok'), ['ok', 'ok'])
})

test.run()

// time limit: 600 s
import { notices, processes, runLaws, saboteurs } from '@lowtide/conformance'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ground, stop } from './world/fixture.js'

const test = suite('the conformance suite, on Postgres'), make = processes(new URL('./conformance.live.test.js', import.meta.url), ground, ['--instance'])
test.after(stop)

/** This one opens other tables than the database has: it is noticed before it can do anything. */
const early = 'ignores a unique index'
/** Back-pressure shows only under some load. */
const effortOf = (law: number): number => law === 10 ? 0.3 : 0.02

for (const s of saboteurs) if (s.name !== early) test(`law ${s.law} notices who ${s.name}`, async () => { await notices(make, s, { effort: effortOf(s.law), patience: 4_000 }) })
test(`who ${early} cannot start`, async () => {
  const [result] = await runLaws(make, { sabotage: early, only: l => l.title.includes('as soon as it is handled') })
  assert.match(result?.error ?? 'it starts', /cannot open schema .* constraint/s)
})

test.run()

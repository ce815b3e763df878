// time limit: 600 s
import { type Result, type Saboteur, notices, processes, runLaws, saboteurs } from '@lowtide/conformance'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ground, stop } from './world/fixture.js'

const test = suite('the conformance suite, on Postgres'), make = processes(new URL('./conformance.live.test.js', import.meta.url), ground, ['--instance'])

/** This one opens other tables than the database has: it is noticed before it can do anything. */
const early = 'ignores a unique index'
/** Back-pressure shows only under some load, and who skips a check only where two meet. */
const effortOf = (law: number): number => law === 10 ? 0.3 : law === 14 ? 0.2 : 0.02

/** A law that fails has waited in vain, idle, for its patience of 4 s: beside one that waits another is tried. Not where two must meet: they are tried alone, at last. */
const atOnce = 2, alone = (s: Saboteur): boolean => s.law === 6 || s.law === 14
const trials = saboteurs.filter(s => s.name !== early).toSorted((a, b) => Number(alone(a)) - Number(alone(b))).map(saboteur => {
  let tell: (noticed: Promise<readonly Result[]>) => void = () => {}
  const noticed = new Promise<readonly Result[]>(resolve => { tell = resolve })
  noticed.catch(() => {}) // its test tells
  return { saboteur, noticed, tell }
})
const begin = async (queue: { readonly saboteur: Saboteur; tell(noticed: Promise<readonly Result[]>): void }[]): Promise<void> => {
  for (let t = queue.shift(); t !== undefined; t = queue.shift()) {
    const noticing = notices(make, t.saboteur, { effort: effortOf(t.saboteur.law), patience: 4_000 })
    t.tell(noticing)
    await noticing.catch(() => {})
  }
}
let ended: Promise<unknown> = Promise.resolve()
test.before(() => {
  const queue = trials.filter(t => !alone(t.saboteur)), last = trials.filter(t => alone(t.saboteur))
  ended = Promise.all(Array.from({ length: atOnce }, () => begin(queue))).then(() => begin(last))
})
test.after(async () => { await ended; await stop() })

for (const { saboteur: s, noticed } of trials) test(`law ${s.law} notices who ${s.name}`, async () => { await noticed })
test(`who ${early} cannot start`, async () => {
  const [result] = await runLaws(make, { sabotage: early, only: l => l.title.includes('as soon as it is handled') })
  assert.match(result?.error ?? 'it starts', /cannot open schema .* constraint/s)
})

test.run()

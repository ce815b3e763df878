// time limit: 600 s
import { notices, processes, saboteurs } from '@lowtide/conformance'
import { suite } from 'uvu'
import { ground, stop } from './world/fixture.js'

const test = suite('the conformance suite, on Postgres'), make = processes(new URL('./conformance.live.test.js', import.meta.url), ground, ['--instance'])
test.after(stop)

for (const s of saboteurs) test(`law ${s.law} notices who ${s.name}`, async () => { await notices(make, s, { effort: 0.1 }) })

test.run()

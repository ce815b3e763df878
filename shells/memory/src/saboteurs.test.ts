import { local, notices, saboteurs } from '@lowtide/conformance'
import { suite } from 'uvu'
import { site } from './site.js'

const test = suite('the conformance suite')
for (const s of saboteurs) test(`law ${s.law} notices who ${s.name}`, async () => { await notices(local(site), s) })
test.run()

import { planOf, system } from '@lowtide/run'
import { testServer } from '@lowtide/servers'
import { left, right, until } from '@lowtide/testing'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { deployedOf, inPlace, outside } from './fixture.js'
import { Note } from './functions/fixture.js'

const server = await testServer(), at = (test: Parameters<typeof inPlace>[1]) => inPlace(() => server.url, test), patience = 10_000
const test = suite('the verbs of the outbox')
test.after(() => server.stop())

/** Verbs of a deployment with these relays, and what they say on the way. */
const verbsOf = (url: string, relays: Parameters<typeof deployedOf>[0]['relays'] = []) => {
  const d = deployedOf({ url, relays }), said: string[] = [], plan = planOf(d, { ...system, log: (_level, text) => { said.push(text) } })
  return { said, run: (name: string, ...flags: readonly string[]) => d.shell.verbs!.find(verb => verb.name === name)!.run(plan, new Set(flags)) }
}

test('tell what waits, and call where a relay should carry it and none does', at(async place => {
  const { run } = verbsOf(place.url), ofRelay = verbsOf(place.url, [outside().relay()])
  assert.equal((await right(run('outbox status'))).text, 'Outbox\nnothing waits')
  const app = await place.app({ process: 'worker' })
  for (let n = 0; n < 3; n++) await right(app.send(Note({ key: 'k', n })))
  const calm = await right(run('outbox status'))
  assert.match(calm.text, /leaving +\d +3 +\d+ s +none +none$/)
  assert.is(calm.alarm, false, 'rows that nobody here carries are for another')
  const lost = await right(ofRelay.run('outbox status'))
  assert.match(lost.text, /leaving +\d +3 +\d+ s +relay-out +none\n/)
  assert.match(lost.text, `! 1 partition of the outbox without a live owner: start a process that runs 'relay-out'`)
  assert.ok(lost.alarm)
  assert.ok((await right(ofRelay.run('status'))).text.includes(lost.text), 'the whole status tells the same')
  await place.sql(`update lowtide.lowtide_outbox set time = '2024-05-01T00:00:00.000Z'`)
  assert.match((await right(ofRelay.run('outbox status'))).text, '! what leaves has waited for more than 5 min')
}))

test('wait until all that stood there is gone, whatever comes meanwhile, and say how far it is', at(async place => {
  const out = outside(), relays = [out.relay()], { run, said } = verbsOf(place.url, relays), app = await place.app({ process: 'worker' })
  for (let n = 0; n < 3; n++) await right(app.send(Note({ key: 'k', n })))
  const late = await right(run('outbox drain', 'timeout=0.2'))
  assert.equal([late.alarm, late.data], [true, { drained: false, waited: 3, left: 3, parked: 0 }])
  const draining = run('outbox drain', 'timeout=20')()
  await until('a line about the progress', patience, () => said.some(line => line.startsWith('3 of 3 wait')))
  let go = true
  const more = (async () => { for (let n = 3; go; n++) await right(app.send(Note({ key: 'k', n }))) })()
  await place.app({ process: 'relay', relays })
  const done = await draining
  go = false
  await more
  assert.ok(done._tag === 'Right')
  assert.equal([done.right.alarm, done.right.data], [undefined, { drained: true, waited: 3, left: 0, parked: 0 }])
  assert.match(done.right.text, 'The outbox is empty of what stood there: 3 went out')
}))

test('say what is wrong with the question', at(async ({ url }) => {
  assert.match((await left(verbsOf(url).run('outbox drain'))).failure, 'expected a relay in a process of this deployment, found none')
  const { run } = verbsOf(url, [outside().relay()])
  assert.match((await left(run('outbox drain', 'timeout=soon'))).failure, `expected --timeout=<seconds> above 0, found 'soon'`)
  assert.match((await left(run('outbox drain', 'dry'))).failure, 'expected the flags timeout, found dry')
  assert.match((await right(run('outbox drain'))).text, 'The outbox is empty of what stood there: 0 went out')
}))

test.run()

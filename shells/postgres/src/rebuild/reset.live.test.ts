import type { Store } from '@lowtide/core'
import { system, planOf, deployment } from '@lowtide/run'
import { testServer } from '@lowtide/servers'
import { left, right, until } from '@lowtide/testing'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { partitionOf } from '../log/position.js'
import { postgres } from '../postgres.js'
import { type Place, compared, inPlace, projected } from './fixture.js'
import { Add, add, functions, summing } from './functions/fixture.js'

const test = suite('a reset')
const server = await testServer()
test.after(() => server.stop())
const how = { back: true, force: false, dry: false }
/** A store as an operator opens it, beside whatever runs. */
const inDatabase = (run: (place: Place, reset: (to: string, o?: Partial<typeof how & { readonly partial: boolean }>) => ReturnType<NonNullable<Store['reset']>>) => Promise<void>) => inPlace(() => server.url, async place => {
  const d = deployment({ name: 'sums', functions: [functions], shell: postgres({ url: place.url, connections: 2 }), processes: { all: [add, summing] }, options: { partitions: 4 } }), plan = planOf(d, system)
  const opened = await right(d.shell.open({ ...plan, consumers: [] }))
  try { await run(place, (to, o) => opened.store.reset!(plan.consumers.find(c => c.name === 'summing')!, to, { ...how, ...o })) } finally { await opened.close() }
})
const send = async (place: Place, ...ns: readonly number[]): Promise<void> => {
  const app = await place.app()
  for (const n of ns) await right(app.send(Add({ key: 'a', n, entry: `a${n}` }), { wait: 'projected' }))
  await app.close()
}
const same = async (place: Place): Promise<void> => { await projected(place); for (const [table, [rows, log]] of Object.entries(await compared(place))) assert.equal(rows, log, table) }
const emptied = ({ sql }: Place): Promise<unknown> => sql('truncate lowtide.sums, lowtide.entries')

test('to the start lets all come again, also what has a mark', inDatabase(async (place, reset) => {
  await send(place, 1, 2, 3)
  await place.sql(`insert into lowtide.lowtide_inbox (consumer, id, body, time, tx) select 'summing', message ->> 'id', '', now(), 1 from lowtide.lowtide_log where channel = 'sum-events'`)
  const told = (moved: readonly { readonly messages: number; readonly position: string }[]) => [moved.length, moved.reduce((sum, m) => sum + m.messages, 0), new Set(moved.map(m => m.position)).size]
  assert.equal(told(await right(reset('start', { dry: true }))), [4, 3, 1])
  assert.equal(await place.sql(`select count(*)::int as n from lowtide.lowtide_inbox where consumer = 'summing'`), [{ n: 3 }], 'dry changes nothing')
  await emptied(place)
  assert.equal(told(await right(reset('start'))), [4, 3, 1])
  assert.equal(await place.sql(`select count(*)::int as n from lowtide.lowtide_inbox where consumer = 'summing'`), [{ n: 0 }])
  await place.child('worker')
  await same(place)
}))

test('to the end, or to a position, passes over what stands before', inDatabase(async (place, reset) => {
  await send(place, 1, 2)
  const front = await place.app('front')
  const worker = await place.child('worker')
  await worker.kill()
  const place3 = async (): Promise<string> => String((await place.sql(`select tx || '.' || n as x from lowtide.lowtide_log where channel = 'sum-events' order by tx desc, n desc limit 1`))[0]!['x'])
  await right(reset('end', { back: false }))
  await place.child('worker')
  await right(front.send(Add({ key: 'a', n: 3, entry: 'a3' }), { wait: 'projected' }))
  assert.equal(await place.sql('select n::int from lowtide.sums'), [{ n: 6 }])
  await right(reset(await place3(), { force: true, back: false }))
  assert.match((await left(reset('1.x', { force: true }))).failure, "expected 'start', 'end' or a position such as 1234.0, found '1.x'; nothing was changed")
  assert.match((await left(reset('999999999.0', { force: true }))).failure, /expected 'end', or a position below \d+\.0, where the log ends for now, found '999999999\.0', and what comes before it would be passed over; nothing was changed$/)
  await same(place)
}))

test('forward lets nothing come again that was handled behind a message that is tried for long', inDatabase(async (place, reset) => {
  const app = await place.app('adder'), [first, second] = Array.from({ length: 50 }, (_, i) => `k${i}`).filter(key => partitionOf(key, 4) === 0) as [string, string]
  const send = (key: string, n: number): Promise<unknown> => right(app.send(Add({ key, n, entry: `${key}/${n}` }), { wait: 'handled' }))
  const tried = await place.child('projector', { POISON: `${first}/1`, RETRIES: '1000' })
  await send(first, 1)
  for (const n of [1, 2, 3]) await send(second, n)
  await until('the other key to be handled', 20_000, async () => (await place.sql('select n::int from lowtide.sums where key = $1', [second]))[0]?.['n'] === 6)
  await tried.kill()
  const [at] = await place.sql(`select tx || '.' || n as x from lowtide.lowtide_log where channel = 'sum-events' and message #>> '{data,key}' = $1`, [first])
  await right(reset(String(at!['x']), { back: false, force: true }))
  await place.child('projector')
  await right(app.send(Add({ key: second, n: 4, entry: `${second}/4` }), { wait: 'projected' }))
  assert.equal(await place.sql('select key, n::int from lowtide.sums'), [{ key: second, n: 10 }])
  assert.equal(await place.sql('select from lowtide.lowtide_parked'), [], 'none of them was tried again')
}))

test('is refused while a process runs it; with force that is fenced, and goes on from there', inDatabase(async (place, reset) => {
  const app = await place.app('front')
  await place.child('worker')
  for (const n of [1, 2]) await right(app.send(Add({ key: 'a', n, entry: `a${n}` }), { wait: 'projected' }))
  assert.match((await left(reset('start'))).failure, /^\[postgres\] cannot reset 'summing': expected that no process runs it, found [0-9a-f-]+; stop those that do, or use --force/)
  const fences = async (): Promise<number> => Number((await place.sql(`select sum(fence) as n from lowtide.lowtide_consumers where consumer = 'summing'`))[0]!['n']), before = await fences()
  await emptied(place)
  await right(reset('start', { force: true }))
  assert.ok(await fences() >= before + 4)
  await until('the rows to be there again', 20_000, async () => (await place.sql('select n::int from lowtide.sums'))[0]?.['n'] === 3)
  await right(app.send(Add({ key: 'a', n: 3, entry: 'a3' }), { wait: 'projected' }))
  await same(place)
}))

test('back is refused for who sends, and while something is parked', inDatabase(async (place, reset) => {
  const front = await place.app('front'), worker = await place.child('worker', { POISON: 'a2' })
  for (const n of [1, 2]) await right(front.send(Add({ key: 'a', n, entry: `a${n}` }), { wait: 'handled' }))
  await until('a message to be parked', 20_000, async () => (await right(front.parked.list())).length === 1)
  await worker.kill()
  assert.match((await left(reset('start', { back: false, force: true }))).failure, 'only a projector can go back')
  assert.match((await left(reset('start', { force: true }))).failure, 'expected that nothing of it is parked, found 1 messages')
}))

test('back behind what retention has removed is refused, unless what is left is enough', inDatabase(async (place, reset) => {
  await send(place, 1, 2)
  await place.sql(`insert into lowtide.lowtide_ages (time, tx) values (now() - interval '8 days', pg_current_xact_id()::text::bigint)`)
  await send(place, 3)
  const d = deployment({ name: 'sums', functions: [functions], shell: postgres({ url: place.url, connections: 2, retention: { every: false, events: 1_000 } }), processes: { all: [add, summing] }, options: { partitions: 4, dedupWindow: 1_000 } })
  await right(d.shell.verbs!.find(v => v.name === 'retention run')!.run(planOf(d, system), new Set()))
  const [left3] = await place.sql(`select count(*)::int as n from lowtide.lowtide_log where channel = 'sum-events'`)
  assert.equal(left3, { n: 1 })
  await emptied(place)
  const { failure } = await left(reset('start'))
  assert.match(failure, /expected that the log holds all that shall come again, found that retention has removed sum-events\/\d up to \d+\.\d+; to let only what is left come again, add --partial; nothing was changed$/)
  assert.is((await right(reset('start', { partial: true }))).reduce((sum, m) => sum + m.messages, 0), 1)
  await place.child('worker')
  await until('what is left', 20_000, async () => (await place.sql('select from lowtide.entries')).length === 1)
}))

test('back is refused too where events were removed before places were kept: nobody knows from where', inDatabase(async (place, reset) => {
  await send(place, 1, 2)
  await place.sql(`update lowtide.lowtide_retention set total = 2 where kind = 'events'`)
  assert.match((await left(reset('start'))).failure, /found that retention has removed 2 events, and that nobody knows whether sum-events\/\d had some of them; to let only what is left come again, add --partial; nothing was changed$/)
  await right(reset('end'))
  assert.is((await right(reset('start', { partial: true }))).length, 4)
}))

test.run()

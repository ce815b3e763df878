// mostly waits
// time limit: 120 s
import { command, channel, event, accept, commandHandler, defaults, projector, table, text } from '@lowtide/core'
import { type NotHandled, deployment, planOf, start, system } from '@lowtide/run'
import { left, right, within } from '@lowtide/testing'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { z } from 'zod'
import { type RetentionOptions, postgres } from '../postgres.js'
import { type Place, inDatabase, stop } from '../schema/fixture.js'

test.after(stop)

const orders = channel('orders'), ordered = channel('ordered'), data = z.object({ id: z.string() })
const Order = command('Order', { channel: orders, key: d => d.id, schema: data }), Ordered = event('Ordered', { channel: ordered, key: d => d.id, schema: data })
const books = table('books', { columns: { id: text }, key: 'id' })
const order = commandHandler({ meta: { name: 'order', in: Order, out: [Ordered] }, operate: (_ctx, { data }) => accept(Ordered(data)), write: { Ordered: () => [] } })
const book = projector({ meta: { name: 'book', in: [Ordered], uses: [books] }, write: { Ordered: ({ data }) => [books.put(data)] } })

const window = 1_500
const deployed = ({ url }: Pick<Place, 'url'>, retention: RetentionOptions = { every: 100 }, lines: string[] = []) => {
  const d = deployment({ functions: [{ order, book }], shell: postgres({ url, connections: 3, retention }), processes: { all: [order, book] }, options: { dedupWindow: window, partitions: 2, backoffBase: 20, backoffCap: 100, poll: 50 } })
  return { d, lines, start: () => start(d, { ...system, log: (_level, line) => { lines.push(line) } }), verb: (name: string, ...flags: string[]) => d.shell.verbs!.find(verb => verb.name === name)!.run(planOf(d, { ...system, log: (_level, line) => { lines.push(line) } }), new Set(flags)) }
}
type App = Awaited<ReturnType<ReturnType<typeof deployed>['start']>>
const send = (app: App, id: string) => right<NotHandled, { readonly events?: readonly { readonly id: string }[] }>(app.send(Order({ id }), { id, wait: 'projected' }))
const until = (what: string, done: () => Promise<boolean>): Promise<void> => within(20_000, what, async () => { while (!await done()) await new Promise(resolve => { setTimeout(resolve, 20) }) })
const outcomes = async ({ sql }: Place): Promise<number> => Number((await sql(`select count(*) as n from lowtide.lowtide_inbox where consumer = ''`))[0]!['n'])

test('several instances remove what is old, none before its time, and all of them go on', inDatabase(async place => {
  const { start, verb } = deployed(place)
  await right(verb('migrate'))
  const apps = await Promise.all([start(), start(), start()])
  try {
    const answers = await Promise.all(Array.from({ length: 60 }, (_, i) => send(apps[i % 3]!, `o${i}`))), begun = performance.now()
    assert.equal(await Promise.all(answers.map((_, i) => send(apps[(i + 1) % 3]!, `o${i}`))), answers) // law 9
    assert.is(await outcomes(place), 60)
    await until('a removal', async () => await outcomes(place) < 60)
    assert.ok(performance.now() - begun >= window)
    await until('the removal of all', async () => await outcomes(place) === 0)
    assert.equal([...new Set((await place.sql('select count(*)::int as n from lowtide.books union all select count(*)::int from lowtide.lowtide_log')).map(row => row['n']))], [60]) // rows and events stay
    await send(apps[0]!, 'o0')
    await until('the next removal', async () => await outcomes(place) === 0)
    assert.ok(Number((await place.sql(`select total::int as n from lowtide.lowtide_retention where kind = 'outcomes'`))[0]!['n']) === 61)
  } finally { await Promise.all(apps.map(app => app.close())) }
}))

test('what fails is told once and tried again; the process serves on', inDatabase(async place => {
  const { start, verb, lines } = deployed(place)
  await right(verb('migrate'))
  const app = await start()
  try {
    await place.sql('alter table lowtide.lowtide_ages rename to elsewhere')
    await until('a failure', async () => (await place.sql(`select failure from lowtide.lowtide_retention where kind = 'runner' and failure is not null`)).length > 0)
    await send(app, 'o1')
    await until('another attempt', async () => { const [row] = await place.sql(`select time from lowtide.lowtide_retention where kind = 'runner' and time > (select max(time) from lowtide.lowtide_inbox)`); return row !== undefined })
    assert.is(lines.filter(line => line.includes('cannot remove what is old')).length, 1)
    await place.sql('alter table lowtide.elsewhere rename to lowtide_ages')
    await until('a removal', async () => await outcomes(place) === 0)
    assert.is(lines.filter(line => line.includes('can remove what is old again')).length, 1)
    const { text } = await right(verb('status'))
    assert.match(text, /\nRetention\nlast run \d s ago; one instance runs every 0 s\n[^]*\noutcomes +2 s +none +\d+ +1\n/)
    assert.not.match(text.slice(text.indexOf('Retention')), '! ')
  } finally { await app.close() }
}))

test('the verb waits for who runs, and removes at once what the schedule would', inDatabase(async place => {
  const { start, verb, d } = deployed(place, { every: false, events: window })
  await right(verb('migrate'))
  const app = await start()
  try {
    await Promise.all(Array.from({ length: 20 }, (_, i) => send(app, `o${i}`)))
    assert.equal((await right(verb('retention run'))).data, { dry: false, rows: { outcomes: 0, marks: 0, outbox: 0, events: 0, failed: 0 }, held: [] }) // notes how old they are
    const would = async () => ((await right(verb('retention run', 'dry'))).data as { readonly rows: { readonly outcomes: number; readonly events: number } }).rows
    await until('their age', async () => (await would()).outcomes === 20)
    assert.is((await would()).events, 20)
    assert.is(await outcomes(place), 20)
    assert.match((await right(verb('status'))).text, /\nlast run \d s ago; runs only by 'lowtide retention run'\n/)
    await place.sql(`update lowtide.lowtide_retention set holder = 'another', until = now() + interval '1500 ms' where kind = 'runner'`)
    const begun = performance.now(), { text, data } = await right(verb('retention run'))
    assert.ok(performance.now() - begun > 1_000)
    assert.equal(data, { dry: false, rows: { outcomes: 20, marks: 0, outbox: 0, events: 20, failed: 0 }, held: [] })
    assert.match(text, /^rows +removed\n[- ]+\noutcomes +20\n/)
    await send(app, 'o1') // as new
    assert.ok(d.options.dedupWindow < defaults.dedupWindow)
  } finally { await app.close() }
}))

test('what cannot be meant is refused before anything is opened, or removed', inDatabase(async place => {
  const { d, verb } = deployed(place, { events: 1 })
  assert.match((await left(d.shell.open(planOf(d, system)))).failure, `cannot open schema 'lowtide': retention.events: expected whole milliseconds, at least 1500 (the option dedupWindow`)
  assert.match((await left(verb('retention run'))).failure, 'cannot remove what is old: retention.events')
  assert.match((await left(deployed(place).verb('retention run'))).failure, `found none in this database; run 'lowtide migrate'`)
  assert.match((await left(deployed(place).verb('retention run', 'drie'))).failure, 'cannot retention run: expected the flags dry, found drie')
}))

test.run()

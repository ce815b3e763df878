import { type Emit, type Shell, type Store, type Transport, accept, channel, policy } from '@lowtide/core'
import { memory } from '@lowtide/memory'
import { deployment, run, system } from '@lowtide/run'
import { message, right, until } from '@lowtide/testing'
import * as E from 'fp-ts/lib/Either.js'
import * as TE from 'fp-ts/lib/TaskEither.js'
import { readFileSync, readdirSync } from 'node:fs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Ship, Shipped, functions } from './fixture.js'

const test = suite('correlation')

/** The memory shell, with a way past the front to its channels, and a store that cannot park so many times. */
const past = () => {
  const inner = memory()
  let transport: Transport | undefined, refuses = 0
  const refusing = (store: Store): Store => ({ ...store, commit: unit => unit.parks.length > 0 && refuses-- > 0 ? TE.left({ failure: 'the disk is full', retry: true }) : store.commit(unit) })
  const shell: Shell = { ...inner, open: plan => async () => {
    const opened = await inner.open(plan)()
    if (E.isLeft(opened)) return opened
    transport = opened.right.transport
    return E.right({ ...opened.right, store: refusing(opened.right.store) })
  } }
  return { shell, refuse: (times: number): void => { refuses = times }, publish: (emits: readonly Emit[]) => right(transport!.publish(emits)) }
}
interface Line { readonly text: string; readonly fields: { readonly [name: string]: unknown } }
const world = async () => {
  const lines: Line[] = [], { shell, publish, refuse } = past(), runtime = { ...system, log: (_: string, text: string, fields?: object) => { lines.push({ text, fields: { ...fields } }) } }
  const heard = policy({ meta: { name: 'heard', in: [Shipped], each: 'instance' }, operate: (_ctx, { data }) => { if (data.note === 'deaf') throw new Error('nobody hears'); return accept() } })
  const app = await run(deployment({
    functions: [{ ...functions, heard }], shell, processes: { worker: [functions.ship, functions.label, functions.view, functions.notify, heard] },
    ports: { mail: { effect: () => TE.right(undefined) } }, options: { retries: 1, backoffBase: 1, backoffCap: 5, grace: 300 },
  }), { runtime, signals: false })
  const line = (part: string): Promise<Line> => until(`a line with '${part}'`, 5_000, () => lines.find(({ text }) => text.includes(part)))
  const about = async (part: string, id: unknown, correlationid: string): Promise<void> => {
    const { fields } = await line(part)
    assert.equal([fields['message'], fields['correlationid']], [id, correlationid], part)
  }
  return { app, lines, publish, refuse, about }
}
const foreign = (id: string, more: object): Emit => ({ channel: 'parcel-events', message: Object.freeze({ ...message(Shipped, { parcel: 'a', note: 'n' }, { id }), correlationid: `of ${id}`, ...more }) })

test('every line about a message tells which, and what it belongs to', async () => {
  const { app, publish, about } = await world()
  try {
    await right(app.listen([channel('parcel-events')], () => {}))
    const torn = await right(app.send(Ship({ parcel: 'a', note: 'torn' }), { id: 'one' })), event = torn.events![0]!.id
    await about('looked at a parcel', 'one', 'one')
    await about(`'view' parked 'Shipped'`, event, 'one')
    const deaf = await right(app.send(Ship({ parcel: 'b', note: 'deaf' }), { id: 'two' }))
    await about(`'heard' gave up`, deaf.events![0]!.id, 'two')
    await right(app.send(Ship({ parcel: 'torn', note: 'n' }), { id: 'three' }))
    await about(`'label' answered failed to 'Label'`, (await until('it', 5_000, async () => (await right(app.parked.list({ state: 'failed' })))[0])).message!.id, 'three')
    await publish([foreign('unreadable', { data: { parcel: 5 } })])
    await about('a listener cannot read', 'unreadable', 'of unreadable')
    await publish([foreign('newer', { dataschema: 'Shipped/2' })])
    await about('deploy the newer version', 'newer', 'of newer')
  } finally { await app.close() }
})

test('so does the line about one that cannot be parked behind another', async () => {
  const { app, publish, refuse, about } = await world()
  try {
    await right(app.send(Ship({ parcel: 'a', note: 'torn' }), { id: 'one' }))
    await about(`'view' parked 'Shipped'`, (await until('it', 5_000, async () => (await right(app.parked.list({ state: 'parked' })))[0])).message!.id, 'one')
    refuse(1)
    await publish([foreign('behind', {})])
    await about(`'view' cannot park 'Shipped'`, 'behind', 'of behind')
  } finally { await app.close() }
})

test('whoever writes about a message in lanes and consumers writes its correlation id', () => {
  const src = new URL('../../run/src/', import.meta.url), calls = readdirSync(src).filter(name => /^(lane|consumer)\.ts$/.test(name)).flatMap(name => readFileSync(new URL(name, src), 'utf8').split('\n').filter(text => text.includes('runtime.log(')))
  assert.ok(calls.length >= 4)
  for (const call of calls) assert.match(call, /message: [\w.]+\.id, correlationid: /)
})

test.run()

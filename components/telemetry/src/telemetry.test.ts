import { graphql } from '@lowtide/graphql'
import { memory } from '@lowtide/memory'
import { run, system } from '@lowtide/run'
import { right, until } from '@lowtide/testing'
import { context, trace } from '@opentelemetry/api'
import { once } from 'node:events'
import { Server } from 'node:http'
import { connect } from 'node:net'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Ship, type Told, parcelsOf, sdk } from './fixture.js'

const ends: (() => Promise<void>)[] = []
const test = suite('telemetry')
test.after.each(async () => { for (const end of ends.splice(0).toReversed()) await end() })

const typeDefs = 'type Parcel { id: ID! note: String! } type Query { Parcel(id: ID!): Parcel } type Mutation { Ship(parcel: String!, note: String!): Parcel }'
const quiet = { ...system, log: () => {} }
const world = async (fronts: Parameters<typeof parcelsOf>[1] = []) => {
  const kit = sdk(), app = await run(parcelsOf(memory(), fronts), { observe: kit.observe, runtime: quiet, signals: false })
  ends.push(kit.close, app.close)
  return { ...kit, app }
}
const sorted = (spans: readonly Told[]): readonly string[] => spans.map(s => `${s.kind} ${s.name} ${String(s.attributes['messaging.consumer.group.name'] ?? '')}`.trim()).toSorted()
const whole = ['CONSUMER process effect-mail effect-mail', 'CONSUMER process label-commands label', 'CONSUMER process parcel-commands ship', 'CONSUMER process parcel-events notify', 'CONSUMER process parcel-events view', 'PRODUCER send parcel-commands']

test('one trace goes from the caller over handler, projector and policy to the effect', async () => {
  const { app, spans, tracer } = await world(), outer = tracer.startSpan('checkout')
  await context.with(trace.setSpan(context.active(), outer), () => right(app.send(Ship({ parcel: 'a', note: 'n' }), { id: 'one' })))
  outer.end()
  const all = await until('all spans', 5_000, () => spans().length === 7 && spans()), [send] = all.filter(s => s.name.startsWith('send'))
  assert.equal(new Set(all.map(s => s.trace)).size, 1)
  assert.equal(sorted(all.filter(s => s.name !== 'checkout')), whole)
  assert.is(send!.parent, outer.spanContext().spanId)
  for (const s of all.filter(s => s.kind === 'CONSUMER')) assert.is(s.parent, send!.id, s.name)
  const { attributes } = all.find(s => s.name === 'process parcel-commands')!
  assert.equal(attributes, { 'messaging.system': 'lowtide', 'messaging.destination.name': 'parcel-commands', 'messaging.operation.name': 'process', 'messaging.operation.type': 'process', 'messaging.consumer.group.name': 'ship', 'messaging.message.id': 'one', 'messaging.message.conversation_id': 'one', 'lowtide.outcome': 'handled' })
})

test('a request to the front hands its trace on, and each of those that come together its own', async () => {
  let url = ''
  const { spans } = await world([graphql({ typeDefs, port: 0, listening: at => { url = at } })]), traces = ['1', '2', '3'].map(n => n.repeat(32))
  const ask = (id: string): Promise<unknown> => fetch(url, { method: 'POST', headers: { 'content-type': 'application/json', traceparent: `00-${id}-${'f'.repeat(16)}-01` }, body: JSON.stringify({ query: `mutation { Ship(parcel: "${id}", note: "n") { id } }` }) }).then(answer => answer.json())
  assert.equal(await Promise.all(traces.map(ask)), traces.map(id => ({ data: { Ship: { id } } })))
  const sends = spans().filter(s => s.name.startsWith('send'))
  assert.equal(sends.map(s => s.trace).toSorted(), traces)
  assert.ok(sends.every(s => s.parent === 'f'.repeat(16) && typeof s.attributes['messaging.message.id'] === 'string'))
})

test('requests that come together have each the span of its own server as parent, where HTTP is traced too', async () => {
  let url = ''
  const { spans, tracer } = await world([graphql({ typeDefs, port: 0, listening: at => { url = at } })]), { emit } = Server.prototype, served: string[] = []
  Server.prototype.emit = function (this: Server, event: string, ...args: unknown[]) { // as the instrumentation of HTTP does it
    if (event !== 'request') return Reflect.apply(emit, this, [event, ...args]) as boolean
    const span = tracer.startSpan('POST'), within = trace.setSpan(context.active(), span)
    served.push(span.spanContext().spanId)
    for (const one of args) context.bind(within, one)
    return context.with(within, () => Reflect.apply(emit, this, [event, ...args]) as boolean)
  }
  try {
    const socket = connect(Number(new URL(url).port), '127.0.0.1'), ended = once(socket, 'close')
    socket.resume()
    socket.end(['a', 'b', 'c'].map((id, i) => { // in one packet, so in one turn
      const body = JSON.stringify({ query: `mutation { Ship(parcel: "${id}", note: "n") { id } }` })
      return `POST /graphql HTTP/1.1\r\nhost: here\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n${i === 2 ? 'connection: close\r\n' : ''}\r\n${body}`
    }).join(''))
    await ended
  } finally { Server.prototype.emit = emit }
  assert.is(served.length, 3)
  assert.equal(spans().filter(s => s.name.startsWith('send')).map(s => s.parent).toSorted(), served.toSorted())
})

test('who gives a traceparent means it, unless the active span belongs to its trace', async () => {
  const { app, spans, tracer } = await world(), given = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`, outer = tracer.startSpan('other')
  await context.with(trace.setSpan(context.active(), outer), () => right(app.send(Ship({ parcel: 'a', note: 'n' }), { traceparent: given })))
  await context.with(trace.setSpan(context.active(), outer), () => right(app.send(Ship({ parcel: 'b', note: 'n' }), { traceparent: `00-${outer.spanContext().traceId}-${'b'.repeat(16)}-01` })))
  const sends = await until('both', 5_000, () => { const found = spans().filter(s => s.name.startsWith('send')); return found.length === 2 && found })
  assert.equal(sends.map(s => [s.trace, s.parent]), [['a'.repeat(32), 'b'.repeat(16)], [outer.spanContext().traceId, outer.spanContext().spanId]])
})

test('a batch of several traces is linked to all of them', async () => {
  const { app, spans } = await world()
  await Promise.all(['a', 'b', 'c'].map(parcel => right(app.send(Ship({ parcel, note: 'n' })))))
  const [batch] = await until('the batch', 5_000, () => { const found = spans().filter(s => s.name === 'process parcel-commands'); return found.length > 0 && found }), sends = spans().filter(s => s.name.startsWith('send'))
  assert.is(batch!.attributes['messaging.batch.message_count'], 3)
  assert.is(batch!.parent, undefined)
  assert.equal([...batch!.links].toSorted(), sends.map(s => s.id).toSorted())
})

test('what became of a message is told: rejected, tried again, parked, failed', async () => {
  const { app, spans, points } = await world()
  await right(app.send(Ship({ parcel: 'a', note: 'torn' }), { id: 'one' }))
  assert.is((await right(app.send(Ship({ parcel: 'a', note: 'n' })))).rejection?.code, 'shipped-already')
  await app.send(Ship({ parcel: 'torn', note: 'n' }))()
  const has = (group: string, outcome: string): readonly Told[] => spans().filter(s => s.attributes['messaging.consumer.group.name'] === group && s.attributes['lowtide.outcome'] === outcome)
  await until('both to be given up', 5_000, () => has('view', 'parked').length === 1 && has('label', 'failed').length === 1)
  assert.is(has('view', 'again').length, 3)
  assert.ok(has('view', 'again').every(s => s.error && s.attributes['error.type'] === 'again'))
  const [refused] = has('ship', 'rejected')
  assert.is(refused!.attributes['lowtide.rejection'], 'shipped-already')
  assert.not(refused!.error, 'the business said no: nothing broke')
  const of = async (name: string, group: string) => (await points(name)).filter(p => p.attributes['messaging.consumer.group.name'] === group).map(p => p.value)
  assert.equal(await of('lowtide.retries', 'view'), [2])
  assert.equal(await of('lowtide.parked', 'view'), [1])
  assert.equal(await of('lowtide.rejections', 'ship'), [1])
  assert.equal(await of('messaging.client.consumed.messages', 'view'), [2])
})

test('it counts what was sent, consumed, how long it took, and what is under way', async () => {
  const { app, points } = await world()
  await Promise.all(['a', 'b', 'c'].map(parcel => right(app.send(Ship({ parcel, note: 'n' }), { wait: 'projected' }))))
  const none = { 'messaging.system': 'lowtide' }
  await until('all handled', 5_000, async () => (await points('lowtide.message.age')).reduce((n, p) => n + p.value, 0) === 15)
  assert.equal(await points('messaging.client.sent.messages'), [{ attributes: { ...none, 'messaging.operation.name': 'send', 'messaging.operation.type': 'send', 'messaging.destination.name': 'parcel-commands' }, value: 3, sum: 3 }])
  assert.is((await points('messaging.client.operation.duration'))[0]!.value, 3)
  assert.is((await points('messaging.client.consumed.messages')).reduce((n, p) => n + p.value, 0), 15)
  assert.is((await points('lowtide.batch.size')).reduce((n, p) => n + p.sum, 0), 15)
  assert.ok((await points('messaging.process.duration')).every(p => p.sum > 0 && p.sum < 10))
  assert.ok((await points('lowtide.in_flight')).every(p => p.value === 0))
})

test('a caller that is refused is told of on its span', async () => {
  const { app, spans } = await world()
  await app.send(Ship({ parcel: 'a', note: 5 } as never))()
  await until('its end', 5_000, () => spans().length > 0)
  assert.equal(spans().map(s => [s.name, s.error, s.attributes['error.type']]), [['send parcel-commands', true, 'invalid']])
})

test.run()

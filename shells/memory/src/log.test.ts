import { type Batch, type Message, type Runtime, channel } from '@lowtide/core'
import { until, within } from '@lowtide/testing'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { logs, partitionOf } from './log.js'

const test = suite('log')
const runtime: Runtime = { now: () => 0, after: () => () => {}, soon: call => { setImmediate(call) }, random: () => 0, newId: () => 'x', log: () => {} }
const news = channel('news')
const message = (key: string, n: number): Message => ({ id: `${key}-${n}`, source: 's', type: 'T', subject: key, time: '', dataschema: 'T/1', data: n, correlationid: '' })

/** A reader that writes down what it gets, and checkpoints it when it is told to. */
const reader = (log: ReturnType<typeof logs>, instance: string, o: { readonly keep?: boolean; readonly hold?: Promise<void> } = {}) => {
  const got: Message[] = [], batches: Batch[] = [], revoked: string[] = []
  const leave = log.join('group', [news], {
    instance, runtime, buffer: 256, on: {
      batch: async b => {
        batches.push(b)
        got.push(...b.deliveries.map(d => d.message as Message))
        if (o.hold) await o.hold
        const last = b.deliveries.at(-1)!
        if (o.keep !== false && log.owns('group', b.channel, b.partition, b.fence)) log.move('group', { channel: b.channel, partition: b.partition, position: last.position })
      },
      revoked: (_c, p) => { revoked.push(p) },
    },
  })
  return { got, batches, revoked, leave }
}
const fill = (log: ReturnType<typeof logs>, keys: number, each: number): void => { for (let n = 0; n < each; n++) for (let k = 0; k < keys; k++) log.append('news', message(`k${k}`, n)) }
const perKey = (got: readonly Message[]): Map<string, unknown[]> => got.reduce((m, { subject, data }) => m.set(subject, [...m.get(subject) ?? [], data]), new Map<string, unknown[]>())

test('a key keeps its partition and its order', async () => {
  const log = logs(4), r = reader(log, 'one')
  fill(log, 20, 30)
  await until('all is read', 2000, async () => r.got.length === 600)
  for (const list of perKey(r.got).values()) assert.equal(list, Array.from({ length: 30 }, (_, n) => n))
  assert.ok(r.batches.every(b => b.deliveries.length <= 256 && b.deliveries.every(d => String(partitionOf((d.message as Message).subject, 4)) === b.partition)))
})

test('two instances share the partitions, each message once; a new one takes its share with a new fence', async () => {
  const log = logs(4), a = reader(log, 'a')
  fill(log, 20, 5)
  await until('the first reads all', 2000, async () => a.got.length === 100)
  const old = new Map(a.batches.map(b => [b.partition, b.fence])), b = reader(log, 'b')
  assert.equal(a.revoked.toSorted(), ['1', '3'])
  fill(log, 20, 5)
  await until('both have read', 2000, async () => a.got.length + b.got.length === 200)
  assert.ok(b.batches.every(x => ['1', '3'].includes(x.partition) && x.fence !== old.get(x.partition)))
  for (const p of b.revoked) assert.unreachable(p)
  assert.not(log.owns('group', 'news', '1', old.get('1')!))
  b.leave()
  fill(log, 20, 5)
  await until('the first has all again', 2000, async () => a.got.length + b.got.length === 300)
})

test('what is not behind the checkpoint comes again to the next owner', async () => {
  const log = logs(2), a = reader(log, 'a', { keep: false })
  fill(log, 6, 2)
  await until('the first reads', 2000, async () => a.got.length === 12)
  log.evict('a')
  const b = reader(log, 'b')
  await until('the second reads the same', 2000, async () => b.got.length === 12)
  assert.equal(new Set(b.got.map(m => m.id)), new Set(a.got.map(m => m.id)))
})

test('the next batch waits for the last one', async () => {
  let go = (): void => {}
  const hold = new Promise<void>(resolve => { go = resolve })
  const log = logs(1), r = reader(log, 'a', { hold })
  fill(log, 1, 600)
  await until('a batch is out', 2000, async () => r.batches.length === 1)
  await new Promise(resolve => { setImmediate(resolve) })
  assert.is(r.batches.length, 1)
  go()
  await until('the rest follows', 2000, async () => r.got.length === 600)
})

test('a checkpoint never moves back, and room comes when a group has caught up', async () => {
  const log = logs(1), r = reader(log, 'a', { keep: false })
  assert.is(log.room([news], 5), undefined)
  fill(log, 1, 6)
  await until('all is read', 2000, async () => r.got.length === 6)
  const room = log.room([news], 5)
  assert.ok(room)
  log.move('group', { channel: 'news', partition: '0', position: '3' })
  await within(1000, 'room', () => room!)
  log.move('group', { channel: 'news', partition: '0', position: '1' })
  assert.equal(log.applied('group'), [{ channel: 'news', partition: '0', position: '3' }])
})

test('a listener hears what comes from now on, on all partitions', async () => {
  const log = logs(4), got: unknown[] = []
  fill(log, 8, 1)
  const stop = log.listen([news], { instance: 'l', runtime, buffer: 256, on: { batch: async b => { got.push(...b.deliveries) }, revoked: () => {} } })
  fill(log, 8, 1)
  await until('eight are heard', 2000, async () => got.length === 8)
  stop()
  fill(log, 8, 1)
  await new Promise(resolve => { setImmediate(resolve) })
  assert.is(got.length, 8)
})

test('history pages through all messages in an order that keeps each key\'s, and ends', () => {
  const log = logs(3), all: Message[] = []
  fill(log, 7, 9)
  let upTo: ReturnType<typeof log.history>['upTo'] = []
  for (let page = log.history(['news'], upTo, 10); page.messages.length > 0; page = log.history(['news'], upTo, 10)) { all.push(...page.messages); upTo = page.upTo }
  assert.equal(all.map(m => m.id), log.channel('news').map(m => m.id))
  assert.ok(log.ends(['news'], upTo))
  fill(log, 1, 1)
  assert.not(log.ends(['news'], upTo))
})

test.run()

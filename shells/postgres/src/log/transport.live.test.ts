import { channel } from '@lowtide/core'
import { left, right, until, within } from '@lowtide/testing'
import * as assert from 'uvu/assert'
import { emitIn, emits, message, node, numbers, open, reader, shares, sites, sorted, upTo } from './fixture.js'

const transport = sites('transport', () => ({}))
const inOrder = (got: readonly { readonly id: string; readonly subject: string }[]): void => {
  const last = new Map<string, number>()
  for (const { id, subject } of got) {
    const n = Number(id.slice(1))
    assert.ok((last.get(subject) ?? -1) < n, `${id} came after m${last.get(subject)} of the same key ${subject}`)
    last.set(subject, n)
  }
}
const broken = 'postgres://nobody:secret@127.0.0.1:1/none'

transport('brings each message to every consumer, once and in order per key, to one of its instances', async c => {
  const a = open(c), b = open(c)
  const x = await reader(a, 'views', ['news']), y = await reader(b, 'views', ['news']), mails = await reader(b, 'mails', ['news'])
  await until('shares', 5_000, async () => JSON.stringify(await shares(c.at, 'views')) === '[2,2]')
  for (let i = 0; i < 300; i += 50) await right(a.transport.publish(emits('news', i, 50)))
  await until('all', 5_000, () => x.got.length + y.got.length === 300 && mails.got.length === 300)
  assert.equal(sorted(numbers([...x.ids(), ...y.ids()])), upTo(300))
  assert.equal(sorted(numbers(mails.ids())), upTo(300))
  for (const { got } of [x, y, mails]) inOrder(got)
  assert.ok(x.got.length > 0 && y.got.length > 0)
})

transport('greets a new owner with an empty batch, and a broadcast reader too', async c => {
  const a = open(c, { options: { partitions: 3 } }), one = await reader(a, 'views', ['news', 'more']), other = await reader(a, 'caches', ['news'], { broadcast: true })
  await until('greetings', 3_000, () => one.greeted.length === 6 && other.greeted.length === 3)
  assert.equal([...one.greeted].sort(), ['more/0', 'more/1', 'more/2', 'news/0', 'news/1', 'news/2'])
  assert.equal([one.batches.length, other.batches.length], [0, 0])
})

transport('begins behind the checkpoint, and a new consumer at the start', async c => {
  const a = open(c)
  await right(a.transport.publish(emits('news', 0, 10)))
  const first = await reader(a, 'views', ['news'])
  await until('the first ten', 3_000, () => first.got.length === 10)
  await first.close()
  await right(a.transport.publish(emits('news', 10, 5)))
  const again = await reader(a, 'views', ['news'])
  await until('the next five', 3_000, () => again.got.length === 5)
  assert.equal([sorted(numbers(first.ids())), sorted(numbers(again.ids()))], [upTo(10), [10, 11, 12, 13, 14]])
})

transport('hands out batches up to a limit, one at a time, and a transaction that is longer than that whole and in order', async c => {
  const a = open(c, { batch: 7, options: { partitions: 1 } }), slow = await reader(a, 'views', ['news'], { each: () => new Promise(resolve => { setTimeout(resolve, 2) }) })
  await right(a.transport.publish(emits('news', 0, 100)))
  await right(a.transport.publish(emits('news', 100, 3)))
  await until('all', 5_000, () => slow.got.length === 103)
  assert.equal(numbers(slow.ids()), upTo(103))
  assert.ok(slow.batches.every(b => b.deliveries.length <= 7) && slow.batches.length >= 15)
  const small = open(c, { batch: 500, options: { partitions: 1, buffer: 4 } }), other = await reader(small, 'mails', ['news'])
  await until('all again', 5_000, () => other.got.length === 103)
  assert.ok(other.batches.every(b => b.deliveries.length <= 4))
})

transport('reads few messages at a time where they are large', async c => {
  const a = open(c, { options: { partitions: 2 } }), one = node(c.at.schema, { options: { partitions: 2 } }), big = 'x'.repeat(190_000), many = 240
  c.nodes.push(one)
  for (let i = 0; i < many; i += 20) await right(a.transport.publish(Array.from({ length: 20 }, (_, j) => ({ channel: 'news', message: message(`m${i + j}`, `k${(i + j) % 7}`, big) }))))
  const x = await reader(one, 'views', ['news'])
  await until('all', 20_000, () => x.got.length === many)
  assert.ok(x.batches.every(b => b.deliveries.length <= 128), `${Math.max(...x.batches.map(b => b.deliveries.length))}`)
  inOrder(x.got)
})

transport('reads a backlog of large messages behind small ones in answers that fit into memory', async c => {
  const options = { partitions: 4 }, a = open(c, { options }), one = node(c.at.schema, { options }), many = 2_000, large = 600
  c.nodes.push(one)
  const { fly } = one.db, answers: number[] = []
  Object.assign(one.db, { fly: async (steps: Parameters<typeof fly>[0]) => {
    const landed = await fly(steps)
    answers.push(landed.flatMap(l => l.rows.flat()).reduce((sum, cell) => sum + (cell?.length ?? 0), 0))
    return landed
  } })
  await right(a.transport.publish(emits('news', 0, many, 50)))
  const x = await reader(one, 'views', ['news'])
  await until('the small ones', 10_000, () => x.got.length === many)
  // some of them compressed
  await c.at.query(`insert into :schema.lowtide_log select 'news', g % 4, pg_current_xact_id()::text::bigint, g, json_build_object('id', 'm' || (g + ${many}), 'source', 'test', 'type', 'Tested', 'subject', 'k' || g % 4,
    'time', '2024-05-01T00:00:00.000Z', 'dataschema', 'Tested/1', 'correlationid', 'c', 'data', case g % 4 when 3 then repeat('x', 100000) else (select string_agg(md5((g * 10000 + j)::text), '') from generate_series(1, 3000) j) end)
    from generate_series(0, ${large - 1}) g`)
  answers.length = 0
  await until('the large ones', 60_000, () => x.got.length === many + large)
  assert.ok(Math.max(...answers) < 18 * 2 ** 20, `${Math.max(...answers)}`)
  assert.equal(sorted(numbers(x.ids())), upTo(many + large))
  inOrder(x.got)
})

transport('hands out the next batch when the last one is done', async c => {
  const a = open(c, { batch: 5, options: { partitions: 1 } })
  let go = (): void => {}
  const gate = new Promise<void>(resolve => { go = resolve }), slow = await reader(a, 'views', ['news'], { each: () => gate }), quick = await reader(a, 'mails', ['news'])
  for (let i = 0; i < 4; i++) await right(a.transport.publish(emits('news', i * 5, 5)))
  await until('the quick one', 3_000, () => quick.got.length === 20)
  assert.equal([slow.batches.length, slow.got.length, a.transport.sizes().out], [1, 0, 1])
  go()
  await until('the slow one', 3_000, () => slow.got.length === 20)
})

transport('gives a batch again when its consumer throws, and says so once for each time', async c => {
  const a = open(c, { options: { partitions: 1 } })
  let times = 0
  const one = await reader(a, 'views', ['news'], { each: async () => { if (times++ < 2) throw new Error('not yet') } })
  await right(a.transport.publish(emits('news', 0, 3)))
  await until('all', 3_000, () => one.got.length === 3)
  assert.equal([one.batches.map(b => b.deliveries.length), a.logged.filter(text => text.includes("'views' threw on a batch of news/0")).length], [[3, 3, 3], 2])
})

transport('gives each instance of a broadcast consumer a copy from now on, exactly', async c => {
  const a = open(c), b = open(c), raw = await c.at.raw()
  await right(a.transport.publish(emits('news', 0, 3)))
  await raw.query('begin')
  await emitIn(raw, 'news', 0, [message('m900', 'k0')]) // holds the watermark back: what is committed behind it is not of now all the same
  await right(a.transport.publish(emits('news', 3, 3)))
  const x = await reader(a, 'caches', ['news'], { broadcast: true })
  await right(a.transport.publish(emits('news', 6, 3)))
  await raw.query('commit')
  await until('what came since', 3_000, () => x.got.length === 4)
  const y = await reader(b, 'caches', ['news'], { broadcast: true })
  await right(a.transport.publish(emits('news', 9, 3)))
  await until('both', 3_000, () => x.got.length === 7 && y.got.length === 3)
  await y.close()
  await right(a.transport.publish(emits('news', 12, 1)))
  await until('the last', 3_000, () => x.got.length === 8)
  assert.equal([sorted(numbers(x.ids())), sorted(numbers(y.ids()))], [[6, 7, 8, 9, 10, 11, 12, 900], [9, 10, 11]])
  assert.equal(await c.at.query('select from :schema.lowtide_consumers'), [])
})

transport('delivers what is no envelope as it is, with the reason', async c => {
  const a = open(c, { options: { partitions: 1 } }), one = await reader(a, 'views', ['news'])
  await c.at.query(`insert into :schema.lowtide_log values ('news', 0, 5, 0, '{"subject": "k1", "id": 3}'), ('news', 0, 5, 1, '[1]'), ('news', 0, 5, 2, 'null')`)
  await right(a.transport.publish(emits('news', 0, 1)))
  await until('all', 3_000, () => one.raws.length + one.got.length === 4)
  assert.equal(one.raws, [
    { raw: '{"subject": "k1", "id": 3}', key: 'k1', reason: "no envelope: expected a text as 'id'" },
    { raw: '[1]', key: undefined, reason: "no envelope: expected a text as 'id'" }, { raw: 'null', key: undefined, reason: "no envelope: expected a text as 'id'" }])
})

transport('hands out messages that are frozen through and through', async c => {
  const a = open(c), one = await reader(a, 'views', ['news'])
  await right(a.transport.publish([{ channel: 'news', message: message('m0', 'k', { deep: [{ er: 1 }] }) }]))
  await until('it', 3_000, () => one.batches.length === 1)
  const [{ message: m }] = one.batches[0]!.deliveries as unknown as [{ message: { data: { deep: { er: number }[] } } }]
  assert.ok([m, m.data, m.data.deep, m.data.deep[0]].every(Object.isFrozen))
})

transport('counts beyond 2^31, and on a server whose transactions are shifted', async c => {
  const a = open(c, { shift: 2 ** 33, options: { partitions: 1 } })
  await c.at.query(`insert into :schema.lowtide_log select 'news', 0, ${2 ** 32} + i, 2147483000 + i, json_build_object('id', 'm' || i, 'source', '', 'type', 'T', 'subject', 'k' || i, 'time', '', 'dataschema', '', 'correlationid', '', 'data', i) from generate_series(0, 9) i`)
  const one = await reader(a, 'views', ['news'])
  await until('the old', 3_000, () => one.got.length === 10)
  await right(a.transport.publish(emits('news', 10, 10)))
  await until('the new', 3_000, () => one.got.length === 20)
  assert.equal(numbers(one.ids()), upTo(20))
  const places = one.got.map(m => m.position)
  assert.ok(places.slice(1).every((p, i) => a.transport.reached(p, places[i]!) && !a.transport.reached(places[i]!, p)))
  assert.ok(Number(places.at(-1)!.split('.')[0]) > 2 ** 33)
})

transport('finds what nobody told of, and hears nothing, by polling', async c => {
  const a = open(c, { deaf: true }), b = open(c, { deaf: true }), one = await reader(a, 'views', ['news'])
  await right(b.transport.publish(emits('news', 0, 10)))
  await until('all', 3_000, () => one.got.length === 10)
  assert.is(a.logged.filter(text => text.includes('cannot listen for news')).length, 1, 'an outage is one line')
})

transport('holds intake back while a live consumer lags, and lets callers in in their order', async c => {
  const a = open(c, { options: { buffer: 16 } }), b = open(c, { options: { buffer: 16 } }), news = [channel('news')]
  let go = (): void => {}
  const gate = new Promise<void>(resolve => { go = resolve })
  for (let i = 0; i < 100; i++) {
    await a.transport.room(news) // nobody reads
    await right(a.transport.publish(emits('news', i, 1)))
  }
  const slow = await reader(b, 'views', ['news'], { each: () => gate })
  let entered = 0
  const order: number[] = []
  const told = Array.from({ length: 100 }, async (_, i) => {
    await a.transport.room(news)
    entered++
    order.push(i)
    await right(a.transport.publish(emits('news', 100 + i, 1)))
  })
  await until('the callers to wait', 3_000, () => a.transport.sizes().waiting > 0)
  await until('a measurement', 3_000, async () => a.transport.sizes().waiting >= 84)
  assert.ok(entered <= 32, `${entered} came in`)
  go()
  await within(10_000, 'all to come in', () => Promise.all(told))
  await until('all', 5_000, () => slow.got.length === 200)
  assert.equal(order, upTo(100))
  assert.is(a.transport.sizes().waiting, 0)
  await slow.close()
})

transport('closes twice, before it was used, and when the database is gone', async c => {
  const unused = open(c)
  await Promise.all([unused.transport.close(), unused.transport.close()])
  assert.match((await left(unused.transport.publish(emits('news', 0, 1)))).failure, /closed/)
  assert.match((await left(unused.transport.subscribe({ name: 'views', channels: [channel('news')], broadcast: false }, { batch: async () => {}, revoked: () => {} }))).failure, /closed/)
  const lost = open(c, { url: broken })
  const failure = await left(lost.transport.subscribe({ name: 'views', channels: [channel('news')], broadcast: false }, { batch: async () => {}, revoked: () => {} }))
  assert.ok(failure.retry && failure.unavailable && !failure.failure.includes('secret'), failure.failure)
  assert.ok((await left(lost.transport.publish(emits('news', 0, 1)))).unavailable)
  await within(4_000, 'the end', lost.transport.close)
  assert.ok(!lost.logged.some(text => text.includes('secret')))
})

transport('lets batches that are out end when it closes, gives its partitions up, and is gone', async c => {
  const a = open(c, { options: { partitions: 1 } })
  let go = (): void => {}
  const gate = new Promise<void>(resolve => { go = resolve }), one = await reader(a, 'views', ['news'], { each: () => gate })
  await right(a.transport.publish(emits('news', 0, 3)))
  await until('a batch', 3_000, () => one.batches.length === 1)
  const closing = Promise.all([one.close(), one.close()])
  await right(a.transport.publish(emits('news', 3, 3)))
  go()
  await within(3_000, 'the end', () => closing)
  assert.equal([one.ids(), one.revoked, one.refused.length], [['m0', 'm1', 'm2'], [], 0])
  assert.equal([await shares(c.at, 'views'), await c.at.query('select from :schema.lowtide_instances')], [[], []])
})

transport('waits no longer than grace for a batch that does not end, and says that it is lost', async c => {
  const a = open(c, { options: { partitions: 1, grace: 300 } }), one = await reader(a, 'views', ['news'], { each: () => new Promise(() => {}) })
  await right(a.transport.publish(emits('news', 0, 3)))
  await until('a batch', 3_000, () => one.batches.length === 1)
  await within(1_500, 'the end', one.close)
  assert.equal(one.revoked, ['news/0'])
})

transport('publishes nothing of what cannot be published whole', async c => {
  const a = open(c)
  await right(a.transport.publish([]))
  await c.at.query('alter table :schema.lowtide_log add constraint short check (length(message::text) < 300)')
  const failure = await left(a.transport.publish([...emits('news', 0, 2), { channel: 'other', message: message('m2', 'k', 'x'.repeat(300)) }]))
  assert.match(failure.failure, /^\[postgres\] cannot publish to 'news', 'other': /)
  assert.equal(await c.at.query('select from :schema.lowtide_log'), [])
})

transport('carries any text that JSON has, and refuses what it has not as no fault of the database', async c => {
  const a = open(c), one = await reader(a, 'views', ['ne"ws\\{,}']), texts = ['\u0000', '\ud800', '"\\{},NULL', '𝄞é\n', ''], data = { __proto__: null, 'a\u0000': 1e300 }
  await right(a.transport.publish(texts.map((text, i) => ({ channel: 'ne"ws\\{,}', message: message(`m${i}`, text, { text, data }) }))))
  await until('all', 3_000, () => one.got.length === texts.length)
  for (const m of one.got) assert.equal([m.subject, m.data], [texts[Number(m.id.slice(1))]!, { text: m.subject, data: { 'a\u0000': 1e300 } }])
  const failure = await left(a.transport.publish([{ channel: 'news', message: message('m', 'k', 1n) }]))
  assert.ok(!failure.retry && failure.unavailable === undefined && failure.failure.startsWith("[postgres] cannot publish to 'news'"), failure.failure)
})

transport.run()

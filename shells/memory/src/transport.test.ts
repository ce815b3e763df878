import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { balance } from './balance.js'
import { clock, commit, left, message, open, reader, right, unit } from './fixture.js'
import { partitionOf } from './log.js'
import { memoryWorld } from './world.js'

const transport = suite('transport')
const news = (from: number, count: number, keys = 5) => Array.from({ length: count }, (_, i) => ({ channel: 'news', message: message(`m${from + i}`, `k${(from + i) % keys}`) }))
const numbers = (ids: readonly string[]) => ids.map(id => Number(id.slice(1))).sort((a, b) => a - b)
const upTo = (count: number) => Array.from({ length: count }, (_, i) => i)

transport('brings each message to every consumer, once and in order per key, to one of its instances', async () => {
  const time = clock(), world = memoryWorld(), a = await open(time, world), b = await open(time, world)
  const readers = [await reader(a, 'views', ['news']), await reader(b, 'views', ['news']), await reader(b, 'mails', ['news'])]
  await right(a.transport.publish(news(0, 300)))
  await commit(b.store, { emits: news(300, 300) })
  await time.quiet()
  const [x, y, mails] = readers as [typeof readers[number], typeof readers[number], typeof readers[number]]
  assert.equal(numbers([...x.ids(), ...y.ids()]), upTo(600))
  assert.equal(numbers(mails.ids()), upTo(600))
  for (const { got } of readers) for (const key of upTo(5)) {
    const mine = got.filter(({ message }) => message.subject === `k${key}`).map(({ message }) => Number(message.id.slice(1)))
    assert.equal(mine, [...mine].sort((p, q) => p - q))
  }
  assert.equal(readers.map(({ fenced, revoked }) => fenced.length + revoked.length), [4, 0, 0], 'the first held all, until the second came')
  assert.is(world.inspect.inFlight() + world.inspect.backlog(), 0)
  assert.equal((await right(a.store.applied('mails'))).upTo, world.inspect.checkpoints().filter(({ consumer, position }) => consumer === 'mails' && position !== '0').map(({ channel, partition, position }) => ({ channel, partition, position })))
})

transport('hands out batches of at most 256, the next when the last is done', async () => {
  const time = clock(), session = await open(time, undefined, { options: { partitions: 1 } }), slow = await reader(session, 'views', ['news'], { hold: true })
  await right(session.transport.publish(news(0, 600)))
  await time.quiet()
  assert.equal([slow.batches.length, session.world.inspect.inFlight('views'), session.world.inspect.backlog('views')], [1, 256, 600])
  slow.go()
  await time.quiet()
  assert.equal(slow.batches.map(({ deliveries }) => deliveries.length), [256, 256, 88])
  assert.equal(slow.got.map(({ position }) => position), upTo(600).map(n => String(n + 1)))
})

transport('greets an owner with an empty batch where there is nothing to read', async () => {
  const time = clock(), session = await open(time, undefined, { options: { partitions: 3 } }), one = await reader(session, 'views', ['news']), other = await reader(session, 'caches', ['news'], { broadcast: true })
  await time.quiet()
  assert.equal([one.greeted, other.greeted, one.batches], [['news/0', 'news/1', 'news/2'], ['news/0', 'news/1', 'news/2'], []])
  await right(session.transport.publish(news(0, 30)))
  await time.quiet()
  assert.equal([one.greeted.length, numbers(one.ids())], [3, upTo(30)])
})

transport('begins behind the checkpoint, and a new consumer at the start', async () => {
  const time = clock(), world = memoryWorld(), session = await open(time, world)
  await right(session.transport.publish(news(0, 10)))
  const first = await reader(session, 'views', ['news'])
  await time.quiet()
  await first.close()
  await right(session.transport.publish(news(10, 5)))
  const again = await reader(session, 'views', ['news'])
  await time.quiet()
  assert.equal([numbers(first.ids()), numbers(again.ids())], [upTo(10), [10, 11, 12, 13, 14]])
})

transport('gives every instance of a broadcast consumer each message from now on, and keeps no checkpoint', async () => {
  const time = clock(), world = memoryWorld(), a = await open(time, world), b = await open(time, world)
  await right(a.transport.publish(news(0, 3)))
  const x = await reader(a, 'caches', ['news'], { broadcast: true })
  await right(a.transport.publish(news(3, 3)))
  const y = await reader(b, 'caches', ['news'], { broadcast: true })
  await right(a.transport.publish(news(6, 3)))
  await time.quiet()
  await y.close()
  await right(a.transport.publish(news(9, 3)))
  await time.quiet()
  assert.equal([numbers(x.ids()), numbers(y.ids())], [[3, 4, 5, 6, 7, 8, 9, 10, 11], [6, 7, 8]])
  assert.equal(world.inspect.checkpoints(), [])
})

transport('gives a batch again when its consumer throws, and says so in the log', async () => {
  const time = clock(), { transport: carrier, world } = await open(time, undefined, { options: { partitions: 1, backoffBase: 100 } }), tries: string[][] = []
  await right(carrier.subscribe({ name: 'views', broadcast: false, channels: [{ channel: 'news', external: false }] }, {
    revoked: () => undefined, batch: ({ deliveries }) => { tries.push(deliveries.map(({ position }) => position)); throw new Error('broke') },
  }))
  await right(carrier.publish(news(0, 2)))
  await time.quiet()
  await right(carrier.publish(news(2, 1)))
  await time.advance(99)
  assert.equal(tries, [['1', '2']])
  await time.advance(1)
  assert.equal(tries, [['1', '2'], ['1', '2', '3']])
  assert.match(time.logged.join(), /consumer 'views' threw on a batch of news\/0.*broke/)
  assert.is(world.inspect.inFlight(), 3)
})

transport('shares partitions out evenly, moves none without need, and the same keys of two channels together', async () => {
  await fc.assert(fc.property(fc.array(fc.option(fc.nat({ max: 7 }), { nil: undefined }), { minLength: 1, maxLength: 40 }), fc.uniqueArray(fc.nat({ max: 7 }), { minLength: 1 }), (held, present) => {
    const owners = upTo(8).map(n => ({ n })), places = held.map(n => n === undefined ? undefined : owners[n]), there = present.map(n => owners[n]!)
    const shared = balance(places, there), counts = there.map(owner => shared.filter(o => o === owner).length), had = there.map(owner => places.filter(o => o === owner).length)
    assert.ok(shared.every(owner => owner && there.includes(owner)))
    assert.ok(Math.max(...counts) - Math.min(...counts) <= 1, 'even')
    const kept = shared.filter((owner, i) => owner === places[i]).length, most = Math.ceil(places.length / there.length), least = Math.floor(places.length / there.length), extra = places.length % there.length
    const best = had.map(n => Math.min(n, least)).reduce((a, b) => a + b) + Math.min(extra, had.filter(n => n >= most && most > least).length)
    assert.ok(kept >= best - 1, `keeps what it can: ${kept} of ${best}`)
  }), { numRuns: 2000, includeErrorInReport: true })

  const time = clock(), world = memoryWorld(), sessions = [await open(time, world), await open(time, world), await open(time, world)]
  for (const session of sessions) await reader(session, 'views', ['news', 'deeds'])
  const owners = (channel: string) => world.inspect.owners('views').filter(owner => owner.channel === channel).map(({ instance, partition }) => `${partition} ${instance}`)
  assert.equal(owners('news'), owners('deeds'))
  assert.equal(['instance-1', 'instance-2', 'instance-3'].map(name => owners('news').filter(owner => owner.endsWith(name)).length).sort(), [2, 3, 3])
})

transport('puts a key into the same partition always, and spreads keys', () => {
  assert.equal(['', 'a', 'ada@example.com', '\u{1f600}'].map(key => partitionOf(key, 8)), [1, 7, 5, 7])
  for (const name of ['k', 'user-', '00000000-0000-8000-a000-00000000']) {
    const counts = upTo(8).map(() => 0)
    for (const n of upTo(8000)) counts[partitionOf(`${name}${n}`, 8)]!++
    assert.ok(Math.max(...counts) < 1200 && Math.min(...counts) > 800, `${name}: ${counts.join()}`)
  }
})

transport('refuses a checkpoint that is not its own, or ahead of what was handed out, or goes back', async () => {
  const time = clock(), { store, transport: carrier, world } = await open(time, undefined, { options: { partitions: 1 } }), { batches } = await reader({ store, transport: carrier }, 'views', ['news'])
  await right(carrier.publish(news(0, 5)))
  await time.quiet()
  const move = (position: string, fence = batches[0]!.fence, consumer = 'views') => unit({ checkpoints: [{ consumer, channel: 'news', partition: '0', fence, position }] })
  for (const strange of [move('5', '0'), move('5', '', 'views'), move('5', batches[0]!.fence, 'others'), unit({ checkpoints: [{ ...move('5').checkpoints[0]!, partition: '1' }] })]) {
    assert.equal((await right(store.commit(strange))).conflict?.fenced, strange.checkpoints)
  }
  for (const position of ['6', '-1', '1.5', 'x']) assert.match((await left(store.commit(move(position)))).failure, /expected a position up to 5/)
  await commit(store, move('2'))
  assert.is(world.inspect.checkpoints()[0]!.position, '5')
  assert.equal([carrier.reached('9', '10'), carrier.reached('10', '10'), carrier.reached('11', '10')], [false, true, true])
})

transport('holds intake while a reader lags by the buffer, and lets as many go as there is room for', async () => {
  const time = clock(), session = await open(time, undefined, { options: { buffer: 10, partitions: 2 } }), slow = await reader(session, 'views', ['news'], { hold: true })
  let through = 0
  const enter = () => { void Promise.resolve(session.transport.room([{ channel: 'news', external: false }])).then(() => { through++ }) }
  await right(session.transport.publish(news(0, 9)))
  enter()
  await time.quiet()
  assert.is(through, 1)
  await right(session.transport.publish(news(9, 91)))
  for (const _ of upTo(25)) enter()
  await time.advance(60_000)
  assert.equal([through, session.world.inspect.sizes().intake], [1, 25], 'they wait as long as it takes')
  await session.transport.room([{ channel: 'else', external: false }])
  slow.go()
  await time.quiet()
  assert.equal([through, session.world.inspect.sizes().intake], [26, 0])
})

transport('keeps a channel near its buffer, however many ask at once', async () => {
  const time = clock(), session = await open(time, undefined, { options: { buffer: 10, partitions: 1 }, batch: 4 }), slow = await reader(session, 'views', ['news'], { hold: true })
  let most = 0
  const asked = upTo(300).map(async n => {
    await session.transport.room([{ channel: 'news', external: false }])
    await right(session.transport.publish(news(n, 1)))
    most = Math.max(most, session.world.inspect.backlog())
  })
  for (let turns = 0; slow.got.length < 300 && turns < 1000; turns++) {
    await time.quiet()
    slow.go()
    slow.hold()
  }
  await Promise.all(asked)
  assert.is(slow.got.length, 300)
  assert.ok(most >= 10 && most <= 20, `at most ${most}`)
  assert.equal(session.world.inspect.sizes().intake, 0)
})

transport.run()

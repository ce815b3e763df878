import { type AnyTable, defaults, int, table, text } from '@lowtide/core'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { clock, commit, left, message, open, parked, reader, right, unit } from './fixture.js'
import { memory } from './memory.js'
import { memoryWorld } from './world.js'

const world = suite('world')
const news = (from: number, count: number, keys = 7) => Array.from({ length: count }, (_, i) => ({ channel: 'news', message: message(`m${from + i}`, `k${(from + i) % keys}`) }))
const numbers = (ids: readonly string[]) => ids.map(id => Number(id.slice(1))).sort((a, b) => a - b)
const upTo = (count: number) => Array.from({ length: count }, (_, i) => i)
const settled = async (promise: Promise<unknown>) => { let done = false; void promise.then(() => { done = true }); await new Promise(resolve => { setImmediate(resolve) }); return done }

world('gives what a crashed instance had in flight to another, and never hears of the crashed one again', async () => {
  const time = clock(), here = memoryWorld(), a = await open(time, here), b = await open(time, here), dead = await reader(a, 'views', ['news'], { hold: true }), alive = await reader(b, 'views', ['news'])
  await right(b.transport.publish(news(0, 40)))
  await time.quiet()
  dead.revoked.length = 0 // when the other joined
  const begun = dead.batches.flatMap(({ deliveries }) => deliveries).length
  assert.ok(begun > 0 && here.inspect.inFlight() === begun)
  const pending = a.store.commit(unit({ writes: [] }))
  here.crash('instance-1')
  dead.go()
  await time.quiet()
  assert.equal(numbers(alive.ids()), upTo(40))
  assert.equal([dead.got, dead.fenced, dead.revoked], [[], [], []])
  assert.is(await settled(pending()), false)
  assert.is(await settled(a.transport.room([])!), false)
  assert.equal([here.inspect.marks(), here.inspect.backlog(), here.inspect.sizes().subscriptions, here.instances()], [40, 0, 1, [{ name: 'instance-2', state: 'running' }]])
  assert.throws(() => here.crash('instance-1'), /cannot find instance 'instance-1'; this world has: instance-2/)
  await a.close()
})

world('moves each partition with a larger fence, and refuses the old one', async () => {
  const time = clock(), here = memoryWorld(), fences = () => new Map(here.inspect.owners('views').map(({ partition, fence }) => [partition, Number(fence)]))
  const a = await open(time, here), one = await reader(a, 'views', ['news'], { hold: true })
  await right(a.transport.publish(news(0, 80, 40)))
  await time.quiet()
  const before = fences(), b = await open(time, here), two = await reader(b, 'views', ['news'])
  const moved = here.inspect.owners('views').filter(({ instance }) => instance === 'instance-2').map(({ partition }) => partition)
  assert.is(moved.length, 4)
  for (const [partition, fence] of fences()) assert.is(fence > before.get(partition)!, moved.includes(partition))
  await time.quiet()
  one.go()
  await time.quiet()
  assert.equal(one.revoked.sort(), moved.map(partition => `news/${partition}`))
  assert.equal(one.fenced.map(({ partition }) => partition).sort(), moved)
  assert.equal(numbers([...one.ids(), ...two.ids()]), upTo(80))
})

world('gives the partitions of a paused instance away after its lease, and refuses what it commits when it wakes', async () => {
  const time = clock(), here = memoryWorld(), options = { lease: 1000 }, a = await open(time, here, { options }), b = await open(time, here, { options })
  const sleeper = await reader(a, 'views', ['news'], { hold: true }), other = await reader(b, 'views', ['news'])
  await right(b.transport.publish(news(0, 80, 40)))
  await time.quiet()
  sleeper.revoked.length = 0 // when the other joined
  const held = sleeper.batches.map(({ partition }) => partition).sort()
  here.pause('instance-1')
  sleeper.go()
  await time.advance(999)
  assert.is(here.inspect.owners('views').filter(({ instance }) => instance === 'instance-1').length, 4)
  assert.equal([here.instances()[0]!.state, here.inspect.sizes().calls], ['paused', held.length])
  await time.advance(400) // the other looks three times a lease
  assert.is(here.inspect.owners('views').filter(({ instance }) => instance === 'instance-1').length, 0)
  assert.equal([numbers(other.ids()), sleeper.revoked, sleeper.got], [upTo(80), [], []])
  here.resume('instance-1')
  await time.quiet()
  assert.equal(sleeper.fenced.map(({ partition }) => partition).sort(), held)
  assert.equal([sleeper.revoked.length, sleeper.got.length, here.inspect.marks()], [4, 0, 80])
  assert.is(here.inspect.owners('views').filter(({ instance }) => instance === 'instance-1').length, 4, 'it has its share again')
  await right(b.transport.publish(news(80, 80, 40)))
  await time.quiet()
  assert.equal(numbers([...other.ids(), ...sleeper.ids()]), upTo(160))
})

world('lets a paused instance that wakes within its lease go on as if nothing had been', async () => {
  const time = clock(), here = memoryWorld(), a = await open(time, here, { options: { lease: 1000 } }), sleeper = await reader(a, 'views', ['news'], { hold: true })
  await right(a.transport.publish(news(0, 20)))
  await time.quiet()
  here.pause('instance-1')
  sleeper.go()
  await time.advance(900)
  const b = await open(time, here, { options: { lease: 1000 } })
  here.resume('instance-1')
  await time.advance(5000)
  assert.equal([numbers(sleeper.ids()), sleeper.fenced, sleeper.revoked, time.timers()], [upTo(20), [], [], 2], 'and each renews')
  here.pause('instance-1')
  await time.advance(500)
  const late = await open(time, here), heir = await reader(late, 'views', ['news'])
  await time.advance(900)
  await right(b.transport.publish(news(20, 40)))
  await time.quiet()
  assert.equal(numbers(heir.ids()), upTo(60).slice(20))
})

world('holds the hints of a paused instance, and drops those of a closed one', async () => {
  const time = clock(), here = memoryWorld(), a = await open(time, here), b = await open(time, here), heard: string[] = []
  const stops = (['outcome', 'applied', 'parked'] as const).map(what => a.store.watch(what, () => { heard.push(what) }))
  b.store.watch('parked', () => { throw new Error('a bad listener') })
  const hint = () => commit(b.store, { parks: [parked('p', 'k')], marks: [{ consumer: '', id: `m${here.inspect.marks()}`, body: '', time: '2024-05-01T00:00:00.000Z', outcome: { commandId: 'm', rejection: { code: 'no', message: 'no' } } }] })
  await hint()
  assert.equal(heard, [], 'not from within the commit')
  await time.quiet()
  assert.equal(heard, ['outcome', 'parked'])
  assert.match(time.logged.join(), /listener of instance 'instance-2' threw: a bad listener/)
  here.pause('instance-1')
  await hint()
  await time.quiet()
  assert.is(heard.length, 2)
  here.resume('instance-1')
  await time.quiet()
  assert.equal(heard.slice(2), ['outcome', 'parked'])
  stops[0]!()
  await hint()
  await time.quiet()
  assert.equal(heard.slice(4), ['parked'])
  await a.close()
  await hint()
  await time.quiet()
  assert.equal([heard.length, here.inspect.sizes().watchers], [5, 1])
})

world('loses nothing and applies nothing twice, whatever happens to its instances', async () => {
  const deed = fc.oneof({ weight: 4, arbitrary: fc.record({ do: fc.constant('publish'), n: fc.integer({ min: 1, max: 30 }) }) }, { weight: 5, arbitrary: fc.record({ do: fc.constantFrom('open', 'crash', 'pause', 'resume', 'close', 'hold', 'go', 'wait'), n: fc.nat({ max: 5 }) }) })
  const met = { fenced: 0, revoked: 0, twice: 0 }
  await fc.assert(fc.asyncProperty(fc.array(deed, { minLength: 10, maxLength: 60, size: 'max' }), async deeds => {
    const time = clock(), here = memoryWorld(), options = { lease: 100, partitions: 4 }, control = await open(time, here, { instance: 'control', options })
    const alive = new Map<string, { session: Awaited<ReturnType<typeof open>>; reader: Awaited<ReturnType<typeof reader>> }>(), readers: Awaited<ReturnType<typeof reader>>[] = []
    let sent = 0, opened = 0
    const start = async () => {
      const name = `i${opened++}`, session = await open(time, here, { instance: name, options, batch: 4 }), one = await reader(session, 'views', ['news'])
      alive.set(name, { session, reader: one })
      readers.push(one)
    }
    await start()
    for (const { do: what, n } of deeds) {
      const name = [...alive.keys()][n % (alive.size || 1)], one = name === undefined ? undefined : alive.get(name)!
      const paused = here.instances().some(i => i.name === name && i.state === 'paused')
      if (what === 'publish') { await right(control.transport.publish(news(sent, n))); sent += n }
      if (what === 'open' && alive.size < 4) await start()
      if (what === 'wait') await time.advance(n * 40)
      if (name === undefined || one === undefined) continue
      if (what === 'crash') { here.crash(name); alive.delete(name) }
      if (what === 'pause') here.pause(name)
      if (what === 'resume') here.resume(name)
      if (what === 'hold') one.reader.hold()
      if (what === 'go') one.reader.go()
      if (what === 'close' && !paused) { const closed = one.session.close(); one.reader.go(); await time.quiet(); await closed; alive.delete(name) }
      if (n % 2 === 0) await time.quiet()
      const owners = here.inspect.owners('views'), running = here.instances().filter(i => i.name !== 'control' && i.state === 'running')
      if (running.length > 0 && what !== 'wait') assert.is(owners.length, 4, 'every partition has an owner')
    }
    await start()
    for (const [name, { reader: one }] of alive) { here.resume(name); one.go() }
    await time.advance(1000)
    const got = readers.flatMap(one => one.got)
    assert.equal(numbers(got.map(({ message }) => message.id)), upTo(sent))
    assert.equal([here.inspect.marks('views'), here.inspect.inFlight(), here.inspect.backlog()], [sent, 0, 0])
    const counts = [...alive.keys()].map(name => here.inspect.owners('views').filter(({ instance }) => instance === name).length)
    assert.ok(Math.max(...counts) - Math.min(...counts) <= 1, `balanced: ${counts.join()}`)
    for (const one of readers) for (const key of upTo(7)) {
      const mine = one.got.filter(({ message }) => message.subject === `k${key}`).map(({ message }) => Number(message.id.slice(1)))
      assert.equal(mine, [...mine].sort((x, y) => x - y), 'in order per key')
    }
    met.fenced += readers.reduce((sum, { fenced }) => sum + fenced.length, 0)
    met.revoked += readers.reduce((sum, { revoked }) => sum + revoked.length, 0)
    met.twice += readers.flatMap(one => one.batches.flatMap(({ deliveries }) => deliveries)).length - sent
  }), { numRuns: 150, includeErrorInReport: true })
  assert.ok(met.fenced > 15 && met.revoked > 100 && met.twice > 100, `the cases bite: ${JSON.stringify(met)}`)
})

world('drains what nobody else reads, for as long as grace, and closes twice', async () => {
  const time = clock(), here = memoryWorld(), options = { grace: 1000, partitions: 1 }, a = await open(time, here, { options }), b = await open(time, here, { options })
  const slow = await reader(b, 'views', ['news'], { hold: true }), second = await reader(a, 'views', ['news'])
  await right(a.transport.publish(news(0, 20)))
  await time.quiet()
  assert.is(await settled(b.drain()), true, 'the other instance goes on with it')
  await second.close()
  const drained = b.drain()
  assert.is(await settled(drained), false)
  slow.go()
  await time.quiet()
  await drained
  await a.close()
  assert.equal([slow.got.length, time.timers()], [20, 1], 'only the lease is renewed')

  slow.hold()
  await commit(b.store, { emits: news(20, 10) })
  await time.quiet()
  const late = b.drain()
  await time.advance(999)
  assert.is(await settled(late), false)
  await time.advance(1)
  await late
  const closed = Promise.all([b.close(), b.close(), slow.close()])
  await time.advance(1000)
  await closed
  await b.close()
  assert.match((await left(b.store.fetch([]))).failure, /'instance-2' is closed/)
  await b.transport.room([])
  slow.go()
  await time.quiet()
  assert.equal([slow.got.length, here.instances(), here.inspect.backlog(), time.timers()], [20, [], 10, 0], 'what came too late was not committed')

  const c = await open(time, here, { options }), heir = await reader(c, 'views', ['news'])
  await time.quiet()
  assert.equal(numbers(heir.ids()), numbers(news(20, 10).map(({ message }) => message.id)), 'the world outlives them')
})

world('closes behind the batch that is out: nothing comes twice', async () => {
  const time = clock(), here = memoryWorld(), a = await open(time, here), b = await open(time, here), slow = await reader(a, 'views', ['news'], { hold: true }), heir = await reader(b, 'views', ['news'])
  await right(b.transport.publish(news(0, 40)))
  await time.quiet()
  const begun = slow.batches.flatMap(({ deliveries }) => deliveries).length, closed = a.close()
  await right(b.transport.publish(news(40, 40)))
  await time.quiet()
  assert.is(await settled(closed), false)
  slow.go()
  await time.quiet()
  await closed
  assert.equal([slow.got.length, slow.fenced, heir.got.length], [begun, [], 80 - begun])
})

world('notices an instance whose own time stands still, and takes it back when it wakes', async () => {
  const time = clock(), stuck = clock(), here = memoryWorld(), options = { lease: 900 }, a = await open(stuck, here, { options }), b = await open(time, here, { options })
  const sleeper = await reader(a, 'views', ['news']), other = await reader(b, 'views', ['news'])
  await stuck.quiet()
  sleeper.revoked.length = 0
  await time.advance(1200)
  assert.is(here.inspect.owners('views').filter(({ instance }) => instance === 'instance-1').length, 0)
  await right(a.transport.publish(news(0, 40)))
  await time.quiet()
  assert.equal([numbers(other.ids()), sleeper.got], [upTo(40), []])
  await stuck.advance(1200) // it catches up with the others
  assert.is(here.inspect.owners('views').filter(({ instance }) => instance === 'instance-1').length, 4)
  assert.is(sleeper.revoked.length, 4)
})

world('blames nobody for a process that was busy', async () => {
  const time = clock(), here = memoryWorld(), options = { lease: 900 }, a = await open(time, here, { options }), b = await open(time, here, { options })
  const readers = [await reader(a, 'views', ['news']), await reader(b, 'views', ['news'])], owners = () => here.inspect.owners('views').map(({ partition, fence }) => `${partition} ${fence}`)
  await time.advance(350)
  const before = owners()
  readers[0]!.revoked.length = 0
  time.stall(5000)
  await time.advance(2000)
  assert.equal([owners(), readers.flatMap(({ revoked }) => revoked)], [before, []])
})

world('opens only what fits it', async () => {
  const time = clock(), here = memoryWorld(), t = table('t', { columns: { id: text }, key: 'id' }), other = table('t', { columns: { id: int }, key: 'id' })
  await open(time, here, { instance: 'a', tables: [t], options: { partitions: 3 } })
  const refused = (instance: string, tables: readonly AnyTable[], partitions: number) => left(memory({ world: here, instance }).open({ tables, channels: [], consumers: [], everywhere: [], runtime: time.runtime, options: { ...defaults, partitions } }))
  assert.match((await refused('a', [], 3)).failure, /'a': another of this name is open/)
  assert.match((await refused('b', [], 4)).failure, /expected 3 partitions/)
  assert.match((await refused('b', [], 0)).failure, /expected a whole number of partitions/)
  assert.match((await refused('b', [other], 3)).failure, /table 't': expected the shape that it has.*id: text.*id: int/)
  assert.is((await right(memory({ world: here, instance: 'b' }).open({ tables: [t], channels: [], consumers: [], everywhere: [], runtime: time.runtime, options: { ...defaults, partitions: 3 } }))).store === undefined, false)
})

world.run()

import { type Job, accept, channel, command, commandHandler, table, text } from '@lowtide/core'
import { message } from '@lowtide/testing'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { z } from 'zod'
import { type Queue, queues } from './queues.js'

const test = suite('the queues of a group')

const Go = command('Go', { channel: channel('go'), key: d => d.key, schema: z.object({ key: z.string() }) }), rows = table('rows', { columns: { id: text }, key: 'id' })
const go = commandHandler({ meta: { name: 'go', in: Go, out: [], uses: [rows] }, operate: () => accept(), write: {} })
interface Lined extends Job { readonly queue: Queue<Lined>; readonly nth: number; readonly partition: string }

/** Queues whose batches end when the test says so. */
const world = (abreast: number, unitLimit: number, enough = 1) => {
  const soon: (() => void)[] = [], flying: { readonly jobs: readonly Lined[]; end(): void }[] = [], ended: Lined[] = []
  let made = 0
  const run = queues<Lined>({ abreast, unitLimit, enough, runtime: { soon: call => { soon.push(call) } }, execute: jobs => new Promise(resolve => {
    const flight = { jobs, end: () => { flying.splice(flying.indexOf(flight), 1); ended.push(...jobs); resolve() } }
    flying.push(flight)
  }) })
  /** What is due begins. */
  const turn = async (): Promise<void> => { for (let n = 0; n < 3; n++) { for (const call of soon.splice(0)) call(); await Promise.resolve(); await Promise.resolve() } }
  const take = (partition: string, key: string): void => {
    const queue = run.of(partition, key), job: Lined = { handler: go, message: message(Go, { key }), key: `${partition}/${key}`, do: 'run', attempts: 0, losses: 0, broke: 0, settle: () => {}, queue, nth: made++, partition }
    queue.jobs.push(job)
    run.kick()
  }
  return { flying, ended, turn, take, run, made: () => made }
}

test('keep the order of a key, one batch of it at a time, and lose nobody, whoever meets whom', async () => {
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.record({ partition: fc.constantFrom('', '', '0', '1', '2'), key: fc.constantFrom('a', 'b', 'c', 'd') }) },
    { weight: 3, arbitrary: fc.record({ ends: fc.nat(3), lost: fc.integer({ min: 0, max: 3 }).map(n => n === 0) }) },
  )
  let abreast = 0, together = 0
  await fc.assert(fc.asyncProperty(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 8 }), fc.array(step, { minLength: 20, maxLength: 120 }), async (width, limit, enough, steps) => {
    const w = world(width, limit, enough)
    const look = (): void => {
      assert.ok(w.flying.length <= width, 'no more batches than queues')
      const keys = w.flying.flatMap(f => [...new Set(f.jobs.map(j => j.key))])
      assert.is(new Set(keys).size, keys.length, 'a key is in one batch at a time')
      for (const { jobs } of w.flying) assert.ok(jobs.length > 0 && jobs.length <= limit, `a batch of ${jobs.length}`)
      if (w.flying.length > 1) abreast++
      if (w.flying.some(f => new Set(f.jobs.map(j => j.queue)).size > 1)) { together++; assert.is(w.flying.length, 1, 'a batch of several queues flies alone') }
    }
    const end = async (nth: number, lost: boolean): Promise<void> => {
      const flight = w.flying[nth % w.flying.length]!
      if (lost) flight.jobs[0]!.losses++
      flight.end()
      await w.turn()
      look()
    }
    for (const s of steps) {
      if ('key' in s) w.take(s.partition, s.key)
      await w.turn()
      look()
      if ('ends' in s && w.flying.length > 0) await end(s.ends, s.lost)
    }
    while (w.flying.length > 0) await end(0, false)
    assert.is(w.ended.length, w.made(), 'all are done')
    const last = new Map<string, number>()
    for (const { key, nth } of w.ended) { assert.ok((last.get(key) ?? -1) < nth, `the order of ${key}`); last.set(key, nth) }
  }), { numRuns: 500 })
  assert.ok(abreast > 100 && together > 100, `abreast ${abreast}, together ${together}`)
})

test('make one batch of all for a while after two have met, for longer each time, and then go abreast again', async () => {
  const w = world(2, 10), spans: number[] = []
  const fill = async (): Promise<void> => { for (const p of ['0', '1']) w.take(p, p); await w.turn() }
  for (let times = 0; times < 3; times++) {
    while (w.flying.length < 2) await fill()
    w.flying[0]!.jobs[0]!.losses++
    while (w.flying.length > 0) { w.flying[0]!.end(); await w.turn() }
    let span = 0
    for (await fill(); w.flying.length === 1; await fill()) { span++; w.flying[0]!.end(); await w.turn() }
    spans.push(span)
  }
  assert.ok(spans[0]! >= 8 && spans[1]! >= 1.5 * spans[0]! && spans[2]! >= 1.5 * spans[1]!, spans.join(' '))
})

test('make one batch of what is little, whatever stands in which queue', async () => {
  const w = world(3, 10, 6)
  for (const p of ['0', '1', '2', '0', '1']) w.take(p, p)
  await w.turn()
  assert.equal(w.flying.map(f => f.jobs.length), [5])
  for (const p of ['0', '1', '2', '0', '1', '2']) w.take(p, p)
  await w.turn()
  assert.is(w.flying.length, 1, 'others wait for it')
  w.flying[0]!.end()
  await w.turn()
  assert.equal(w.flying.map(f => f.jobs.map(j => j.partition).join('')), ['00', '11', '22'])
})

test('let nobody starve who has little, beside queues that always have enough', async () => {
  const w = world(3, 50, 64)
  for (const p of ['0', '1', '2']) w.run.of(p, '')
  const fill = (): void => { for (let i = 0; i < 30; i++) for (const p of ['0', '1']) w.take(p, `${p}`) }
  fill()
  fill()
  await w.turn()
  w.take('2', 'alone')
  let landed = 0
  for (; landed < 50 && !w.ended.some(j => j.partition === '2'); landed++) { fill(); w.flying[0]!.end(); await w.turn() }
  assert.ok(landed < 12, `${landed} batches landed before it`)
})

test('a batch that breaks keeps no other back', async () => {
  const soon: (() => void)[] = [], broken: unknown[] = []
  let begun = 0
  const told = (e: unknown): void => { broken.push(e) }
  process.once('unhandledRejection', told)
  const run = queues<Lined>({ abreast: 1, unitLimit: 1, runtime: { soon: call => { soon.push(call) } }, execute: () => { begun++; return Promise.reject(new Error('broke')) } })
  for (let n = 0; n < 2; n++) run.of('', 'k').jobs.push({} as Lined)
  run.kick()
  soon.splice(0).forEach(call => call())
  await new Promise(resolve => { setImmediate(resolve) })
  soon.splice(0).forEach(call => call())
  assert.is(begun, 2)
  assert.is((broken[0] as Error).message, 'broke', 'and it is not hidden')
  process.once('unhandledRejection', told)
  await new Promise(resolve => { setImmediate(resolve) })
  process.off('unhandledRejection', told)
})

test('give each partition a queue of its own as long as there is one', () => {
  const { run } = world(3, 10)
  const seats = ['4', '1', '7', '2'].map(partition => run.of(partition, 'any'))
  assert.is(new Set(seats.slice(0, 3)).size, 3)
  assert.is(run.of('4', 'other'), seats[0])
  assert.is(run.of(undefined, 'key'), run.of('', 'key'))
})

test.run()

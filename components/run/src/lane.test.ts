import { type Job, type Mark, type Slot, accept, channel, command, commandHandler, defaults } from '@lowtide/core'
import { message } from '@lowtide/testing'
import * as E from 'fp-ts/lib/Either.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { z } from 'zod'
import { lane } from './lane.js'

const test = suite('a lane')

const Go = command('Go', { channel: channel('go'), key: d => d.key, schema: z.object({ key: z.string() }) })
const go = commandHandler({ meta: { name: 'go', in: Go, out: [] }, operate: () => accept(), write: {} })
const turn = async (): Promise<void> => { for (let i = 0; i < 30; i++) await Promise.resolve() }

/** Jobs that fail once, or end when the test says so; `delivered` ones come from partition 0, the others from callers. */
const world = (abreast: number) => {
  const timers: (() => void)[] = [], lines: string[] = [], done: string[] = [], left: string[] = [], fails = new Set<string>(), outages = new Set<string>(), holds = new Map<string, Promise<void>>(), track: Slot['track'] = { open: [], of: { consumer: 'go', channel: 'go', partition: '0', fence: '1' } }
  const execute = async (jobs: readonly Job[], admit: (job: Job) => boolean): Promise<void> => {
    for (const job of jobs.filter(admit)) {
      if (fails.delete(job.message.id)) { job.settle(E.left({ failure: 'not now', retry: true })); continue }
      await holds.get(job.message.id)
      if (outages.has(job.message.id)) { job.settle(E.left({ failure: 'away', retry: true, unavailable: true })); continue }
      done.push(job.message.id)
      job.settle(E.right({ consumer: '', id: job.message.id, body: '', time: '' } satisfies Mark))
    }
  }
  const runtime = { soon: (call: () => void): void => { void Promise.resolve().then(call) }, after: (_ms: number, call: () => void) => { timers.push(call); return () => {} }, random: () => 1, now: () => 0, newId: () => '', log: (level: string, text: string): void => { lines.push(`${level}: ${text}`) } }
  const l = lane({ abreast, enough: 1, execute, runtime, options: defaults, unitLimit: 256 })
  const take = async (id: string, key: string, from: 'delivered' | 'called'): Promise<void> => {
    l.take(go, message(Go, { key }, { id }), 'go', { done: result => { if (E.isLeft(result) && result.left.fenced) left.push(id) }, ...from === 'delivered' && { slot: { at: { channel: 'go', partition: '0', position: id }, done: false, track } } })
    await turn()
  }
  return { l, take, timers, lines, done, left, fails, outages, holds }
}

test('keeps the order of delivered commands of a key also where called ones waited among them', async () => {
  const w = world(2)
  let open = (): void => {}
  w.fails.add('first')
  await w.take('first', 'a', 'delivered')
  await w.take('called', 'a', 'called')
  w.holds.set('other', new Promise(resolve => { open = resolve }))
  await w.take('other', 'c', 'called')
  await w.take('second', 'a', 'delivered')
  w.timers.shift()!()
  await turn()
  await w.take('third', 'a', 'delivered')
  open()
  await turn()
  assert.equal(w.done.filter(id => ['first', 'second', 'third'].includes(id)), ['first', 'second', 'third'])
  assert.ok(w.done.includes('called') && w.done.includes('other'))
})

test('does nothing behind what it gives up as it closes', async () => {
  const w = world(1)
  w.fails.add('first')
  await w.take('first', 'a', 'delivered')
  await w.take('second', 'a', 'delivered')
  w.l.close()
  await turn()
  assert.equal(w.done, [])
})

test('waits for no outage once it is told to leave, and runs nothing behind what it left', async () => {
  const w = world(2)
  let open = (): void => {}, idle = false
  const hold = new Promise<void>(resolve => { open = resolve })
  w.outages.add('away').add('late')
  await w.take('away', 'a', 'delivered')
  await w.take('behind', 'a', 'delivered')
  for (const [id, key] of [['late', 'b'], ['other', 'c']] as const) { w.holds.set(id, hold); await w.take(id, key, 'delivered') }
  await w.take('later', 'b', 'delivered')
  w.l.leave()
  void w.l.idle().then(() => { idle = true })
  await turn()
  assert.equal([w.left, idle], [['away'], false])
  open()
  await turn()
  assert.ok(idle)
  assert.equal([w.left.toSorted(), w.done], [['away', 'behind', 'late', 'later'], ['other']])
})

test('is done with what fails otherwise before it leaves', async () => {
  const w = world(1)
  w.fails.add('once')
  await w.take('once', 'a', 'delivered')
  await w.take('behind', 'a', 'delivered')
  w.l.leave()
  w.timers.shift()!()
  await turn()
  assert.equal([w.left, w.done], [[], ['once', 'behind']])
})

test('tells once why it cannot go on, and that it goes on again', async () => {
  const w = world(1), retry = async (): Promise<void> => { w.timers.shift()!(); await turn() }
  w.outages.add('first')
  await w.take('first', 'a', 'delivered')
  for (let n = 0; n < 5; n++) await retry()
  const away = `warn: 'go' cannot go on, and tries again by itself: away`
  assert.equal(w.lines, [away])
  w.outages.delete('first')
  await retry()
  assert.equal([w.lines, w.done], [[away, `info: 'go' goes on`], ['first']])
  w.outages.add('second')
  await w.take('second', 'a', 'delivered')
  assert.equal(w.lines.slice(2), [away])
})

test('is quiet while some keys are away and others are not', async () => {
  const w = world(1), retry = async (): Promise<void> => { for (const timer of w.timers.splice(0)) timer(); await turn() }
  for (const id of ['first', 'second']) { w.outages.add(id); await w.take(id, id, 'delivered') }
  for (let n = 0; n < 5; n++) { await w.take(`well ${n}`, `well ${n}`, 'delivered'); await retry() }
  w.outages.delete('first')
  await retry()
  assert.is(w.lines.length, 1, w.lines.join('\n'))
  w.outages.delete('second')
  await retry()
  assert.equal(w.lines.slice(1), [`info: 'go' goes on`])
})

test.run()

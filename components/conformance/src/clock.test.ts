import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { chance, virtual } from './clock.js'

const test = suite('a virtual clock')
const turn = (): Promise<void> => new Promise(resolve => { setImmediate(resolve) })
const setup = () => {
  const { clock, runtime } = virtual()
  return { clock, runtime: runtime(1, () => {}), begun: clock.now() }
}

test('a week takes a moment, and timers go off in their order, each at its time', async () => {
  const { clock, runtime, begun } = setup(), week = 7 * 24 * 3_600_000, heard: (readonly [string, number])[] = []
  const hear = (name: string) => (): void => { heard.push([name, clock.now() - begun]) }
  runtime.after(week, hear('week'))
  runtime.after(20, hear('b'))
  runtime.after(10, () => { hear('a')(); runtime.after(10, hear('c')) })
  runtime.after(5, hear('never'))()
  await clock.pass(week)
  assert.equal(heard, [['a', 10], ['b', 20], ['c', 20], ['week', week]])
  assert.is(clock.now() - begun, week)
})

test('time stands still while something runs', async () => {
  const { clock, runtime, begun } = setup()
  let steps = 0
  const work = (): void => { if (++steps < 50) runtime.soon(work) }
  runtime.after(1_000, () => assert.is(steps, 50))
  runtime.soon(work)
  await clock.pass(1_000)
  assert.is(clock.now() - begun, 1_000)
  assert.is(steps, 50)
})

test('until looks before time goes on', async () => {
  const { clock, runtime, begun } = setup()
  let there = false
  runtime.after(300, () => { there = true })
  runtime.after(900, () => assert.unreachable('time went on after it was found'))
  assert.is(await clock.until('it', 60_000, async () => { await turn(); return there && 'found' }), 'found')
  assert.is(clock.now() - begun, 300)
})

test('who waits in vain is told for what, and what it found', async () => {
  const { clock, runtime } = setup(), poll = (): void => { runtime.after(50, poll) }
  poll()
  try {
    await clock.until('the moon', 1_000, async () => 0)
    assert.unreachable()
  } catch (e) { assert.match((e as Error).message, /waited 1000 ms for the moon, in vain; the last answer was 0/) }
  try {
    await clock.during('the sun', 1_000, new Promise(() => {}))
    assert.unreachable()
  } catch (e) { assert.match((e as Error).message, /waited 1000 ms for the sun, in vain/) }
})

test('a seed repeats its numbers, between 0 and 1', () => {
  const some = (seed: number): readonly number[] => { const next = chance(seed); return Array.from({ length: 1_000 }, next) }
  assert.equal(some(7), some(7))
  assert.not.equal(some(7), some(8))
  assert.ok(some(7).every(n => n >= 0 && n < 1))
  assert.ok(Math.abs(some(7).reduce((a, b) => a + b) / 1_000 - 0.5) < 0.05)
})

test.run()

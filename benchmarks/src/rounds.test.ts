import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Side, callers, inTurns, timing } from './rounds.js'

const test = suite('rounds')
const logging = (name: string, log: string[]): Side => async () => {
  log.push(`make ${name}`)
  return { run: async () => { log.push(`run ${name}`) }, audit: async () => { log.push(`audit ${name}`) }, close: async () => { log.push(`close ${name}`) } }
}

test('both sides run in turns, each time in the other order, and what warms up does not count', async () => {
  const log: string[] = []
  const pairs = await inTurns({ rounds: 2, warmUp: 1 }, logging('a', log), logging('b', log))
  assert.is(pairs.length, 2)
  assert.equal(log.filter(l => l.startsWith('run')), ['run a', 'run b', 'run b', 'run a', 'run a', 'run b'])
})

test('a round is made, run and audited, and closed when the next one is made', async () => {
  const log: string[] = [], a = timing(logging('a', log))
  await a.time()
  await a.time()
  await a.close()
  assert.equal(log, ['make a', 'run a', 'audit a', 'make a', 'close a', 'run a', 'audit a', 'close a'])
})

test('a fault that the audit finds ends the benchmark, and both sides are closed', async () => {
  const log: string[] = []
  const wrong: Side = async () => ({ run: async () => {}, audit: () => Promise.reject(new Error('a row is missing')), close: async () => { log.push('close') } })
  const message = await inTurns({ rounds: 1, warmUp: 0 }, logging('a', log), wrong).then(() => 'no error', (e: unknown) => e instanceof Error ? e.message : '')
  assert.is(message, 'a row is missing')
  assert.equal(log, ['make a', 'run a', 'audit a', 'close a', 'close'])
})

test('callers take every task once, and each waits for its own', async () => {
  const taken: number[] = []
  let together = 0, most = 0
  await callers(4, 10, async i => {
    taken.push(i)
    most = Math.max(most, ++together)
    await Promise.resolve()
    together--
  })
  assert.equal(taken, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  assert.is(most, 4)
})

test.run()

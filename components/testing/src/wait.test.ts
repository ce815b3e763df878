import * as TE from 'fp-ts/lib/TaskEither.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { left, right, until, within } from './wait.js'

const test = suite('waiting')
const messageOf = (running: Promise<unknown>) => running.then(value => { throw new Error(`no error, but ${String(value)}`) }, (e: Error) => e.message)
const never = () => new Promise<never>(() => {})

test('right unwraps a success, and throws a failure with its value', async () => {
  assert.is(await right(TE.right(1)), 1)
  assert.match(await messageOf(right(TE.left({ failure: 'gone', deep: { er: [1] } }))), "found a Left: { deep: { er: [ 1 ] }, failure: 'gone' }")
})

test('left unwraps a failure, and throws a success with its value', async () => {
  assert.is(await left(TE.left('no')), 'no')
  assert.match(await messageOf(left(TE.right('yes'))), "found a Right: 'yes'")
})

test('within gives the value of a task that is in time', async () => {
  assert.is(await within(1_000, 'nothing much', async () => 1), 1)
})

test('within ends with the name of what never came', async () => {
  assert.is(await messageOf(within(10, 'the ebb', never)), '[testing] waited 10 ms for the ebb, in vain')
})

test('within passes on the error of its task', async () => {
  assert.is(await messageOf(within(1_000, 'the ebb', () => Promise.reject(new Error('broken')))), 'broken')
})

test('until asks again until the answer is truthy, and gives it', async () => {
  let asked = 0
  assert.is(await until('the third answer', 1_000, () => ++asked === 3 && 'three'), 'three')
  assert.is(await until('it', 1_000, async () => 'at once'), 'at once')
})

test('until ends with the name of what never came, and the last answer', async () => {
  assert.is(await messageOf(until('the ebb', 20, () => 0)), '[testing] waited 20 ms for the ebb, in vain; the last answer was 0')
  assert.is(await messageOf(until('the ebb', 20, never)), "[testing] waited 20 ms for the ebb, in vain; the last answer was 'none yet'")
})

test('until asks no more when its time is over', async () => {
  let asked = 0
  await messageOf(until('the ebb', 10, () => { asked++; return false }))
  const then = asked
  await new Promise(resume => setTimeout(resume, 20))
  assert.is(asked, then)
})

test('until passes on the error of its condition', async () => {
  assert.is(await messageOf(until('the ebb', 1_000, () => { throw new Error('broken') })), 'broken')
})

test.run()

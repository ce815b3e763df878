import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { teller } from './progress.js'

const told = (json: boolean) => {
  const lines: string[] = [], clock = { now: 5_000 }, { progress, figures } = teller('view', json, () => clock.now, line => lines.push(line))
  return { lines, figures, at: (ms: number, events: number, of?: number) => { clock.now = 5_000 + ms; progress({ events, of }) } }
}

test('a line a second, with the rate, and what is left as soon as all are counted', () => {
  const { lines, at, figures } = told(false)
  at(500, 400)
  at(1_000, 1_000)
  at(1_900, 1_500, 7_000)
  at(2_000, 2_000, 200_000)
  at(9_000, 9_000, 9_000)
  assert.equal(lines, ['view: 1000 events, 1000 a second', 'view: 2000 of 200000 events, 1000 a second, 3 m left', 'view: 9000 of 9000 events, 1000 a second, 0 s left'])
  assert.equal(figures({ events: 9_000, of: 9_000 }), { events: 9_000, of: 9_000, rate: 1_000, seconds: 9, left: 0 })
})

test('for programs, a document each', () => {
  const { lines, at } = told(true)
  at(2_000, 100, 300)
  at(3_000, 0)
  assert.equal(lines.map(line => JSON.parse(line) as unknown), [{ progress: { handler: 'view', events: 100, rate: 50, of: 300, left: 4 } }, { progress: { handler: 'view', events: 0, rate: 0 } }])
})

test.run()

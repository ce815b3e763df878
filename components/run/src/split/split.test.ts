import { type Shell, accept, channel, command, commandHandler } from '@lowtide/core'
import { until, within } from '@lowtide/testing'
import * as TE from 'fp-ts/lib/TaskEither.js'
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { z } from 'zod'
import { deployment } from '../deployment.js'
import { type Alive, type Death, type Place, place } from './place.js'
import { memberOf, split } from './split.js'

const script = fileURLToPath(new URL('fixture.js', import.meta.url)), pauses = { steady: 60_000, least: 40, most: 100 }
const open: Place[] = []
/** Who is in it is told by `how`, which may change. */
const placed = (how: () => string) => {
  const alive: (Alive & { readonly again: boolean })[] = [], deaths: Death[] = [], failed: string[] = [], began: (number | undefined)[] = []
  const one = place({
    begin: port => { began.push(port); return fork(script, [how()], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] }) },
    runs: (who, again) => alive.push({ ...who, again }), died: death => deaths.push(death), failed: why => failed.push(why), pauses,
  })
  open.push(one)
  return { one, alive, deaths, failed, began }
}
const test = suite('a process\'s place')
test.after.each(async () => { for (const one of open.splice(0)) { const gone = one.stop(); one.kill(); await gone } })

test('who dies is followed by another, which is given the port of the one before', async () => {
  const { alive, deaths, began } = placed(() => 'listens')
  await until('the first', 5_000, () => alive.length === 1)
  process.kill(alive[0]!.pid, 'SIGKILL')
  await until('the second', 5_000, () => alive.length === 2)
  assert.equal(deaths, [{ pid: alive[0]!.pid, how: 'SIGKILL', failed: undefined, times: 1, pause: 0 }])
  assert.equal(alive.map(({ port, again }) => [port, again]), [[4001, false], [4001, true]])
  assert.equal(began, [undefined, 4001])
  assert.is.not(alive[0]!.pid, alive[1]!.pid)
})

test('where they die at once again and again, the next one waits, each time longer, and no longer than the most', async () => {
  let how = 'dies'
  const { alive, deaths } = placed(() => how)
  await until('five deaths', 20_000, () => deaths.length === 5)
  how = ''
  assert.equal(deaths.map(({ times, pause }) => [times, pause]), [[1, 0], [2, 40], [3, 80], [4, 100], [5, 100]])
  await until('one that lives', 5_000, () => alive.length === 1)
})

test('the very first that says why it cannot start has no follower; a later one has', async () => {
  const { failed, deaths, one } = placed(() => 'fails')
  await until('its word', 5_000, () => failed.length === 1)
  assert.equal([failed, deaths], [['this one cannot'], []])
  await one.stop()

  let how = ''
  const later = placed(() => how)
  await until('the first', 5_000, () => later.alive.length === 1)
  how = 'fails'
  process.kill(later.alive[0]!.pid, 'SIGKILL')
  await until('the second death', 5_000, () => later.deaths.length >= 2)
  assert.is(later.deaths[1]!.failed, 'this one cannot')
  how = ''
  await until('one that lives', 5_000, () => later.alive.length === 2)
})

test('who is told to stop stops, and nobody follows; so does who waits for his start; who is deaf can be killed', async () => {
  let how = ''
  const { one, alive, began, deaths } = placed(() => how)
  await until('the first', 5_000, () => alive.length === 1)
  await within(5_000, 'its end', () => one.stop())
  await within(1_000, 'the end of nobody', () => one.stop())
  assert.equal([began.length, deaths], [1, []])

  how = 'dies'
  const dying = placed(() => how)
  await until('a pause', 5_000, () => dying.deaths.length === 3)
  await within(1_000, 'the end of nobody', () => dying.one.stop())

  how = 'deaf'
  const deaf = placed(() => how)
  await until('the first', 5_000, () => deaf.alive.length === 1)
  const gone = deaf.one.stop()
  deaf.one.kill()
  await within(5_000, 'its end', () => gone)
})
test.run()

const splitting = suite('splitting')
const Open = command('Open', { channel: channel('commands'), key: d => d.id, schema: z.object({ id: z.string() }) })
const opening = commandHandler({ meta: { name: 'open', in: Open, out: [] }, operate: () => accept(), write: {} })
const over = (scaleOut: Shell['guarantees']['scaleOut']) => deployment({
  name: 'shop', functions: [{ opening }], processes: { front: [], handlers: [opening] }, options: { grace: 1_000 },
  shell: { name: 'nowhere', open: () => TE.left({ failure: 'this shell opens nothing', retry: false }), guarantees: { ordering: 'per key', delivery: 'effects once', durability: 'process', scope: 'global', references: 'checked', parkedKey: 'held', replay: 'none', scaleOut, unitLimit: 10 } },
})

splitting('tells what a process is, and refuses one that is not there, and a shell that holds all in one', () => {
  assert.equal(memberOf(over('processes'), 'handlers'), { process: 'handlers', handlers: ['open'] })
  for (const name of ['handlres', 'toString']) assert.throws(() => memberOf(over('processes'), name), new RegExp(`^shop has no process '${name}'; nearest: '.*'; known: front, handlers$`))
  assert.throws(() => memberOf(over('one process'), 'handlers'), /'scaleOut' is 'one process', expected 'processes'/)
})

const nothing = fileURLToPath(new URL('told.js', import.meta.url))
splitting('a main that gives no deployment is told once, and close ends the rest', async () => {
  const lines: string[] = [], begun = split({ main: nothing, deployment: over('processes'), runs: () => {}, tell: line => lines.push(line) })
  const why = await begun.ready.then(() => '', (e: Error) => e.message)
  await within(5_000, 'the end', () => begun.close())
  assert.match(why, /^'(front|handlers)' cannot start: .*expected that it calls run\(deployment\(…\)\), found that it ended and never did$/)
  assert.equal(lines, [])
})
splitting.run()

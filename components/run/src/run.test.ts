import { type Shell, accept, channel, command, commandHandler } from '@lowtide/core'
import * as TE from 'fp-ts/lib/TaskEither.js'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { z } from 'zod'
import { deployment, run } from './index.js'

const test = suite('run')
/** This file is also the program of a child, which starts what cannot start: and catches that, or not. */
const childOf = process.env['LOWTIDE_TEST_CHILD']
const ended = async (how: string) => {
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url)], { env: { ...process.env, LOWTIDE_TEST_CHILD: how }, stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => { said += text })
  const [code] = await once(child, 'close') as [number]
  return { code, said }
}
const door = Symbol.for('lowtide.deployment'), doors = globalThis as { [door]?: unknown }
const Open = command('Open', { channel: channel('commands'), key: d => d.id, schema: z.object({ id: z.string() }) })
const open = commandHandler({ meta: { name: 'open', in: Open, out: [] }, operate: () => accept(), write: {} })
const counting = () => {
  let opened = 0
  const shell: Shell = {
    name: 'nowhere', open: () => { opened++; return TE.left({ failure: 'this shell opens nothing', retry: false }) },
    guarantees: { ordering: 'per key', delivery: 'effects once', durability: 'process', scope: 'global', references: 'checked', parkedKey: 'held', replay: 'none', scaleOut: 'one process', unitLimit: 10 },
  }
  return { opened: () => opened, d: deployment({ name: 'shop', functions: [{ open }], shell, processes: { all: [open] } }) }
}
test.after.each(() => { delete doors[door] })

test('gives the deployment to who stands at the door, starts nothing, and never ends', async () => {
  const { opened, d } = counting(), given: unknown[] = [], heard = process.listenerCount('SIGINT')
  doors[door] = (x: unknown) => { given.push(x) }
  const settled = await Promise.race([run(d).then(() => 'settled', () => 'settled'), new Promise(resolve => { setTimeout(resolve, 50, 'waits') })])
  assert.is(settled, 'waits')
  assert.ok(given.length === 1 && given[0] === d)
  assert.equal([opened(), process.listenerCount('SIGINT')], [0, heard])
})

test('starts it where nobody stands there', async () => {
  const { opened, d } = counting(), told = await run(d).then(() => 'started', (e: Error) => e.message)
  assert.equal([told, opened()], ["[shop] the shell 'nowhere' cannot start: this shell opens nothing", 1])
})

test('what keeps it from starting is told by its message alone where nobody catches it', async () => {
  for (const how of ['awaited', 'left']) assert.equal(await ended(how), { code: 1, said: "error: [shop] the shell 'nowhere' cannot start: this shell opens nothing\n" }, how)
})

test('who catches it goes on, and what is thrown after it has its stack', async () => {
  const { code, said } = await ended('caught')
  assert.match(said, /^caught SHELL\n[^]*Error: another\n +at /)
  assert.is(code, 1)
})

if (childOf === undefined) test.run()
else if (childOf === 'awaited') await run(counting().d)
else if (childOf === 'left') void run(counting().d)
else {
  await run(counting().d).catch((e: { code: string }) => { process.stderr.write(`caught ${e.code}\n`) })
  setTimeout(() => { throw new Error('another') }, 20)
}

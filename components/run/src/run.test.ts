import { type Shell, accept, channel, command, commandHandler } from '@lowtide/core'
import * as TE from 'fp-ts/lib/TaskEither.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { z } from 'zod'
import { deployment, run } from './index.js'

const test = suite('run')
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

test.run()

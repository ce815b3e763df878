import { memory } from '@lowtide/memory'
import { type Observe, run, system } from '@lowtide/run'
import { right, until, within } from '@lowtide/testing'
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Ship, mails, parcelsOf } from './fixture.js'

const test = suite('what observes a process harms nothing')

const thrown = (): never => { throw new Error('the exporter is on fire') }
/** Each takes the place of every wrapper. */
const broken: { readonly [how: string]: (run: (given?: string) => Promise<unknown>) => Promise<void> } = {
  'throws at once': thrown,
  'throws after the work': async run => { await run(); thrown() },
  'never lets it run': async () => {},
  'lets it run twice': async run => { await run(); await run() },
  'lets it run and does not wait': async run => { void run() },
  'never ends': async run => { await run(); await new Promise(() => {}) },
  'gives a trace that is none': async run => { await run('not\u0000a trace') },
  'returns no promise': (() => undefined) as unknown as () => Promise<void>,
}
for (const [how, wrap] of Object.entries(broken)) test(`one that ${how}`, async () => {
  const said: string[] = [], observe: Observe = { sending: (_, run) => wrap(run), executing: (_, run) => wrap(run), publishing: (_, run) => wrap(run) }
  const app = await run(parcelsOf(memory()), { observe, runtime: { ...system, log: (level, text) => { if (level !== 'info') said.push(text) } }, signals: false })
  try {
    const to = `${how}@example.org`, outcome = await within(5_000, 'the answer', () => right(app.send(Ship({ parcel: 'a', note: to }), { wait: 'projected' })))
    assert.equal(outcome.events?.map(e => [e.type, e.traceparent]), [['Shipped', undefined]])
    assert.is((await right(app.send(Ship({ parcel: 'a', note: to })))).rejection?.code, 'shipped-already')
    await until('the mail', 5_000, () => mails.includes(to))
    assert.is(mails.filter(m => m === to).length, 1)
    assert.equal(said.filter(text => !text.startsWith('what observes this process is broken')), [])
    assert.ok(said.length <= 1, said.join('\n'))
  } finally { await app.close() }
})

test('a deployment that is not observed runs where OpenTelemetry is not installed', async () => {
  const refuses = `export const resolve = (name, context, next) => { if (name.startsWith('@opentelemetry/')) throw new Error('not installed: ' + name); return next(name, context) }`
  const register = `import { register } from 'node:module'; register('data:text/javascript,' + encodeURIComponent(${JSON.stringify(refuses)}))`
  const program = (imports: string): string => `${imports}
    import { accept, channel, command, commandHandler } from '@lowtide/core'; import { graphql } from '@lowtide/graphql'; import { memory } from '@lowtide/memory'; import { postgres } from '@lowtide/postgres'; import { deployment, run } from '@lowtide/run'; import { z } from 'zod'
    const Go = command('Go', { channel: channel('go'), key: d => d.id, schema: z.object({ id: z.string() }) }), go = commandHandler({ meta: { name: 'go', in: Go, out: [] }, operate: () => accept(), write: {} })
    const app = await run(deployment({ functions: [{ go }], shell: memory(), processes: { all: [go] } })); const told = await app.send(Go({ id: 'a' }), { id: 'one' })(); await app.close(); console.log(told._tag, told.right.commandId, typeof postgres, typeof graphql)`
  const node = (imports: string) => promisify(execFile)(process.execPath, ['--import', `data:text/javascript,${encodeURIComponent(register)}`, '--input-type=module', '--eval', program(imports)], { cwd: import.meta.dirname })
  assert.is((await node('')).stdout.trim(), 'Right one function function')
  const [failed] = await Promise.allSettled([node(`import '@lowtide/telemetry'`)])
  assert.ok(failed.status === 'rejected' && String(failed.reason).includes('not installed: @opentelemetry/api'))
})

test.run()

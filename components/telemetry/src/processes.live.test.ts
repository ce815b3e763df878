import { postgres } from '@lowtide/postgres'
import { planOf, run, system } from '@lowtide/run'
import { freshDatabase, testServer } from '@lowtide/servers'
import { right, until, within } from '@lowtide/testing'
import { context, trace } from '@opentelemetry/api'
import { fork } from 'node:child_process'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Ship, type Told, parcelsOf, sdk } from './fixture.js'

const test = suite('telemetry of several processes')

test('one trace goes through the log to another process, and on to its effect', async () => {
  const server = await testServer(), fresh = await freshDatabase(server.url), ends: (() => Promise<unknown>)[] = [fresh.drop, server.stop].toReversed()
  try {
    const d = parcelsOf(postgres({ url: fresh.url, connections: 4 }))
    await right(d.shell.verbs!.find(v => v.name === 'migrate')!.run(planOf(d, system), new Set()))
    const child = fork(new URL('child/fixture.js', import.meta.url), [fresh.url], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] }), gone = new Promise(resolve => { child.once('exit', resolve) })
    ends.push(async () => { child.kill('SIGKILL'); await gone })
    await within(30_000, 'the start of the worker', () => new Promise<void>((resolve, reject) => { child.once('message', () => resolve()); child.once('exit', () => reject(new Error('the worker ended before it ran'))) }))
    const { observe, spans, tracer, close } = sdk(), app = await run(d, { only: 'front', observe, signals: false })
    ends.push(close, app.close)

    const outer = tracer.startSpan('checkout')
    await context.with(trace.setSpan(context.active(), outer), () => right(app.send(Ship({ parcel: 'a', note: 'n' }), { wait: 'projected' })))
    const asked = (): Promise<readonly Told[]> => new Promise(resolve => { child.once('message', found => resolve(found as readonly Told[])); child.send('spans') })
    const theirs = await until('the spans of the worker', 20_000, async () => { const found = await asked(); return found.length === 5 && found })

    const [send] = spans().filter(s => s.name === 'send parcel-commands'), [publish] = spans().filter(s => s.name === 'publish parcel-commands')
    assert.is(send!.parent, outer.spanContext().spanId)
    assert.equal([publish!.kind, publish!.parent], ['CLIENT', send!.id])
    assert.ok(theirs.every(s => s.pid === child.pid && s.pid !== process.pid))
    assert.equal(theirs.map(s => [s.name, s.trace, s.parent]).toSorted(), ['effect-mail', 'label-commands', 'parcel-commands', 'parcel-events', 'parcel-events'].map(channel => [`process ${channel}`, outer.spanContext().traceId, send!.id]))
  } finally { for (const end of ends.toReversed()) await end() }
})

test.run()

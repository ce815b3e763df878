import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { join } from 'node:path'
import { httpEffect } from '../components/http-effect/dist/index.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { root } from './workspaces.mjs'

const test = suite('npm run sink'), script = join(root, 'scripts/sink.mjs')

test('takes what an effect over HTTP posts, and tells what comes again', async () => {
  const sink = spawn(process.execPath, [script, '0'], { stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    const lines = createInterface({ input: sink.stdout })[Symbol.asyncIterator](), next = async () => (await lines.next()).value
    const [, url] = /^takes what is posted to (http:\/\/127\.0\.0\.1:\d+\/)$/.exec(await next())
    const { effect } = httpEffect({ url }), post = async (to, key) => (await effect({ to }, key)())._tag
    assert.is(await post('ann@example.org', 'a'), 'Right')
    assert.is(await next(), 'taken  a  {"to":"ann@example.org"}')
    assert.is(await post('ann@example.org', 'a'), 'Right')
    assert.is(await next(), 'again  a  {"to":"ann@example.org"}')
    assert.is(await post('bob@example.org', 'b'), 'Right')
    assert.is(await next(), 'taken  b  {"to":"bob@example.org"}')
    sink.kill('SIGTERM')
    assert.equal(await once(sink, 'exit'), [0, null])
  } finally { sink.kill('SIGKILL') }
})
for (const [args, status, said] of [[['seven'], 2, "expected a port, found 'seven'"], [['70000'], 2, "expected a port, found '70000'"], [['1', '2'], 2, "expected a port, found '1 2'"]]) {
  test(`${args.join(' ')} is refused`, () => {
    const ran = spawnSync(process.execPath, [script, ...args], { encoding: 'utf8' })
    assert.is(ran.status, status)
    assert.match(ran.stderr, said)
  })
}

test.run()

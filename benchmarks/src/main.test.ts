// time limit: 240 s
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'

const main = fileURLToPath(new URL('main.js', import.meta.url))
const bench = (...args: readonly string[]) => spawnSync(process.execPath, [main, ...args], { encoding: 'utf8', timeout: 210_000 })
const test = suite('npm run bench')

test('every figure audits itself and comes as a line of JSON', () => {
  const { status, stdout, stderr } = bench('--quick', '--json')
  assert.is(stderr, '')
  assert.is(status, 0)
  const lines = stdout.trim().split('\n').map(line => JSON.parse(line) as Record<string, unknown>)
  for (const line of lines) {
    assert.equal(Object.keys(line), ['name', 'value', 'unit', 'baseline', 'ratio', 'runs'])
    for (const field of ['value', 'baseline', 'ratio', 'runs']) assert.ok(Number(line[field]) > 0, `${line['name']} has ${field} ${line[field]}`)
  }
  const names = lines.map(line => String(line['name']))
  for (const name of ['memory/command-64', 'memory/command-1', 'memory/command-64-unvalidated', 'memory/command-1-unvalidated', 'batching/1', 'batching/1000', 'batching/1000-cuts']) assert.ok(names.includes(name), `${name} is not among ${names.join(', ')}`)
  assert.ok(names.some(name => name.startsWith('memory/growth')))
  for (const name of ['command-1', 'command-256', 'command-256-hot', 'half-load-p99', 'projector', 'handled-p99', 'visible-idle-p99', 'visible-half-load-p99', 'growth-4000', 'heap-4000', 'mutation-p99']) assert.ok(names.includes(`postgres/${name}`), `postgres/${name} is not among ${names.join(', ')}`)
  for (const name of ['http/floor', 'http/floor-p99', 'http/floor-cached', 'http/floor-load']) assert.ok(names.includes(name), `${name} is not among ${names.join(', ')}`)
})

test('a name chooses, and an unknown one lists the known', () => {
  const one = bench('memory/command-1', '--quick', '--json')
  assert.equal(one.stdout.trim().split('\n').map(line => (JSON.parse(line) as { name: string }).name), ['memory/command-1', 'memory/command-1-unvalidated'])
  const none = bench('memory/comand', '--quick')
  assert.is(none.status, 2)
  assert.match(none.stderr, "no figure begins with 'memory/comand'; nearest: 'memory/command-1'; known: ")
})

test.run()

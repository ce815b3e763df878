// time limit: 120 s
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'

const test = suite('npm run bench')
interface Ran { readonly code: number; readonly out: string; readonly err: string }
const bench = (...args: string[]): Promise<Ran> => new Promise(resolve => {
  execFile(process.execPath, [fileURLToPath(new URL('main.js', import.meta.url)), ...args], (error, out, err) => resolve({ code: error ? Number(error.code) : 0, out, err }))
})
const batches = ['', '-cuts', '-many-cuts'].flatMap(suffix => [1, 10, 100, 1000].map(size => `batching/${size}${suffix}`))
const commands = ['memory/command-64', 'memory/command-1', 'memory/command-64-unvalidated', 'memory/command-1-unvalidated']
const growth = [100, 200].flatMap(rows => [`memory/growth-${rows}-heap`, `memory/growth-${rows}`])

test('measures everything, and writes a line of JSON a figure', async () => {
  const { code, out, err } = await bench('--quick', '--json'), figures = out.trimEnd().split('\n').map(line => JSON.parse(line))
  assert.is(`${code} ${err}`, '0 ')
  assert.equal(figures.map(f => f.name), [...commands, ...batches, ...growth])
  for (const f of figures) {
    assert.equal(Object.keys(f), ['name', 'value', 'unit', 'baseline', 'ratio', 'runs'])
    assert.is(typeof f.unit, 'string')
    for (const n of [f.value, f.baseline, f.ratio, f.runs]) assert.ok(Number.isFinite(n) && n > 0, JSON.stringify(f))
  }
})

test('measures what begins with the name, and writes a table', async () => {
  const { code, out } = await bench('--quick', 'memory/command-1')
  assert.is(code, 0)
  const [machine, blank, head, ...lines] = out.trimEnd().split('\n')
  assert.match(machine!, /^Node \d/)
  assert.is(blank, '')
  assert.equal(head!.trim().split(/ +/), ['value', 'unit', 'baseline', 'ratio', 'min-max', 'target', 'runs'])
  assert.equal(lines.map(l => l.split(' ')[0]), ['memory/command-1', 'memory/command-1-unvalidated'])
})

test('names what it knows when it does not know a name', async () => {
  const { code, out, err } = await bench('--quick', 'postgres')
  assert.equal([code, out], [1, ''])
  assert.match(err, "no figure begins with 'postgres'; known: memory/command-64, ")
})

test.run()

// time limit: 180 s
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'

const main = fileURLToPath(new URL('main.js', import.meta.url))
const readme = fileURLToPath(new URL('../README.md', import.meta.url))
const sample = fileURLToPath(new URL('../sample.csv', import.meta.url)), faults = fileURLToPath(new URL('../faults.csv', import.meta.url))

/** Writes the process's largest resident set, in KiB, to its fourth file when it ends. */
const measuring = `data:text/javascript,${encodeURIComponent(`
  import { writeSync } from 'node:fs'
  process.on('exit', () => writeSync(3, String(process.resourceUsage().maxRSS)))
`)}`

const test = suite<{ dir: string }>('main')

test.before.each(async context => { context.dir = await realpath(await mkdtemp(join(tmpdir(), 'basic-async-'))) })
test.after.each(({ dir }) => rm(dir, { recursive: true, force: true }))

const gathered = (stream: Readable) => {
  let text = ''
  stream.setEncoding('utf8').on('data', (part: string) => { text += part })
  return () => text
}
const start = (cwd: string, ...args: readonly string[]) => {
  const child = spawn(process.execPath, ['--import', measuring, main, ...args], { cwd, stdio: ['pipe', 'pipe', 'pipe', 'pipe'] })
  const { stdin, stdout, stderr, stdio } = child
  stdin.on('error', () => { /* it did not want to read all */ })
  const [out, err, peak] = [stdout, stderr, stdio[3] as Readable].map(gathered)
  const ended = once(child, 'close').then(([code]: unknown[]) => ({ code, stdout: out?.() ?? '', stderr: err?.() ?? '', peak: Number(peak?.()) / 1024 }))
  return { child, stdin, stderr, ended }
}
const run = (cwd: string, args: readonly string[], input: string | Buffer = '') => {
  const { stdin, ended } = start(cwd, ...args)
  stdin.end(input)
  return ended
}
const summary = (counts: string) => new RegExp(`^${counts} \\(of \\d+ lines? in \\d+\\.\\d s\\)`)

test('the sample is a good day', async ({ dir }) => {
  const { code, stdout, stderr } = await run(dir, [sample])
  assert.is(stderr, '')
  assert.match(stdout, summary('6 invited, 1 already invited, 0 invalid'))
  assert.match(await readFile(readme, 'utf8'), stdout.replace(/\d+\.\d s/, '0.0 s'))
  assert.is(code, 0)
})

test('a broken file shows everything else', async ({ dir }) => {
  const { code, stdout, stderr } = await run(dir, [faults])
  assert.is(stderr, [
    'line 8: Invalid email address: \'eve-at-example.com\'',
    'line 9: expected 3 columns, found 2',
    'line 10: broken quote: it is opened here and not closed', '',
  ].join('\n'))
  assert.match(stdout, summary('6 invited, 1 already invited, 3 invalid'))
  assert.match(stdout, /\n6 welcome mails counted, none sent\n$/)
  assert.match(await readFile(readme, 'utf8'), stderr + stdout.replace(/\d+\.\d s/, '0.0 s'))
  assert.is(code, 1)
})

test('a file without a fault ends with 0, by any path', async ({ dir }) => {
  await writeFile(join(dir, 'customers.csv'), '\uFEFFemail\r\n Ann@X.io \r\nann@x.io\r\n')
  for (const path of ['customers.csv', join(dir, 'customers.csv')]) {
    const { code, stdout, stderr } = await run(dir, [path])
    assert.match(stdout, summary('1 invited, 1 already invited, 0 invalid'))
    assert.is(stderr, '')
    assert.is(code, 0)
  }
})

test('NDJSON', async ({ dir }) => {
  const lines = '{"email":"ann@x.io"}\n"bob@x.io"\n{"email":"ANN@x.io"}\nbroken\n'
  for (const name of ['a.ndjson', 'a.jsonl', 'a.txt']) {
    await writeFile(join(dir, name), lines)
    const { code, stdout, stderr } = await run(dir, [name])
    assert.match(stdout, summary('2 invited, 1 already invited, 1 invalid'))
    assert.match(stderr, /^line 4: not JSON: .+\n$/)
    assert.is(code, 1)
  }
})

test('standard input, asked for or not', async ({ dir }) => {
  for (const args of [['-'], []]) {
    const { code, stdout } = await run(dir, args, 'email\nann@x.io\n')
    assert.match(stdout, summary('1 invited, 0 already invited, 0 invalid'))
    assert.is(code, 0)
  }
})

test('an empty file is nothing to import, not an error', async ({ dir }) => {
  await writeFile(join(dir, 'empty.csv'), '')
  const { code, stdout, stderr } = await run(dir, ['empty.csv'])
  assert.match(stdout, /^0 invited, 0 already invited, 0 invalid \(of 0 lines in \d+\.\d s\): there was nothing to import\n$/)
  assert.is(stderr, '')
  assert.is(code, 0)
})

test('what cannot be read ends with 2 and says where it looked', async ({ dir }) => {
  const advice = 'give a CSV or NDJSON file, or - for standard input'
  await writeFile(join(dir, 'people.csv'), 'name\nAnn\n')
  for (const [args, expected] of [
    [['x.csv'], `[basic-async] cannot read 'x.csv': no such file (looked in ${dir}); ${advice}\n`],
    [['data/x.csv'], `[basic-async] cannot read 'data/x.csv': no such file (looked in ${join(dir, 'data')}); ${advice}\n`],
    [['.'], `[basic-async] cannot read '.': it is a directory; ${advice}\n`],
    [['people.csv'], `[basic-async] cannot read 'people.csv': it has no column 'email': line 1 has 'name'; name a column 'email' and separate columns by commas, or give one address a line\n`],
    [['--hlep'], `[basic-async] there is no option '--hlep'; the one option is --help, and a file whose name begins with - goes after --\n`],
  ] as const) {
    const { code, stdout, stderr } = await run(dir, args)
    assert.is(stderr, expected)
    assert.is(stdout, '')
    assert.is(code, 2)
  }
})

test('--help', async ({ dir }) => {
  const { code, stdout } = await run(dir, ['--help'])
  assert.match(stdout, /^Invites the customers of a file/)
  assert.is(code, 0)
})

test('what a file holds does not reach the terminal raw', async ({ dir }) => {
  const { stderr } = await run(dir, ['-'], `email\n\u001b]0;owned\u0007@x\n${'y'.repeat(300)}\n`)
  assert.is(stderr, `line 2: Invalid email address: '\\u{1b}]0;owned\\u{7}@x'\nline 3: Invalid email address: '${'y'.repeat(159 - "Invalid email address: '".length)}…\n`)
})

test('Ctrl-C ends the intake, although more may come, and tells what was done', async ({ dir }) => {
  const { child, stdin, stderr, ended } = start(dir, '-')
  stdin.write('email\nann@x.io\nnobody\n')
  await once(stderr, 'data')
  child.kill('SIGINT')
  const { code, stdout } = await ended
  assert.match(stdout, /^1 invited, 0 already invited, 1 invalid \(of 2 lines in \d+\.\d s\): interrupted\n/)
  assert.is(code, 130)
})

test('a reader of the invalid lines that leaves does not end the import', async ({ dir }) => {
  const { stdin, stderr, ended } = start(dir, '-')
  stderr.once('data', () => stderr.destroy())
  stdin.end(`email\n${'nobody\n'.repeat(50_000)}ann@x.io\n`)
  const { code, stdout } = await ended
  assert.match(stdout, summary('1 invited, 0 already invited, 50000 invalid'))
  assert.is(code, 1)
})

/** By how much a run of 100,000 lines is larger than one of 10,000, in MiB, and what the larger one said. */
const grown = async (dir: string, row: (i: number) => string) => {
  const sized = async (lines: number) => {
    await writeFile(join(dir, 'customers.csv'), `email,note\n${Array.from({ length: lines }, (_, i) => row(i)).join('')}`)
    return run(dir, ['customers.csv'])
  }
  const few = await sized(10_000)
  const many = await sized(100_000)
  return { ...many, grown: many.peak - few.peak }
}

test('100,000 lines need no memory of their own', async ({ dir }) => {
  const note = 'x'.repeat(700)
  const { stdout, stderr, grown: mebibytes } = await grown(dir, i => i % 100 === 0 ? `c${i}@x.io,${note}\n` : `c${i}@x.io,one too many,${note}\n`)
  assert.match(stdout, summary('1000 invited, 0 already invited, 99000 invalid'))
  assert.equal(stderr.trimEnd().split('\n').map(line => line.slice(5, line.indexOf(':'))), Array.from({ length: 100_000 }, (_, i) => i + 2).filter(line => line % 100 !== 2).map(String))
  assert.ok(mebibytes < 48, `a file with 62 MiB more took ${mebibytes} MiB more`)
})

test('100,000 customers take what the memory shell keeps of each, no more', async ({ dir }) => {
  const { code, stdout, grown: mebibytes } = await grown(dir, i => `c${i}@x.io,\n`)
  assert.match(stdout, summary('100000 invited, 0 already invited, 0 invalid'))
  assert.match(stdout, '\n100000 welcome mails')
  assert.is(code, 0)
  // Two rows, a command, an event, a mail and their marks: 4 KiB are granted.
  assert.ok(mebibytes < 90_000 * 4 / 1024, `90,000 customers more took ${mebibytes} MiB more`)
})

test.run()

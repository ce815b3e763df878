import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { reporter, type Screen } from './report.js'
import { Unreadable } from './line.js'

const screen = ({ isTTY = false, columns = 80, fits = (): boolean => true } = {}) => {
  const written: string[] = []
  const listeners: { event: string; listener: () => void }[] = []
  const stream: Screen = {
    isTTY, columns,
    write: text => { written.push(text); return fits() },
    on: (event, listener) => listeners.push({ event, listener }),
  }
  return { stream, written, text: () => written.join(''), emit: (name: string) => { for (const { event, listener } of listeners) if (event === name) listener() } }
}
const reporting = (options: Parameters<typeof screen>[0] = {}) => {
  const time = { now: 1000 }
  const [stdout, stderr] = [screen(), screen(options)]
  return { time, stdout, stderr, report: reporter({ stdout: stdout.stream, stderr: stderr.stream, now: () => time.now }) }
}
const counts = { lines: 6, invited: 3, alreadyInvited: 1, invalid: 2 }

test('the summary', () => {
  const { report, stdout, stderr, time } = reporting()
  time.now += 123
  report.summary(counts, { interrupted: false })
  report.summary({ lines: 1, invited: 1, alreadyInvited: 0, invalid: 0 }, { interrupted: true })
  report.summary({ lines: 0, invited: 0, alreadyInvited: 0, invalid: 0 }, { interrupted: false })
  assert.is(stdout.text(), [
    '3 invited, 1 already invited, 2 invalid (of 6 lines in 0.1 s)',
    '1 invited, 0 already invited, 0 invalid (of 1 line in 0.1 s): interrupted',
    '0 invited, 0 already invited, 0 invalid (of 0 lines in 0.1 s): there was nothing to import', '',
  ].join('\n'))
  assert.is(stderr.text(), '')
})

test('an invalid line is told with its number, harmless for a terminal and short', () => {
  const { report, stderr } = reporting()
  void report.progress.invalid(7, 'the email is empty')
  void report.progress.invalid(8, 'x\u001b[2J\u001b]0;title\u0007\r\n\u009b31m\u202E\u200B\uFEFF\u2028\uD800 é 😀')
  void report.progress.invalid(9, `${'x'.repeat(100)}${'😀'.repeat(100_000)}`)
  assert.is(stderr.text(), [
    'line 7: the email is empty',
    'line 8: x\\u{1b}[2J\\u{1b}]0;title\\u{7}\\u{d}\\u{a}\\u{9b}31m\\u{202e}\\u{200b}\\u{feff}\\u{2028}\\u{d800} é 😀',
    `line 9: ${'x'.repeat(100)}${'😀'.repeat(59)}…`, '',
  ].join('\n'))
})

test('progress is for terminals only', () => {
  const { report, stderr, time } = reporting()
  time.now += 1000
  report.progress.counted(counts)
  assert.is(stderr.text(), '')
})

test('progress rewrites one line, ten times a second at most, and makes way for other lines', () => {
  const { report, stdout, stderr, time } = reporting({ isTTY: true })
  report.progress.counted(counts)
  assert.equal(stderr.written, [])
  time.now += 2000
  report.progress.counted(counts)
  report.progress.counted(counts)
  time.now += 99
  report.progress.counted(counts)
  void report.progress.invalid(7, 'no')
  report.progress.counted({ ...counts, lines: 7 })
  time.now += 1
  report.progress.counted({ ...counts, lines: 8 })
  report.summary(counts, { interrupted: false })
  assert.equal(stderr.written, [
    '\r\u001b[K6 lines, 3 lines/s: 3 invited, 1 already invited, 2 invalid',
    '\r\u001b[Kline 7: no\n',
    '\r\u001b[K8 lines, 4 lines/s: 3 invited, 1 already invited, 2 invalid',
    '\r\u001b[K',
  ])
  assert.match(stdout.text(), /^3 invited/)
})

test('progress fits into one line of the terminal', () => {
  const { report, stderr, time } = reporting({ isTTY: true, columns: 20 })
  time.now += 1000
  report.progress.counted(counts)
  assert.is(stderr.text(), '\r\u001b[K6 lines, 6 lines/s:')
})

test('whoever prints faster than it is read is asked to wait', async () => {
  let fits = false
  const { report, stderr } = reporting({ fits: () => fits })
  const slow = report.progress.invalid(1, 'no')
  assert.instance(slow, Promise)
  assert.is(report.progress.invalid(2, 'no'), slow)
  fits = true
  stderr.emit('drain')
  await slow
  assert.is(report.progress.invalid(3, 'no'), undefined)
})

test('a reader that has left is not written to, nor waited for', async () => {
  const { report, stderr } = reporting({ fits: () => false })
  const slow = report.progress.invalid(1, 'no')
  stderr.emit('error')
  await slow
  assert.is(report.progress.invalid(2, 'no'), undefined)
  assert.is(stderr.text(), 'line 1: no\n')
})

test('a failure says where it happened', () => {
  const { report, stderr } = reporting()
  report.failed("'x.csv'", { error: new Unreadable('it is a directory') })
  report.failed("'x.csv'", { line: 7, error: new Error('busy: try later\u001b[2J') })
  report.failed("'x.csv'", { error: 'odd' })
  assert.is(stderr.text(), [
    "[basic-async] cannot read 'x.csv': it is a directory",
    '[basic-async] stopped, for line 7 could not be handled: busy: try later\\u{1b}[2J',
    '[basic-async] stopped: odd', '',
  ].join('\n'))
})

test.run()

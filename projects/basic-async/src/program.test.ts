import { EventEmitter } from 'node:events'
import { PassThrough, Writable } from 'node:stream'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Invitation } from './import.js'
import { program } from './program.js'

const turn = () => new Promise<void>(resolve => { setImmediate(resolve) })
const until = async (holds: () => boolean) => {
  while (!holds()) await turn()
}
const paper = () => {
  const parts: string[] = []
  const stream = new Writable({ decodeStrings: false, write: (part: string, _encoding, done) => { parts.push(part); done() } })
  return { stream, text: () => parts.join('') }
}

/** A process without a process: arguments, streams and signals. */
const started = (args: readonly string[], { invite = async () => 'invited', terminal = false }: { invite?: (email: string) => Promise<Invitation>; terminal?: boolean } = {}) => {
  const stdin = Object.assign(new PassThrough(), { isTTY: terminal })
  const [stdout, stderr] = [paper(), paper()]
  const signals = new EventEmitter()
  const process = Object.assign(signals, { argv: ['node', 'main.js', ...args], stdin, stdout: stdout.stream, stderr: stderr.stream })
  let closed = 0
  const ended = program(process, { invite, mails: () => closed, close: async () => { closed += 1 } }, () => 0)
  return { stdin, signals, ended, stdout: stdout.text, stderr: stderr.text, closed: () => closed }
}

/** Answers when it is told to. */
const slow = () => {
  const open: (() => void)[] = []
  return { open, invite: () => new Promise<Invitation>(resolve => { open.push(() => resolve('invited')) }) }
}

test('an import reads, invites, reports and closes', async () => {
  const { stdin, ended, stdout, stderr, closed } = started([])
  stdin.end('email,name\nann@x.io,Ann\nbob@x.io\n')
  assert.is(await ended, 1)
  assert.is(stderr(), 'line 3: expected 2 columns, found 1\n')
  assert.is(stdout(), '1 invited, 0 already invited, 1 invalid (of 2 lines in 0.0 s)\n1 welcome mail counted, none sent\n')
  assert.is(closed(), 1)
})

test('what cannot be read ends with 2 and closes, with a summary only of what was imported', async () => {
  for (const args of [['--hlep'], ['a', 'b'], ['no-such-file.csv'], ['/']]) {
    const { ended, stdout, stderr, closed } = started(args)
    assert.is(await ended, 2, args.join(' '))
    assert.match(stderr(), /^\[basic-async\] .+\n$/)
    assert.is(stdout(), '1 welcome mail counted, none sent\n')
    assert.is(closed(), 1)
  }
  const { stdin, ended, stdout, stderr } = started(['-'])
  stdin.write('ann@x.io\n')
  await until(() => stdin.readableLength === 0)
  await turn()
  stdin.destroy(new Error('the cable is out'))
  assert.is(await ended, 2)
  assert.match(stderr(), /^\[basic-async\] cannot read standard input: the cable is out; /)
  assert.match(stdout(), /^1 invited/)
})

test('a terminal as standard input is not waited for, unless asked', async () => {
  const { ended, stderr } = started([], { terminal: true })
  assert.is(await ended, 2)
  assert.match(stderr(), 'standard input is a terminal')
  const asked = started(['-'], { terminal: true })
  asked.stdin.end('ann@x.io\n')
  assert.is(await asked.ended, 0)
})

for (const [signal, code] of [['SIGINT', 130], ['SIGTERM', 143]] as const) {
  test(`${signal} ends the intake although more may come; what is under way ends and counts`, async () => {
    const { open, invite } = slow()
    const { stdin, signals, ended, stdout, closed } = started(['-'], { invite })
    stdin.write('ann@x.io\nbob@x.io\n"open')
    await until(() => open.length === 2)
    signals.emit(signal)
    for (let i = 0; i < 20; i++) await turn()
    assert.is(closed(), 0)
    for (const answer of open) answer()
    assert.is(await ended, code)
    assert.match(stdout(), /^2 invited, 0 already invited, 0 invalid \(of 2 lines in 0\.0 s\): interrupted\n/)
    assert.is(closed(), 1)
    assert.is(signals.listenerCount('SIGINT') + signals.listenerCount('SIGTERM'), 0)
  })
}

test('the second signal is left to the system', async () => {
  const { open, invite } = slow()
  const { stdin, signals, ended } = started(['-'], { invite })
  stdin.write('ann@x.io\n')
  await until(() => open.length === 1)
  signals.emit('SIGINT')
  assert.is(signals.listenerCount('SIGINT'), 0)
  open[0]?.()
  assert.is(await ended, 130)
})

test('an invitation that fails ends an import whose input goes on', async () => {
  const { stdin, ended, stdout, stderr, closed } = started(['-'], { invite: email => email.startsWith('ann') ? Promise.resolve('invited') : Promise.reject(new Error('unavailable: no store')) })
  stdin.write('ann@x.io\nbob@x.io\n')
  assert.is(await ended, 1)
  assert.is(stderr(), '[basic-async] stopped, for line 2 could not be handled: unavailable: no store\n')
  assert.match(stdout(), /^1 invited, 0 already invited, 0 invalid \(of 1 line /)
  assert.is(closed(), 1)
})

test.run()

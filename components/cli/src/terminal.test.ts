import { PassThrough } from 'node:stream'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { age, columns, shortened, visible } from './layout.js'
import { redacted, redactedJson, secretsOf } from './secrets.js'
import { terminalOf } from './terminal.js'
import { trouble } from './trouble.js'

const test = suite('terminal')
const streams = (isTTY: boolean, typed?: string) => {
  const stdin = Object.assign(new PassThrough(), { isTTY }), stdout = new PassThrough(), stderr = new PassThrough()
  if (typed !== undefined) stdin.end(typed)
  return { stdin, stdout, stderr }
}
/** All of it; newer versions of Node read one chunk at a time. */
const said = (stream: PassThrough): string => { let text = ''; for (let part: unknown; (part = stream.read()) !== null;) text += String(part); return text }
const sure = (isTTY: boolean, typed?: string, signal = new AbortController().signal) => terminalOf(streams(isTTY, typed), false).confirm('sure? ', signal)

test('who is asked says y or yes, and all else is no', async () => {
  for (const typed of ['y\n', 'YES\n', ' y \nn\n']) assert.is(await sure(true, typed), true, typed)
  for (const typed of ['\n', 'n\n', 'yep\n', '']) assert.is(await sure(true, typed), false, typed)
})
test('where nobody can be asked there is no answer', async () => assert.is(await sure(false, 'y\n'), undefined))
test('a question ends with Ctrl-C', async () => {
  const life = new AbortController()
  setTimeout(() => life.abort(), 20)
  assert.is(await sure(true, undefined, life.signal).then(() => 'answered', () => 'ended'), 'ended')
})
test('a result and an error are each told once, for people or as JSON', async () => {
  for (const json of [false, true]) {
    const all = streams(false), terminal = terminalOf(all, json)
    await terminal.say({ text: 'done', data: { done: 1 } })
    await terminal.complain(trouble(3, 'away', { done: 2 }))
    const out = said(all.stdout)
    assert.is(said(all.stderr), 'lowtide: away\n')
    assert.is(out.replaceAll(/\s/g, ''), json ? '{"done":1}{"done":2,"error":{"code":"unavailable","exit":3,"message":"away"}}' : 'done')
  }
})

test('how far a verb has come is told at a terminal alone', () => {
  for (const isTTY of [true, false]) {
    const all = streams(false), stderr = Object.assign(all.stderr, { isTTY })
    terminalOf({ ...all, stderr }, false).progress('half of it')
    assert.is(said(stderr), isTTY ? 'half of it\n' : '')
  }
})

test('passwords are taken out wherever they stand', () => {
  const env = { DATABASE_URL: 'postgres://ann:p%40ss%2Fword@db:5432/x', SMTP_PASSWORD: 'swordfish', PGUSER: 'postgres', PGPASSWORD: 'postgres', API_TOKEN: 'abc', PORT: '4000' }
  assert.equal(secretsOf({ PWD: '/home/ann/lowtide', OLDPWD: '/home/ann' }), [], 'a shell keeps no password there')
  assert.equal(secretsOf(env), ['p%40ss%2Fword', 'p@ss/word', 'swordfish'], 'not who and where, nor what is too short to be one')
  for (const [text, expected] of [
    ['cannot reach postgres://ann:p%40ss%2Fword@db:5432/x', 'cannot reach postgres://ann:***@db:5432/x'],
    ["refused 'p@ss/word' of swordfish", "refused '***' of ***"],
    ['kafka://:other@broker', 'kafka://:***@broker'],
    ['host=db password=other user=ann', 'host=db password=*** user=ann'],
    ['http://127.0.0.1:4000/a@b and ann@example.org', 'http://127.0.0.1:4000/a@b and ann@example.org'],
  ]) assert.is(redacted(text!, env), expected)
  assert.equal(JSON.parse(redactedJson({ at: ['a://b:c@d'], n: 1, none: null, left: undefined })), { at: ['a://b:***@d'], n: 1, none: null })
  assert.is(redactedJson(undefined), 'null')
})

test('columns, ages, and signs that would move the cursor', () => {
  assert.is(columns([['a', 'b'], ['long', 'a text']]), 'a     b\nlong  a text')
  assert.is(columns([['a', 'reason'], ['x', 'a'.repeat(60)]], 30), `a  reason\nx  ${'a'.repeat(26)}…`)
  assert.is(shortened('abc', 3), 'abc')
  assert.is(shortened('abcd', 3), 'ab…')
  assert.equal([-5, 999, 61_000, 7_200_000, 259_200_000].map(age), ['0 s', '0 s', '1 m', '2 h', '3 d'])
  assert.is(visible('a\u001b[2J\nb\u202e'), 'a\\u001b[2J\\u000ab\\u202e')
})

test.run()

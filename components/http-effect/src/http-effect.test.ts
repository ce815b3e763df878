import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { left, right } from '@lowtide/testing'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { httpEffect } from './http-effect.js'
import { pauseOf } from './retry-after.js'

interface Got { readonly method: string | undefined; readonly url: string | undefined; readonly headers: IncomingMessage['headers']; readonly body: string }
/** A server that answers as a test says, for as long as that lasts. */
const against = (answer: (response: ServerResponse, nth: number) => void, test: (url: string, got: readonly Got[]) => Promise<void>) => async (): Promise<void> => {
  const got: Got[] = [], server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (part: string) => { body += part }).on('end', () => { got.push({ method: request.method, url: request.url, headers: request.headers, body }); answer(response, got.length) })
  })
  const port = await new Promise<number>(resolve => { server.listen(0, '127.0.0.1', () => resolve((server.address() as { readonly port: number }).port)) })
  try { await test(`http://127.0.0.1:${port}/secret-path?token=s3cret`, got) } finally { server.closeAllConnections(); await new Promise(resolve => { server.close(resolve) }) }
}
const status = (code: number, headers = {}) => (response: ServerResponse): void => { response.writeHead(code, headers).end('no: s3cret') }
const test = suite('effects over HTTP')

test('post the data as JSON with the idempotency key, and are done at 2xx', against(status(204), async (url, got) => {
  const { effect } = httpEffect({ url, headers: { Authorization: 'Bearer s3cret', 'Content-Type': 'text/plain' } })
  await right(effect({ to: 'ann@example.org' }, 'id-1'))
  assert.equal([got[0]!.method, got[0]!.url, got[0]!.body], ['POST', '/secret-path?token=s3cret', '{"to":"ann@example.org"}'])
  assert.equal([got[0]!.headers['idempotency-key'], got[0]!.headers['content-type'], got[0]!.headers.authorization], ['id-1', 'application/json', 'Bearer s3cret'])
}))

for (const [code, how] of [
  [400, 'never'], [401, 'never'], [404, 'never'], [409, 'never'], [422, 'never'], [307, 'never'], [500, 'counted'], [501, 'counted'],
  [408, 'later'], [425, 'later'], [429, 'later'], [502, 'later'], [503, 'later'], [504, 'later'],
] as const) test(`${code}: ${{ never: 'refused for good', counted: 'an attempt', later: 'later, and no attempt' }[how]}`, against(status(code, code === 307 ? { location: '/elsewhere' } : {}), async (url, got) => {
  const failed = await left(httpEffect({ url }).effect({}, 'id'))
  assert.equal([failed.retry, failed.unavailable === true], [how !== 'never', how === 'later'])
  assert.match(failed.failure, new RegExp(`^\\[http\\] cannot post to http://127\\.0\\.0\\.1:\\d+: expected an answer 2xx, found ${code}`))
  assert.not.match(failed.failure, 's3cret')
  assert.not.match(failed.failure, 'secret-path')
  assert.is(got.length, 1)
}))

test('are later where nobody answers, in time or at all', against(() => {}, async url => {
  const late = await left(httpEffect({ url, timeout: 50 }).effect({}, 'id')), nobody = await left(httpEffect({ url: 'http://user:s3cret@127.0.0.1:1/x' }).effect({}, 'id'))
  assert.equal([late.retry, late.unavailable, nobody.retry, nobody.unavailable], [true, true, true, true])
  assert.match(late.failure, 'expected an answer, found none in time')
  assert.match(nobody.failure, 'cannot post to http://127.0.0.1:1: expected an answer, found none')
  assert.not.match(nobody.failure, 's3cret')
}))

test('are later where the connection breaks', against(response => { response.socket!.destroy() }, async url => {
  const broken = await left(httpEffect({ url }).effect({}, 'id'))
  assert.equal([broken.retry, broken.unavailable], [true, true])
}))

test('send nothing before a retry-after is over', against((response, nth) => { response.writeHead(nth === 1 ? 429 : 204, nth === 1 ? { 'retry-after': '1' } : {}).end() }, async (url, got) => {
  const { effect } = httpEffect({ url })
  await left(effect({}, 'a'))
  const waits = await left(effect({}, 'b'))
  assert.equal([waits.retry, waits.unavailable, got.length], [true, true, 1])
  assert.match(waits.failure, 'it asked to wait for 1 s more')
  for (let done = false; !done;) done = (await effect({}, 'b')())._tag === 'Right'
  assert.equal(got.map(g => g.headers['idempotency-key']), ['a', 'b'])
}))

test('send user and password of the url as basic authorization', against(status(200), async (url, got) => {
  await right(httpEffect({ url: url.replace('http://', 'http://ann:p%40ss@') }).effect({}, 'id'))
  assert.is(got[0]!.headers.authorization, `Basic ${Buffer.from('ann:p@ss').toString('base64')}`)
}))

test('refuse a url that is none, without showing it', () => {
  for (const [url, found] of [['s3cret', 'what is not a url'], ['ftp://s3cret@host', "one of 'ftp:'"]] as const) {
    try { httpEffect({ url }); assert.unreachable() } catch (e) { assert.match(String(e), found); assert.not.match(String(e), 's3cret') }
  }
})

test('refuse what HTTP cannot carry, without showing it', () => {
  for (const [options, found] of [
    [{ url: 'https://example.org/x', headers: { authorization: 'Bearer s3cret-first\ns3cret-second' } }, /\[http\] .* https:\/\/example\.org: expected a name and a value that HTTP can carry, found one that it cannot as 'authorization'/],
    [{ url: 'https://example.org/x', headers: { 's3cret\n': 'x' } }, /\[http\] .* as a name/],
    [{ url: 'https://ann:s3cret100%@example.org' }, /\[http\] .* https:\/\/example\.org: expected percent-encoded text/],
  ] as const) {
    try { httpEffect(options); assert.unreachable() } catch (e) { assert.match(String(e), found); assert.not.match(String(e), 's3cret') }
  }
})

test('read how long to wait as seconds or a date, and a minute at most', () => {
  const now = Date.parse('2024-05-01T00:00:00Z')
  assert.equal([null, '', 'soon', '0', '3', '9999', 'Wed, 01 May 2024 00:00:05 GMT', 'Tue, 30 Apr 2024 00:00:05 GMT'].map(header => pauseOf(header, now)), [0, 0, 0, 0, 3_000, 60_000, 5_000, 0])
})

test.run()

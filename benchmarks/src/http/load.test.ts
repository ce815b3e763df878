import { once } from 'node:events'
import { type AddressInfo, type Socket, createServer } from 'node:net'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Asking } from './asking.js'
import { load } from './load.js'

const test = suite('the load')
const asking: Asking = { path: '/path', body: index => `body ${index}`, right: (index, status, answer) => status === 200 && answer === `answer ${index}` }

/** A server that takes each request of one packet, and writes what it is told to, bytes or packets. */
const against = async (requests: number, connections: number, answers: (index: number, request: string) => string | readonly string[]): Promise<Awaited<ReturnType<typeof load>>> => {
  const server = createServer((socket: Socket) => {
    socket.on('data', data => {
      const request = data.toString(), [last, ...before] = [answers(Number(/body (\d+)$/.exec(request)?.[1]), request)].flat().toReversed()
      for (const packet of before.toReversed()) socket.write(packet)
      if (last === 'end') socket.destroy()
      else setTimeout(() => socket.write(last!), before.length > 0 ? 5 : 0)
    }).on('error', () => {})
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  try { return await load({ port: (server.address() as AddressInfo).port, from: 100, requests, connections }, asking) } finally { server.close() }
}
const ok = (text: string): string => `HTTP/1.1 200 OK\r\nContent-Length: ${text.length}\r\n\r\n${text}`

test('asks as many different things as it is told to, and counts and times the answers', async () => {
  const asked: string[] = []
  const { rate, p50, p99, wrong } = await against(20, 4, (index, request) => { asked.push(request); return ok(`answer ${index}`) })
  assert.is(new Set(asked).size, 20)
  assert.match(asked[0]!, /^POST \/path HTTP\/1\.1\r\nhost: [^]*\r\ncontent-length: 8\r\n\r\nbody 100$/)
  assert.is(wrong, 0)
  assert.ok(rate > 0 && p50 > 0 && p99 >= p50)
})

test('an answer may come in packets and in chunks', async () => {
  const { wrong } = await against(4, 2, index => index % 2 === 0
    ? ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7\r\nanswer \r\n3', `\r\n${index}\r\n0\r\n\r\n`]
    : ['HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nans', `wer ${index}`])
  assert.is(wrong, 0)
})

test('another status or another body is wrong, and the first such is kept', async () => {
  const { wrong, first } = await against(10, 1, index => index === 104 ? ok('what') : index === 107 ? `HTTP/1.1 500 No\r\ncontent-length: 10\r\n\r\nanswer 107` : ok(`answer ${index}`))
  assert.is(wrong, 2)
  assert.ok(first.endsWith('what'))
})

test('a connection that is closed ends the load', async () => {
  const fault = await against(10, 2, index => index === 105 ? 'end' : ok(`answer ${index}`)).then(() => 'none', (e: unknown) => e instanceof Error ? e.message : '')
  assert.is(fault, 'the server has closed a connection')
})

test.run()

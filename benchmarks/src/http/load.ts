import { type Socket, connect } from 'node:net'
import type { Asking } from './asking.js'

export interface Load { readonly port: number; readonly from: number; readonly requests: number; readonly connections: number }
/** Requests a second; milliseconds that half, and 99 of a hundred, of the answers took at most; wrong answers, and the first of them. */
export interface Loaded {
  readonly rate: number; readonly p50: number; readonly p99: number; readonly wrong: number; readonly first: string
  /** How much of a core the load itself took: near 1, it is the load that was measured. */
  readonly busy: number
}

const opened = (port: number): Promise<Socket> => new Promise((resolve, reject) => {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  socket.once('connect', () => { socket.off('error', reject); resolve(socket) }).once('error', reject)
})

const headEnd = '\r\n\r\n'
/** The body of an answer once all of it is there, of either framing that servers use. */
const bodyOf = (answer: string): string | undefined => {
  const head = answer.indexOf(headEnd)
  if (head < 0) return undefined
  const rest = answer.slice(head + headEnd.length), fields = answer.slice(0, head), length = /\r\ncontent-length: *(\d+)/i.exec(fields)
  if (length !== null) return rest.length < Number(length[1]) ? undefined : rest
  if (!/\r\ntransfer-encoding: *chunked/i.test(fields)) throw new Error(`an answer without a length: ${fields}`)
  let body = ''
  for (let at = 0; ;) {
    const line = rest.indexOf('\r\n', at), size = Number.parseInt(rest.slice(at, line), 16)
    if (line < 0 || rest.length < line + size + 4) return undefined
    if (size === 0) return body
    body += rest.slice(line + 2, line + 2 + size)
    at = line + size + 4
  }
}

/**
 * A load of as many connections as are kept alive, each of which waits for its answer before it asks again. It does less than
 * a client would, so that it takes less of the machine than the server does: no parser, no agent, one write a request.
 */
export const load = async ({ port, from, requests, connections }: Load, asking: Asking): Promise<Loaded> => {
  const sockets: Socket[] = [], took = new Float64Array(requests)
  let next = 0, done = 0, wrong = 0, first = ''
  const asked = (body: string): string => `POST ${asking.path} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\naccept: application/json\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
  const drive = (socket: Socket): Promise<void> => new Promise((resolve, reject) => {
    let index = 0, begun = 0, answer = ''
    const ask = (): void => {
      if (next === requests) { resolve(); return }
      index = next++
      const text = asked(asking.body(from + index))
      begun = performance.now()
      socket.write(text)
    }
    socket.on('data', chunk => {
      answer += chunk.toString('latin1')
      const body = bodyOf(answer)
      if (body === undefined) return
      took[done++] = performance.now() - begun
      if (!asking.right(from + index, Number(answer.slice(9, 12)), body) && wrong++ === 0) first = answer
      answer = ''
      ask()
    }).on('error', reject).on('close', () => reject(new Error('the server has closed a connection')))
    ask()
  })
  try {
    for (let i = 0; i < connections; i++) sockets.push(await opened(port))
    const used = process.cpuUsage(), begun = performance.now()
    await Promise.all(sockets.map(drive))
    const ms = performance.now() - begun, { user, system } = process.cpuUsage(used)
    took.sort()
    const at = (share: number): number => took[Math.ceil(requests * share) - 1]!
    return { rate: requests / ms * 1000, p50: at(0.5), p99: at(0.99), wrong, first, busy: (user + system) / 1000 / ms }
  } finally { for (const socket of sockets) socket.destroy() }
}

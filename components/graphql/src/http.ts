import type { Gone } from '@lowtide/run'
import type { IncomingMessage, ServerResponse } from 'node:http'

/** Tells that the other side has gone, once its connection is closed before the answer is out. One listener a request; cheaper than an AbortSignal. */
export const goneOf = (response: ServerResponse): Gone => {
  const calls = new Set<() => void>()
  const gone = { aborted: false, addEventListener: (_: 'abort', call: () => void): void => { calls.add(call) }, removeEventListener: (_: 'abort', call: () => void): void => { calls.delete(call) } }
  response.once('close', () => {
    gone.aborted = !response.writableFinished
    for (const call of calls) call()
    calls.clear()
  })
  return gone
}

export const send = (response: ServerResponse, status: number, body: object, mediaType = 'application/json'): void => {
  if (response.headersSent || response.destroyed) return
  const text = JSON.stringify(body)
  response.writeHead(status, { 'content-type': `${mediaType}; charset=utf-8`, 'content-length': Buffer.byteLength(text) })
  response.end(text)
}

/** So many times the limit is read and thrown away, so that a client that has sent too much can still read why. */
const patience = 16
/** The whole body as text; `undefined` where it is longer than `most` bytes. Not called where the client goes away before. */
export const bodyOf = (request: IncomingMessage, most: number, done: (text: string | undefined) => void): void => {
  const parts: Buffer[] = []
  let bytes = 0, over = Number(request.headers['content-length'] ?? 0) > most
  if (over) done(undefined)
  request.on('data', (part: Buffer) => {
    bytes += part.length
    if (bytes > most * patience) { request.destroy(); return }
    if (over) return
    if (bytes <= most) { parts.push(part); return }
    over = true
    parts.length = 0
    done(undefined)
  })
  request.on('end', () => { if (!over) done(parts.length === 1 ? parts[0]!.toString() : Buffer.concat(parts).toString()) })
  request.on('error', () => {})
}

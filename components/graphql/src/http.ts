import type { Gone } from '@lowtide/run'
import { type IncomingMessage, STATUS_CODES, type ServerResponse, maxHeaderSize } from 'node:http'
import type { Duplex } from 'node:stream'

const ends = new WeakMap<Duplex, Set<() => void>>()
/** What is to be told when a connection closes: of an answer that waits behind another one of its connection (pipelining), Node tells nothing. */
const endsOf = (socket: Duplex): Set<() => void> => {
  const known = ends.get(socket), made = known ?? new Set<() => void>()
  if (known === undefined) { ends.set(socket, made); socket.once('close', () => { for (const end of made) end() }) }
  return made
}
/** Tells that the other side has gone, once its connection is closed before the answer is out; `over` is called when it is closed, gone or answered. One listener a request; cheaper than an AbortSignal. */
export const goneOf = (response: ServerResponse, over: () => void): Gone => {
  let calls: Set<() => void> | undefined
  const gone = { aborted: false, addEventListener: (_: 'abort', call: () => void): void => { (calls ??= new Set()).add(call) }, removeEventListener: (_: 'abort', call: () => void): void => { calls?.delete(call) } }
  const end = (): void => {
    if (!mine.delete(end)) return
    gone.aborted = !response.writableFinished
    for (const call of calls ?? []) call()
    over()
  }
  const mine = endsOf(response.req.socket).add(end)
  response.once('close', end)
  return gone
}

export const send = (response: ServerResponse, status: number, body: object, mediaType = 'application/json', headers: { readonly [name: string]: string } = {}): void => {
  if (response.headersSent || response.destroyed) return
  const text = JSON.stringify(body)
  response.writeHead(status, { 'content-type': `${mediaType}; charset=utf-8`, 'content-length': Buffer.byteLength(text), ...headers })
  response.end(text)
}

/** So many times the limit is read and thrown away, so that a client that has sent too much can still read why. */
const patience = 16
/** The whole body; `undefined` where it is longer than `most` bytes. Not called where the client goes away before. */
export const bodyOf = (request: IncomingMessage, most: number, done: (body: Buffer | undefined) => void): void => {
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
  request.on('end', () => { if (!over) done(parts.length === 1 ? parts[0]! : Buffer.concat(parts)) })
  request.on('error', () => {})
}

type MediaType = 'application/json' | 'application/graphql-response+json'
const plain: { readonly [asked: string]: MediaType | undefined } = { 'application/json': 'application/json', 'application/graphql-response+json': 'application/graphql-response+json', '*/*': 'application/json', 'application/*': 'application/json' }
const streams = ['text/event-stream', 'text/*', 'multipart/mixed', 'multipart/*'] as const
export interface Accepted { readonly json: MediaType | undefined; readonly stream: boolean }
const anything: Accepted = { json: 'application/json', stream: false }
/** What the client takes: the kind of JSON that it names first, and whether it takes a stream. */
export const accepted = (accept: string | undefined): Accepted => {
  if (accept === undefined || accept === '*/*' || accept === 'application/json') return anything
  const asked = accept.replace(/\s/g, '').toLowerCase().split(',').map(type => type.split(';')).flatMap(([type, ...rest]) => rest.some(r => r.startsWith('charset=') && r !== 'charset=utf-8') ? [] : [type!])
  return { json: asked.map(type => Object.hasOwn(plain, type) ? plain[type] : undefined).find(type => type !== undefined), stream: streams.some(type => asked.includes(type)) }
}

const parameters: { readonly [name: string]: 'string' | 'object' } = { query: 'string', operationName: 'string', variables: 'object', extensions: 'object' }
/** What is wrong with a request, if anything. */
export const faultIn = (params: unknown): string | undefined => {
  if (typeof params !== 'object' || params === null || Array.isArray(params)) return 'the body is not one request; expected {"query": "…", "variables": {…}}'
  for (const [name, value] of Object.entries(params)) {
    const kind = Object.hasOwn(parameters, name) ? parameters[name] : undefined
    if (kind === undefined) return `the body has a field that is none of a request; expected only ${Object.keys(parameters).join(', ')}`
    if (value !== null && (typeof value !== kind || Array.isArray(value))) return `the field '${name}' of the body: expected ${kind === 'string' ? 'a text' : 'an object'}`
  }
  return 'query' in params && typeof params.query === 'string' ? undefined : 'the body has no query; expected {"query": "…", "variables": {…}}'
}

const broken: { readonly [code: string]: readonly [status: number, code: string, text: string] } = {
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'timeout', 'the request took too long to come in'],
  HPE_HEADER_OVERFLOW: [431, 'too-large', `the headers are too large; expected at most ${maxHeaderSize} bytes`],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: [413, 'too-large', 'the extensions of the chunks are too large'],
}
/** Answers what is no request, or not one in time, and ends the connection; an answer that has begun is not written into. */
export const hangUp = (e: NodeJS.ErrnoException, socket: Duplex, last: ServerResponse | undefined): void => {
  if (!socket.writable || e.code === 'ECONNRESET' || (last?.headersSent === true && !last.writableFinished)) return void socket.destroy()
  const [status, code, message] = broken[e.code ?? ''] ?? [400, 'invalid', 'this is no request of HTTP'], body = JSON.stringify({ errors: [{ message, extensions: { code } }] })
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\ncontent-type: application/json; charset=utf-8\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`, () => socket.destroy())
}

import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { ExecutionResult } from 'graphql'
import { type GraphQLParams, type Plugin, type YogaServerOptions, createYoga } from 'graphql-yoga'

/** What a request came to already: Yoga answers with it and executes nothing. */
type Known = { readonly result: ExecutionResult } | { readonly thrown: unknown }
interface Context extends Record<string, unknown> { readonly known?: Known }

const knowing: Plugin<object, Context> = {
  onParams({ context: { known }, setResult }) {
    if (!known) return
    if ('thrown' in known) throw known.thrown
    setResult(known.result)
  },
}

const json = 'application/json', types = new Set([json, `${json}; charset=utf-8`]), accepts = new Set([undefined, json, '*/*'])
const common = ({ method, url, headers }: IncomingMessage, endpoint: string): boolean => method === 'POST' && url === endpoint
  && types.has(headers['content-type'] ?? '') && accepts.has(headers.accept) && headers.origin === undefined

const send = (response: ServerResponse, status: number, result: ExecutionResult, more = {}): void => {
  const text = JSON.stringify(result)
  response.writeHead(status, { 'content-type': `${json}; charset=utf-8`, 'content-length': Buffer.byteLength(text), ...more }).end(text)
}

const read = (request: IncomingMessage, limit: number, then: (body: Buffer | undefined) => void): void => {
  if (Number(request.headers['content-length']) > limit) { then(undefined); return }
  const chunks: Buffer[] = []
  let size = 0
  request.on('data', (chunk: Buffer) => {
    if (size > limit) return
    size += chunk.length
    if (size > limit) then(undefined)
    else chunks.push(chunk)
  }).on('end', () => { if (size <= limit) then(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks)) })
}

const parsed = (body: Buffer): GraphQLParams | undefined => {
  try {
    const params: unknown = JSON.parse(body.toString())
    return typeof params === 'object' && params !== null && !Array.isArray(params) ? params : undefined
  } catch { return undefined }
}

/** A result that says all that there is to answer; errors have a status, headers and a form of which Yoga knows. */
const plain = (result: unknown): result is ExecutionResult => typeof result === 'object' && result !== null
  && !('errors' in result) && !('extensions' in result) && !('stringify' in result) && !(Symbol.asyncIterator in result)

/**
 * Yoga behind a listener of our own, which does itself what is common (POST and JSON, an answer without errors), and leaves the rest to Yoga: what
 * it asks for otherwise, and each answer that is not plain, with what is known of it, so that nothing is executed twice. It reads bodies up to a limit.
 */
export const listening = (options: YogaServerOptions<Context, object>, { endpoint = '/graphql', limit = 1_000_000 } = {}): RequestListener => {
  // `maxRequestBodySize`: Yoga 5.24 and later sends each body through a stream of its own, which costs half of its speed. Bodies are counted here.
  const given = { ...options, graphqlEndpoint: endpoint, maxRequestBodySize: false, plugins: [...options.plugins ?? [], knowing] }
  const yoga = createYoga<Context, object>(given), { getResultForParams, fetchAPI } = yoga // read once: each read binds again
  return (request, response) => {
    const ours = common(request, endpoint), length = request.headers['content-length']
    // Node lets no more bytes through than a request has announced: what is short enough and not ours can go on unread.
    if (!ours && (request.method === 'GET' || request.method === 'HEAD' || Number(length) <= limit)) { void yoga(request, response); return }
    read(request, limit, body => {
      if (body === undefined) { send(response, 413, { errors: [{ message: 'Request body too large', extensions: { code: 'REQUEST_ENTITY_TOO_LARGE' } }] } as object, { connection: 'close' }); return }
      const leave = (known?: Known): void => {
        // What Yoga reads a body from. Not the bytes: it would call `Object.keys` on them, and with no bytes it would wait for ever.
        Object.assign(request, { body: { sent: true, async *[Symbol.asyncIterator]() { yield body } } })
        void yoga(request, response, known ? { known } : {})
      }
      const params = ours ? parsed(body) : undefined
      if (params === undefined) { leave(); return }
      const asked = new fetchAPI.Request(`http://${request.headers.host}${request.url}`, { method: 'POST', headers: request.headers as Record<string, string> })
      Promise.resolve().then(() => getResultForParams({ params, request: asked }, { req: request, res: response, request: asked, waitUntil: yoga.waitUntil })).then(
        result => { if (plain(result)) send(response, 200, result); else leave({ result: result as ExecutionResult }) },
        (thrown: unknown) => leave({ thrown }))
    })
  }
}

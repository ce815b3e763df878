import type { ExecutionResult } from 'graphql'
import type { GraphQLParams, Plugin, YogaServerInstance } from 'graphql-yoga'
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { Asking } from './bind.js'
import { type Mask, failure, masked } from './errors.js'
import { bodyOf, goneOf, send } from './http.js'
import type { Identity, Limits, Options } from './options.js'

/** What Yoga gets with a request; `known`: a result that is there already and only wants an answer. */
export interface Served { readonly asking: Asking; readonly known?: ExecutionResult | undefined }
export type Yoga = YogaServerInstance<Served, object>
export const answersKnown: Plugin<object, Served> = { onParams: ({ context, setResult }) => { if (context.known) setResult(context.known) } }

interface Listening { readonly yoga: Yoga; readonly path: string; readonly limits: Limits; readonly identify: NonNullable<Options['identify']>; readonly ready: () => boolean; readonly mask: Mask; readonly production: boolean }
const mediaTypes: { readonly [accept: string]: string | undefined } = { '*/*': 'application/json', 'application/graphql-response+json': 'application/graphql-response+json', 'application/json': 'application/json' }
const printable = /^[\x21-\x7e]{1,255}$/

/**
 * Serves requests. A POST of JSON is read here, and goes through Yoga's parameters, parser, limits, validation and execution; data is written here,
 * for Yoga's HTTP layer takes as long as all of these together (docs/decisions/008). Errors, streams, GET and GraphiQL go through that layer.
 */
export const listener = ({ yoga, path, limits, identify, ready, mask, production }: Listening): RequestListener => {
  const resultOf = yoga.getResultForParams, mine = masked(mask) // read once: the instance is a Proxy
  const handOver = (request: IncomingMessage, response: ServerResponse, context: Served): void => { void yoga(request, response, context) }
  const refuse = (response: ServerResponse, status: number, code: string, message: string): void => send(response, status, { errors: [failure(code, message)] })

  /** What sockets bring in one turn of the event loop starts together: its commands are decided and committed as one batch. */
  let turn: (() => void)[] = []
  const together = (call: () => void): void => {
    if (turn.push(call) === 1) setImmediate(() => { const calls = turn; turn = []; for (const each of calls) each() })
  }

  const answer = async (request: IncomingMessage, response: ServerResponse, asking: Asking, text: string): Promise<void> => {
    let params: GraphQLParams
    try { params = JSON.parse(text) as GraphQLParams } catch { return refuse(response, 400, 'invalid', 'the body is not JSON; expected {"query": "…", "variables": {…}}') }
    if (typeof params !== 'object' || params === null || Array.isArray(params)) return refuse(response, 400, 'invalid', 'the body is not one request; expected {"query": "…", "variables": {…}}')
    const { accept = '*/*' } = request.headers, mediaType = mediaTypes[accept], body = { query: undefined, ...params } // never empty: Yoga would read the request again
    if (mediaType === undefined) return handOver(Object.assign(request, { body }), response, { asking })
    let known: Awaited<ReturnType<typeof resultOf>>
    try { known = await resultOf({ params, request: request as never }, { asking, request } as Served) } catch (e) { known = { errors: [mine(e) as never] } }
    if (known !== undefined && !(Symbol.asyncIterator in known) && known.errors === undefined && known.extensions === undefined) return send(response, 200, known, mediaType)
    if (known !== undefined && Symbol.asyncIterator in known) await known[Symbol.asyncIterator]().return?.()
    return handOver(Object.assign(request, { body }), response, { asking, known: known as ExecutionResult })
  }
  const fail = (response: ServerResponse) => (e: unknown): void => send(response, 500, { errors: [mine(e)] })
  const ask = (request: IncomingMessage, response: ServerResponse, who: Identity | null): void => {
    if (who === null) return refuse(response, 401, 'unauthenticated', 'this request does not tell who asks; expected what this service knows its callers by')
    const key = request.headers['idempotency-key']
    if (key !== undefined && !(typeof key === 'string' && printable.test(key))) return refuse(response, 400, 'invalid', 'the header idempotency-key: expected 1 to 255 visible ASCII characters')
    const asking: Asking = { who, key, gone: goneOf(response) }
    if (request.method !== 'POST') return handOver(request, response, { asking })
    if (!/^application\/(graphql\+)?json\s*(;|$)/i.test(request.headers['content-type'] ?? '')) return refuse(response, 415, 'invalid', 'expected a body of content-type application/json')
    return bodyOf(request, limits.body, text => {
      if (text === undefined) return refuse(response, 413, 'too-large', `the body is too large; expected at most ${limits.body} bytes`)
      return together(() => void answer(request, response, asking, text).catch(fail(response)))
    })
  }
  return (request, response) => {
    const url = request.url ?? '/', end = url.indexOf('?'), at = end < 0 ? url : url.slice(0, end)
    if (at === '/health/live') return send(response, 200, { status: 'ok' })
    if (at === '/health/ready') return ready() ? send(response, 200, { status: 'ok' }) : send(response, 503, { status: 'closing' })
    if (at === '/' && !production) return void response.writeHead(302, { location: path }).end()
    if (at !== path) return refuse(response, 404, 'invalid', `nothing is served at this path; GraphQL is at ${path}`)
    const page = request.method === 'GET' && !production && end < 0 && request.headers.accept?.includes('text/html') === true
    try {
      const who = page ? {} : identify(request)
      if (who instanceof Promise) return void who.then(known => ask(request, response, known)).catch(fail(response))
      return ask(request, response, who)
    } catch (e) { return fail(response)(e) }
  }
}

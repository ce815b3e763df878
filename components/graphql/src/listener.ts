import { type Gone, type Intake, isTraceparent } from '@lowtide/run'
import type { ExecutionResult, GraphQLError } from 'graphql'
import type { GraphQLParams, Plugin, YogaServerInstance } from 'graphql-yoga'
import { AsyncResource } from 'node:async_hooks'
import { isUtf8 } from 'node:buffer'
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Asking } from './bind.js'
import { type Mask, failure } from './errors.js'
import { type Accepted, accepted, bodyOf, faultIn, goneOf, hangUp, send } from './http.js'
import type { Identity, Limits, Options } from './options.js'

/** What Yoga gets with a request; `known`: a result that is there already and only wants an answer. */
export interface Served { readonly asking: Asking; readonly known?: ExecutionResult | undefined }
export type Yoga = YogaServerInstance<Served, object>
export const answersKnown: Plugin<object, Served> = { onParams: ({ context, setResult }) => { if (context.known) setResult(context.known) } }

interface Listening { readonly yoga: Yoga; readonly path: string; readonly limits: Limits; readonly identify: NonNullable<Options['identify']>; readonly state: Intake['state']; readonly mask: Mask; readonly mine: (e: unknown) => GraphQLError; readonly production: boolean }
const printable = /^[\x21-\x7e]{1,255}$/

/**
 * Serves requests. A POST of JSON is read here, and goes through Yoga's parameters, parser, limits, validation and execution; data is written here,
 * for Yoga's HTTP layer takes as long as all of these together (docs/decisions/008). Errors, streams, GET and GraphiQL go through that layer.
 */
export const listener = ({ yoga, path, limits, identify, state, mask, mine, production }: Listening) => {
  const resultOf = yoga.getResultForParams // read once: the instance is a Proxy
  const refuse = (response: ServerResponse, status: number, code: string, message: string, headers?: { readonly [name: string]: string }): void => send(response, status, { errors: [failure(code, message)] }, undefined, headers)
  const fail = (response: ServerResponse) => (e: unknown): void => send(response, 500, { errors: [mine(e)] })
  const handOver = (request: IncomingMessage, response: ServerResponse, context: Served): void => { void Promise.resolve(yoga(request, response, context)).catch(fail(response)) }

  /** What sockets bring in one turn of the event loop starts together: its commands are decided and committed as one batch. */
  let turn: (() => void)[] = []
  const together = (call: () => void): void => {
    if (turn.push(call) === 1) setImmediate(() => { const calls = turn; turn = []; for (const each of calls) each() })
  }
  const open = new Set<ServerResponse>(), lasts = new WeakMap<Duplex, ServerResponse>()

  const answer = async (request: IncomingMessage, response: ServerResponse, asking: Asking, { json, stream }: Accepted, bytes: Buffer): Promise<void> => {
    if (!isUtf8(bytes)) return refuse(response, 400, 'invalid', 'the body is not UTF-8')
    let params: GraphQLParams
    try { params = JSON.parse(bytes.toString()) as GraphQLParams } catch { return refuse(response, 400, 'invalid', 'the body is not JSON; expected {"query": "…", "variables": {…}}') }
    const fault = faultIn(params)
    if (fault !== undefined) return refuse(response, 400, 'invalid', fault)
    const given = Object.assign(request, { body: params })
    if (json === undefined || stream) return handOver(given, response, { asking })
    let known: Awaited<ReturnType<typeof resultOf>>
    try { known = await resultOf({ params, request: request as never }, { asking, request } as Served) } catch (e) { known = { errors: [mine(e)] } }
    if (known !== undefined && Symbol.asyncIterator in known) {
      await known[Symbol.asyncIterator]().return?.()
      return refuse(response, 406, 'invalid', 'a subscription is answered as a stream; expected the header accept: text/event-stream')
    }
    if (known !== undefined && known.errors === undefined && known.extensions === undefined) return send(response, 200, known, json)
    return handOver(given, response, { asking, known: known as ExecutionResult })
  }
  /** Where `identify` throws, as token libraries do, nobody is known. */
  const stranger = (response: ServerResponse) => (e: unknown): void => send(response, 401, { errors: [mask('unauthenticated', e)] })
  const ask = (request: IncomingMessage, response: ServerResponse, gone: Gone, who: Identity | null): void => {
    if (typeof who !== 'object' || who === null) return refuse(response, 401, 'unauthenticated', 'this request does not tell who asks; expected what this service knows its callers by')
    if (request.method !== 'POST' && request.method !== 'GET') return refuse(response, 405, 'invalid', 'expected the method POST, or GET for a query', { allow: 'GET, POST' })
    const { 'idempotency-key': key, traceparent: trace } = request.headers, { accept, 'content-type': type = '' } = request.headers, takes = accepted(accept)
    if (key !== undefined && !(typeof key === 'string' && printable.test(key))) return refuse(response, 400, 'invalid', 'the header idempotency-key: expected 1 to 255 visible ASCII characters')
    if (takes.json === undefined && !takes.stream && (production || accept?.includes('text/html') !== true)) return refuse(response, 406, 'invalid', 'the header accept: expected application/json, application/graphql-response+json or text/event-stream')
    const asking: Asking = { who, key, traceparent: isTraceparent(trace) ? trace : undefined, gone }
    if (request.method === 'GET') return asksPage(request) || new URLSearchParams(request.url!.split('?')[1]).has('query') ? handOver(request, response, { asking }) : refuse(response, 400, 'invalid', 'the request has no query; expected POST with a body {"query": "…"}, or ?query=…')
    if (!/^application\/(graphql\+)?json\s*(;|$)/i.test(type)) return refuse(response, 415, 'invalid', 'expected a body of content-type application/json')
    return bodyOf(request, limits.body, bytes => {
      if (bytes === undefined) return refuse(response, 413, 'too-large', `the body is too large; expected at most ${limits.body} bytes`)
      return together(AsyncResource.bind(() => void answer(request, response, asking, takes, bytes).catch(fail(response)))) // each with its own caller's span
    })
  }
  const asksPage = ({ method, url, headers }: IncomingMessage): boolean => method === 'GET' && !production && !url!.includes('?') && headers.accept?.includes('text/html') === true
  const listen: RequestListener = (request, response) => {
    lasts.set(request.socket, response)
    const url = request.url ?? '/', end = url.indexOf('?'), at = end < 0 ? url : url.slice(0, end)
    if (at === '/health/live') return send(response, 200, { status: 'ok' })
    if (at === '/health/ready') return state() === 'ready' ? send(response, 200, { status: 'ok' }) : send(response, 503, { status: state() })
    if (at === '/' && !production) return void response.writeHead(302, { location: path }).end()
    if (at !== path) return refuse(response, 404, 'invalid', `nothing is served at this path; GraphQL is at ${path}`)
    if (open.size >= limits.requests) return refuse(response, 503, 'busy', `this process holds ${limits.requests} requests already`)
    open.add(response)
    const gone = goneOf(response, () => { open.delete(response) })
    try {
      const who = asksPage(request) ? {} : identify(request)
      if (typeof who === 'object' && who !== null && 'then' in who) return void Promise.resolve(who).then(known => ask(request, response, gone, known), stranger(response))
      return ask(request, response, gone, who)
    } catch (e) { return stranger(response)(e) }
  }
  return {
    listen,
    /** A connection whose bytes are no request. */
    bad: (e: Error, socket: Duplex): void => hangUp(e, socket, lasts.get(socket)),
    /** Answers all who still wait: the process ends. */
    giveUp: (): void => { for (const response of open) if (response.req.complete) refuse(response, 503, 'unavailable', 'this process is closing; send it again, under the same idempotency-key') },
  }
}

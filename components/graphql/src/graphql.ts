import type { AnyHandler, Message, Runtime } from '@lowtide/core'
import type { Front, Intake, Started } from '@lowtide/run'
import { GraphQLError, type GraphQLSchema } from 'graphql'
import { createYoga } from 'graphql-yoga'
import { createServer } from 'node:http'
import type { Socket } from 'node:net'
import { bind } from './bind.js'
import { masked, masking } from './errors.js'
import { faultsIn } from './faults.js'
import { hub } from './hub.js'
import { documentCaches, limiting } from './limits.js'
import { type Served, type Yoga, answersKnown, listener } from './listener.js'
import { namesOf, schemaOf } from './names.js'
import { type Identity, type Limits, type Options, limits } from './options.js'

/** Of Yoga 5.24, which would send each body through a stream of its own; bodies are counted before Yoga. */
const later = { maxRequestBodySize: false }
/** Milliseconds for the answers that are given up to get out. */
const lastWords = 100
const sameTenant = (who: Identity, event: Message): boolean => event.tenant === who.tenant
/** A port's number; nothing for what is none. */
const portOf = (port: Options['port']): number | undefined => {
  const n = port === undefined || port === '' ? 4000 : typeof port === 'number' || /^\d+$/.test(port) ? Number(port) : NaN
  return Number.isInteger(n) && n >= 0 && n <= 65_535 ? n : undefined
}
/** The line of the type definitions that an error is about. */
const placeOf = (e: unknown): string => {
  const at = e instanceof GraphQLError ? e.locations?.[0] : undefined, line = at && e instanceof GraphQLError ? e.source?.body.split('\n')[at.line - 1]?.trim() : undefined
  return line === undefined ? '' : ` At line ${at!.line}: ${line}`
}
const tried = (make: () => GraphQLSchema): { schema: GraphQLSchema } | { fault: string } => {
  try { return { schema: make() } } catch (e) { return { fault: `graphql: the type definitions are no schema: ${e instanceof Error ? e.message : String(e)}${placeOf(e)}` } }
}

/**
 * A GraphQL front over HTTP: mutations are commands and answer once their projected result can be read, queries are queries, subscriptions are
 * channels, over server-sent events. All that does not fit the functions is reported at start, with the other faults of wiring.
 *
 * @example deployment({ functions: [functions], processes: { front: [graphql({ typeDefs, port: process.env.PORT })], … }, … })
 */
export const graphql = (o: Options): Front => {
  const production = o.production ?? process.env['NODE_ENV'] === 'production', path = o.path ?? '/graphql', host = o.host ?? '127.0.0.1', port = portOf(o.port)
  const n: Limits = { ...limits, ...o.limits }
  return {
    front: 'graphql',
    faults: functions => {
      const made = tried(() => schemaOf(o))
      return [
        ...(port === undefined ? [`graphql: port: expected a whole number from 0 to 65535, found '${o.port}'`] : []),
        ...(path.startsWith('/') ? [] : [`graphql: path: expected a path that begins with '/', found '${path}'`]),
        ...('fault' in made ? [made.fault] : faultsIn(made.schema, functions)),
      ]
    },
    start: (intake, runtime, functions) => start({ intake, runtime, functions, o, n, production, path, host, port: port ?? 0 }),
  }
}

interface Starting { readonly intake: Intake; readonly runtime: Runtime; readonly functions: readonly AnyHandler[]; readonly o: Options; readonly n: Limits; readonly production: boolean; readonly path: string; readonly host: string; readonly port: number }
const start = async ({ intake, runtime, functions, o, n, production, path, host, port }: Starting): Promise<Started> => {
  const schema = schemaOf(o), named = namesOf(functions), mask = masking(runtime, production), mine = masked(mask, production)
  const heard = Object.keys(schema.getSubscriptionType()?.getFields() ?? {}).map(name => named.events.get(name)!.channel)
  const events = hub(intake, [...new Map(heard.map(c => [c.channel, c])).values()], n, mask)
  bind(schema, named, { intake, hub: events, hears: o.hears ?? sameTenant, mask })

  const log = (level: 'warn' | 'error') => (...said: unknown[]): void => runtime.log(level, `[graphql] ${said.map(s => s instanceof Error ? s.message : String(s)).join(' ')}`)
  const yoga: Yoga = createYoga<Served>({
    ...later,
    schema, graphqlEndpoint: path, landingPage: false, multipart: false, batching: false, cors: false, healthCheckEndpoint: '/health/live',
    logging: { debug: () => {}, info: () => {}, warn: log('warn'), error: () => {} }, // errors are logged where they are masked, with their id
    maskedErrors: { maskError: mine }, parserAndValidationCache: documentCaches(), plugins: [limiting(n, production), answersKnown],
    graphiql: production ? false : { title: 'GraphiQL', subscriptionsProtocol: 'SSE' },
    // Megabytes, with all that the page needs: it works offline. Its `query` is what it opens with, whatever its types say.
    renderGraphiQL: async options => (await import('@graphql-yoga/render-graphiql')).renderGraphiQL({ ...options, ...(o.example !== undefined && { query: o.example }) }),
  })
  const { listen, bad, giveUp } = listener({ yoga, path, limits: n, identify: o.identify ?? (() => ({})), state: intake.state, mask, mine, production })
  const server = createServer({ requestTimeout: n.request, headersTimeout: Math.min(n.headers, n.request), connectionsCheckingInterval: Math.min(1_000, n.request) }, listen).on('clientError', bad)

  const address = await new Promise<{ port: number }>((resolve, reject) => {
    server.once('error', (e: NodeJS.ErrnoException) => reject(new Error(e.code === 'EADDRINUSE' ? `graphql: port ${port} on ${host} is in use; give another one (PORT=0 takes a free one)` : `graphql: cannot listen on ${host}:${port}: ${e.message}`, { cause: e })))
    server.listen(port, host, () => { const a = server.address(); resolve(typeof a === 'object' && a !== null ? a : { port }) })
  })
  server.on('error', log('error')) // a connection that could not be taken ends nothing else
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => { sockets.add(socket); socket.once('close', () => sockets.delete(socket)) })
  o.listening?.(`http://${host.includes(':') ? `[${host}]` : host}:${address.port}${path}`)

  let closing: Promise<void> | undefined
  /** No new connection; subscriptions end; requests in flight get their time, then they are answered that it is over, and all connections are cut. */
  const close = async (): Promise<void> => {
    const closed = new Promise<void>(resolve => { server.close(() => resolve()) })
    await events.close()
    const sweep = (): void => {
      server.closeIdleConnections()
      for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy() // to Node, who never said a word is busy
      stopSweep = runtime.after(20, sweep)
    }
    let stopSweep = (): void => {}
    sweep()
    let stop = runtime.after(n.grace, () => { giveUp(); stop = runtime.after(lastWords, () => server.closeAllConnections()) })
    await closed.finally(() => { stop(); stopSweep() })
  }
  return { port: address.port, close: () => closing ??= close() }
}

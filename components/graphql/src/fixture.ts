import { type Failure, type Options as Numbers, type Runtime, accept, channel, command, commandHandler, event, port, projector, query, reject, resolver, bool, table, text } from '@lowtide/core'
import { memory } from '@lowtide/memory'
import { deployment, run, system } from '@lowtide/run'
import { within } from '@lowtide/testing'
import * as O from 'fp-ts/lib/Option.js'
import * as TE from 'fp-ts/lib/TaskEither.js'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { z } from 'zod'
import { graphql } from './graphql.js'
import type { Options } from './options.js'

// What this package's tests share; not part of what is published.

export const typeDefs = /* GraphQL */ `
  type Mutation {
    Open(email: String!): Account
    "Waits for the port 'gate'."
    Wait(email: String!): Account
  }
  type Query {
    One(id: ID!): Account
    Page(first: Int! = 20, after: String): Page!
    Find(filter: Filter!): Account
    "Its answer throws."
    Broken(id: ID!): Account
    "Its port fails."
    Rate(id: ID!): Account
  }
  type Subscription { Opened: Opened! }
  input Filter { id: ID!, email: String }
  type Account { id: ID!, email: String!, open: Boolean!, peer: Account, peers: [Account!] }
  type Opened { id: ID!, email: String! }
  type Page { edges: [Edge!]!, hasNextPage: Boolean! }
  type Edge { node: Account!, cursor: String! }
`

type Gate = (email: string) => TE.TaskEither<Failure, boolean>
const shut: TE.TaskEither<Failure, never> = TE.left({ failure: 'the secret host 10.0.0.1 refuses', retry: false })

/** The functions of a small deployment, and how often any of them was called. */
const functionsOf = () => {
  let ran = 0
  const count = <A>(value: A): A => { ran++; return value }
  const events = channel('account-events'), commands = channel('account-commands'), email = z.string().trim().toLowerCase().pipe(z.email())
  const Open = command('Open', { channel: commands, key: d => d.email, rejections: ['open-already'], schema: z.object({ email }) })
  const Wait = command('Wait', { channel: commands, key: d => d.email, rejections: ['open-already'], schema: z.object({ email }) })
  const Opened = event('Opened', { channel: events, version: 1, key: d => d.id, schema: z.object({ id: z.string(), email: z.string() }) })
  const accounts = table('accounts', { columns: { id: text, email: text }, key: 'id', unique: ['email'], partitionBy: 'email' })
  const views = table('account_views', { columns: { id: text, email: text, open: bool }, key: 'id', indexes: ['open'] })
  const gate = port('gate', { ask: { args: z.object({ email: z.string() }), answer: z.boolean() } }), rates = port('rates', { ask: { args: z.object({ id: z.string() }), answer: z.number() } })

  const open = commandHandler({
    meta: { name: 'open', in: Open, out: [Opened], uses: [accounts] },
    lookup: ({ data }) => count({ existing: accounts.by('email', data.email) }),
    operate: (ctx, { data }, { existing }) => O.isSome(existing) ? reject('open-already', 'This account is open already') : accept(Opened({ id: ctx.id('account'), email: data.email })),
    write: { Opened: ({ data }) => [accounts.insert(data)] },
  })
  const wait = commandHandler({
    meta: { name: 'wait', in: Wait, out: [Opened], uses: [accounts, gate] },
    lookup: ({ data }) => count({ existing: accounts.by('email', data.email), gate: gate.ask({ email: data.email }) }),
    operate: (ctx, { data }, { existing }) => O.isSome(existing) ? reject('open-already', 'This account is open already') : accept(Opened({ id: ctx.id('account'), email: data.email })),
    write: { Opened: ({ data }) => [accounts.insert(data)] },
  })
  const view = projector({ meta: { name: 'account-view', in: [Opened], uses: [views] }, write: { Opened: ({ data }) => count([views.put({ ...data, open: true })]) } })
  const peered = O.map(<A extends object>(a: A) => ({ ...a, peer: { ...a, peer: null, peers: null }, peers: [{ ...a, peer: null, peers: null }] }))
  const opened = resolver({ meta: { of: Open, from: [Opened], after: view, uses: [views] }, lookup: ({ Opened: [e] }) => count({ row: views.get(e.data.id) }), answer: ({ row }) => peered(row) })
  const waited = resolver({ meta: { of: Wait, from: [Opened], after: view, uses: [views] }, lookup: ({ Opened: [e] }) => count({ row: views.get(e.data.id) }), answer: ({ row }) => peered(row) })
  const one = query({ meta: { name: 'One', args: z.object({ id: z.string() }), uses: [views] }, lookup: ({ id }) => count({ row: views.get(id) }), answer: ({ row }) => peered(row) })
  const find = query({ meta: { name: 'Find', args: z.object({ filter: z.object({ id: z.string(), email: z.string().nullish() }) }), uses: [views] }, lookup: ({ filter }) => count({ row: views.get(filter.id) }), answer: ({ row }) => peered(row) })
  const page = query({
    meta: { name: 'Page', args: z.object({ first: z.int().min(1).max(100), after: z.uuid().nullish() }), uses: [views] },
    lookup: ({ first, after }) => count({ rows: views.where({ open: true }, { limit: first + 1, ...(after && { after }) }) }),
    answer: ({ rows }, { first }) => ({ edges: rows.slice(0, first).map(row => ({ node: { ...row, peer: null, peers: null }, cursor: row.id })), hasNextPage: rows.length > first }),
  })
  const broken = query({ meta: { name: 'Broken', args: z.object({ id: z.string() }), uses: [views] }, lookup: ({ id }) => count({ row: views.get(id) }), answer: () => { throw new Error('the secret password is abc') } })
  const rate = query({ meta: { name: 'Rate', args: z.object({ id: z.string() }), uses: [views, rates] }, lookup: ({ id }) => count({ row: views.get(id), rate: rates.ask({ id }) }), answer: ({ row }) => peered(row) })
  return { functions: { open, wait, view, opened, waited, one, find, page, broken, rate }, handlers: [open, wait], view, ran: () => ran }
}

export interface Logged { readonly level: string; readonly text: string; readonly fields: object | undefined }
/** Starts a deployment in memory behind a real server, on a free port, in production unless told otherwise. */
export const serve = async ({ gate = () => TE.right(true), options = {}, signals = false, ...o }: Partial<Options> & { readonly signals?: boolean; readonly gate?: Gate; readonly options?: Partial<Numbers> } = {}) => {
  const { functions, handlers, view, ran } = functionsOf(), logged: Logged[] = []
  const timers = new Set<object>()
  const runtime: Runtime = {
    ...system, log: (level, text, fields) => { logged.push({ level, text, fields }) },
    after: (ms, call) => { const timer = {}, stop = system.after(ms, () => { timers.delete(timer); call() }); timers.add(timer); return () => { timers.delete(timer); stop() } },
  }
  let url = ''
  const front = graphql({ typeDefs, port: 0, production: true, listening: at => { url = at }, ...o })
  const app = await run(deployment({
    name: 'accounts', functions: [functions], shell: memory(), processes: { all: [front, ...handlers, view] }, options,
    ports: { gate: { ask: ({ email }) => gate(email) }, rates: { ask: () => shut } },
  }), { runtime, signals })
  const before = ran()
  return { app, url, port: Number(new URL(url).port), path: new URL(url).pathname, logged, ran: () => ran() - before, timers: () => timers.size, close: () => app.close() }
}
export type Served = Awaited<ReturnType<typeof serve>>
/** Starts servers, and closes all of them in the end. */
export const servers = () => {
  const open: Served[] = []
  return {
    start: async (o?: Parameters<typeof serve>[0]): Promise<Served> => { const s = await serve(o); open.push(s); return s },
    end: async (): Promise<void> => { await Promise.all(open.splice(0).map(s => within(10_000, 'the end of close()', s.close))) },
  }
}

/** An answer as text, and as the JSON of GraphQL that it has to be. */
export interface Answer { readonly status: number; readonly headers: Headers; readonly text: string; readonly json: Json }
export interface Json { readonly data?: { readonly [field: string]: unknown } | null; readonly errors?: readonly { readonly message: string; readonly path?: readonly unknown[]; readonly extensions?: { readonly code?: string; readonly id?: string; readonly [name: string]: unknown } }[] }
const json = 'application/json'

export const ask = async (url: string, init: RequestInit): Promise<Answer> => {
  const response = await fetch(url, { signal: AbortSignal.timeout(20_000), ...init }), text = await response.text()
  const type = response.headers.get('content-type') ?? ''
  return { status: response.status, headers: response.headers, text, json: type.includes('json') ? JSON.parse(text) as Json : {} }
}
export const post = (url: string, body: object | string | Uint8Array<ArrayBuffer>, headers: { readonly [name: string]: string } = {}): Promise<Answer> =>
  ask(url, { method: 'POST', headers: { 'content-type': json, ...headers }, body: typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body) })

/** A bare connection: what came, and whether it has ended. */
export const wire = async (port: number): Promise<{ readonly socket: Socket; text(): string; ended(): boolean }> => {
  const socket = connect(port, '127.0.0.1'), parts: Buffer[] = []
  let ended = false
  socket.on('data', part => { parts.push(part) }).on('error', () => { ended = true }).on('close', () => { ended = true }).on('end', () => { ended = true })
  await once(socket, 'connect')
  return { socket, text: () => Buffer.concat(parts).toString(), ended: () => ended }
}
/** A POST as it goes over a connection. */
export const raw = (path: string, body: string, headers: readonly string[] = []): string =>
  [`POST ${path} HTTP/1.1`, 'host: localhost', `content-type: ${json}`, `content-length: ${Buffer.byteLength(body)}`, ...headers, '', body].join('\r\n')
/** Of a subscription; ends with the socket. */
export const subscribing = (path: string, headers: readonly string[] = []): string => raw(path, JSON.stringify({ query: 'subscription { Opened { id email } }' }), ['accept: text/event-stream', ...headers])

/** What a process holds: bytes after a collection, timers of ours (each caller who waits has one), sockets. */
export interface Held { readonly heap: number; readonly external: number; readonly timers: number; readonly sockets: number }
/** `now`: without a collection. */
export type Question = 'held' | 'now' | 'shut' | 'open'
/** Serves in a process of its own, as far as JSON can say how, and answers over IPC. */
export const answering = async (o: Parameters<typeof serve>[0]): Promise<void> => {
  const waiting: (() => void)[] = []
  let shut = false
  const s = await serve({ ...o, gate: () => TE.fromTask(() => new Promise<boolean>(resolve => { if (shut) waiting.push(() => resolve(true)); else resolve(true) })) })
  const held = (collect: boolean): Held => {
    if (collect) { globalThis.gc?.(); globalThis.gc?.() }
    const { heapUsed, external } = process.memoryUsage()
    return { heap: heapUsed, external, timers: s.timers(), sockets: process.getActiveResourcesInfo().filter(r => r === 'TCPSocketWrap').length }
  }
  process.on('message', (question: Question) => {
    if (question === 'shut') shut = true
    if (question === 'open') { shut = false; for (const go of waiting.splice(0)) go() }
    process.send?.(held(question === 'held'))
  }).on('disconnect', () => process.exit())
  process.send?.(s.url)
}

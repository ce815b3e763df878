import { once } from 'node:events'
import { type RequestListener, createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { GraphQLError, GraphQLInt, GraphQLObjectType, GraphQLSchema, GraphQLString } from 'graphql'
import { type Plugin, createYoga } from 'graphql-yoga'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { listening } from './listener.js'

const test = suite('a listener before Yoga')

let ran = 0
const fault = (kind: unknown): string => {
  ran++
  if (kind === 'hidden') throw new Error('a secret')
  if (kind === 'told') throw new GraphQLError('no', { extensions: { code: 'NO' } })
  if (kind === 'teapot') throw new GraphQLError('no', { extensions: { http: { status: 418, headers: { 'x-kind': 'teapot' } } } })
  return 'done'
}
const args = { kind: { type: GraphQLString } }
const schema = new GraphQLSchema({
  query: new GraphQLObjectType({ name: 'Query', fields: { number: { type: GraphQLInt, resolve: () => 1 } } }),
  mutation: new GraphQLObjectType<unknown, unknown>({ name: 'Mutation', fields: { act: { type: GraphQLString, args, resolve: (_root, { kind }: { kind?: string }) => fault(kind) } } }),
})
const late: Plugin = { onExecutionResult({ request }) { if (request.headers.get('x-late')) throw new GraphQLError('late') } }
const options = { schema, logging: false, graphiql: false, landingPage: false, plugins: [late] }

const serving = async (listener: RequestListener, then: (port: number) => Promise<void>): Promise<void> => {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  try { await then((server.address() as AddressInfo).port) } finally { server.closeAllConnections(); server.close() }
}

const mutation = 'mutation Act($kind: String) { act(kind: $kind) }'
const bodies: readonly unknown[] = [
  ...['fine', 'hidden', 'told', 'teapot'].map(kind => ({ query: mutation, variables: { kind } })), { query: '{ number }' },
  {}, { query: mutation }, { query: mutation, variables: 3 }, { query: mutation, operationName: 'No' }, { query: mutation, more: 1 }, { query: '{' }, { query: '{ none }' },
  { query: '' }, { query: 3 }, { query: 'subscription { none }' }, [{ query: mutation }], null, 3, '{', '',
]
const accepts = [undefined, 'application/json', 'application/graphql-response+json', 'text/html', 'application/json, text/plain;q=0.1']
const posts: readonly RequestInit[] = [
  ...accepts.flatMap(accept => bodies.map(body => ({ body: typeof body === 'string' ? body : JSON.stringify(body), headers: { 'content-type': 'application/json', ...(accept ? { accept } : {}) } }))),
  ...['application/json; charset=utf-8', 'text/plain', 'application/graphql+json'].map(type => ({ body: '{"query":"{ number }"}', headers: { 'content-type': type } })),
  { body: '{ number }', headers: { 'content-type': 'application/graphql' } }, { body: 'query={number}', headers: { 'content-type': 'application/x-www-form-urlencoded' } },
  { body: '{"query":"{ number }"}', headers: { 'content-type': 'application/json', origin: 'http://elsewhere.example' } },
  { body: JSON.stringify({ query: mutation }), headers: { 'content-type': 'application/json', 'x-late': 'yes' } },
].map(post => ({ method: 'POST', ...post }))
const others: readonly [path: string, init: RequestInit][] = [
  ['?query={number}', {}], ['?query=mutation{act}', {}], ['', { method: 'OPTIONS', headers: { origin: 'http://elsewhere.example' } }], ['', { method: 'PUT', body: 'x' }], ['/elsewhere', { method: 'POST', body: 'x' }],
]

test('answers what Yoga does, and executes as often', () => serving(createYoga(options), alone => serving(listening(options), async behind => {
  const answered = async (port: number, path: string, init: RequestInit): Promise<unknown> => {
    const before = ran, response = await fetch(`http://127.0.0.1:${port}/graphql${path}`, init), fields = Object.fromEntries(response.headers)
    const { date: _date, connection: _connection, 'keep-alive': _keep, ...headers } = fields
    return { status: response.status, headers, text: await response.text(), ran: ran - before }
  }
  for (const [path, init] of [...posts.map(post => ['', post] as const), ...others]) {
    assert.equal(await answered(behind, path, init), await answered(alone, path, init), `${path} ${JSON.stringify(init)}`)
  }
})))

test('a body that says no length goes to Yoga once it is counted', () => serving(listening(options), async port => {
  const body = new ReadableStream({ start(controller) { controller.enqueue(new TextEncoder().encode('{ number }')); controller.close() } })
  const response = await fetch(`http://127.0.0.1:${port}/graphql`, { method: 'POST', body, headers: { 'content-type': 'application/graphql' }, duplex: 'half' } as RequestInit)
  assert.is(await response.text(), '{"data":{"number":1}}')
}))

test('a body above the limit is refused, whether it says its length or not', () => serving(listening(options, { limit: 100 }), async port => {
  const long = 'x'.repeat(101), chunked = `4\r\n{"q"\r\n65\r\n${long}\r\n`
  for (const framed of [`content-length: 101\r\n\r\n`, `transfer-encoding: chunked\r\n\r\n${chunked}`]) {
    const socket = connect(port, '127.0.0.1')
    socket.write(`POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n${framed}`)
    const [answer] = await once(socket, 'data') as [Buffer]
    assert.match(answer.toString(), /^HTTP\/1\.1 413 /)
    await once(socket, 'close')
  }
}))

test.run()

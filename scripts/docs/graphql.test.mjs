// time limit: 120 s
import { accept, channel, command, commandHandler, event, projector, query, table, text } from '@lowtide/core'
import { graphql, limits } from '@lowtide/graphql'
import { memory } from '@lowtide/memory'
import { deployment, run, system } from '@lowtide/run'
import { request } from 'node:http'
import { connect } from 'node:net'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { z } from 'zod'
import { follow } from './follow.mjs'
import { plain, sameNames, tableOf, tablesOf, wrong } from './markdown.mjs'

const doc = 'docs/graphql.md'
const units = ['aliases', 'bytes', 'directives', 'events', 'levels', 'ms', 'pairs', 'points', 'requests', 'subscriptions', 'tokens']
const test = suite('graphql')

test('its commands and files do what it says', () => follow(doc))

test('every limit, with its default and unit', () => {
  const table = tableOf(doc, 'limit')
  sameNames(table, Object.keys(limits), '`limits` of the front')
  for (const { line, cells: [name, value, unit, meaning] } of table.rows) {
    const expected = limits[plain(name)].toLocaleString('en-US')
    if (value !== expected) throw wrong(doc, line, `the source has ${expected} for ${name}, found ${value}`)
    if (!units.includes(unit)) throw wrong(doc, line, `${name} has no unit that we use: expected one of ${units.join(', ')}, found '${unit}'`)
    if (!meaning) throw wrong(doc, line, `${name} has no meaning`)
  }
})

const Say = command('Say', { channel: channel('say-commands'), key: d => d.text, schema: z.object({ text: z.string() }) })
const Said = event('Said', { channel: channel('say-events'), key: d => d.text, schema: z.object({ text: z.string() }) })
const words = table('words', { columns: { text }, key: 'text' })
const broken = what => { throw new Error(`secret of ${what}`) }
const say = commandHandler({
  meta: { name: 'say', in: Say, out: [Said] },
  operate: (_ctx, { data }) => data.text === 'decide' ? broken('the decision') : accept(Said(data)),
  write: { Said: () => [] },
})
const wordsView = projector({ meta: { name: 'words-view', in: [Said], uses: [words] }, write: { Said: ({ data }) => data.text === 'project' ? broken('the projector') : [words.put(data)] } })
const word = query({ meta: { name: 'Word', args: z.object({ text: z.string() }), uses: [words] }, lookup: args => ({ row: words.get(args.text) }), answer: ({ row }, args) => args.text === 'answer' ? broken('the query') : row })
const typeDefs = 'type Mutation { Say(text: String!): Said } type Said { commandId: ID! } type Query { Word(text: String!): Word } type Word { text: String! } type Subscription { Said: Word! }'
const hears = ({ actor }) => actor !== 'deaf' || broken('hears')
const identify = ({ headers: { authorization } }) => authorization === 'broken' ? broken('identify') : authorization === 'nobody' ? null : { actor: authorization }

/** Serves while a task runs; the task is given the URL and what is logged. */
const serving = async (production, task) => {
  const log = []
  let url
  const app = await run(deployment({
    functions: [{ say, wordsView, word }], shell: memory(), options: { retries: 0 },
    processes: { all: [say, wordsView, graphql({ typeDefs, identify, hears, production, port: 0, limits: { request: 300, headers: 300 }, listening: at => { url = at } })] },
  }), { signals: false, runtime: { ...system, log: (...entry) => log.push(entry) } })
  try { await task(url, log, app) } finally { await app.close() }
}
const pause = ms => new Promise(resolve => { setTimeout(resolve, ms) })
const asJson = { 'content-type': 'application/json' }
/** `fetch` follows redirects and fills in headers; this does neither. */
const call = (url, { method = 'POST', headers = asJson, body = '', path }) => new Promise((resolve, reject) => {
  request(path ? new URL(path, url) : url, { method, headers }, response => {
    let text = ''
    response.setEncoding('utf8').on('data', part => { text += part }).on('end', () => resolve({ status: response.statusCode, body: /json/.test(response.headers['content-type'] ?? '') ? JSON.parse(text) : text }))
  }).on('error', reject).end(body)
})
const asking = document => JSON.stringify({ query: document })
/** The status of a request whose second part is sent later, or never. */
const inParts = async (url, first, later) => {
  const { hostname, port } = new URL(url), socket = connect(Number(port), hostname)
  let text = ''
  const closed = new Promise(resolve => { socket.setEncoding('utf8').on('data', part => { text += part }).on('error', () => {}).on('close', resolve) })
  socket.write(first)
  await later?.().then(rest => socket.write(rest))
  await closed
  return Number(text.split(' ')[1])
}
const word1 = asking('{ Word(text: "a") { text } }')
const specific = { ...asJson, accept: 'application/graphql-response+json' }
const repeated = (n, text) => Array.from({ length: n }, (_, i) => text.replaceAll('#', i)).join(' ')

/** Requests for each status that the page tells, with the code of the error where there is one. */
const examples = [
  [200, { body: word1 }],
  [200, { body: asking('{') }, 'GRAPHQL_PARSE_FAILED'],
  [400, { body: '{}' }, 'invalid'],
  [200, { body: asking('{ Wrod }') }, 'GRAPHQL_VALIDATION_FAILED'],
  [200, { body: asking(`{ ${repeated(limits.tokens, 'a')} }`) }, 'GRAPHQL_PARSE_FAILED'],
  [200, { body: asking(`{ ${repeated(limits.aliases + 1, 'a#: Word(text: "a") { text }')} }`) }, 'too-complex'],
  [200, { body: asking(`{ Word(text: "a") { text ${repeated(limits.directives + 1, '@include(if: true)')} } }`) }, 'too-complex'],
  [200, { body: asking(`{ ${repeated(limits.depth + 1, 'Word(text: "a") {')} text ${repeated(limits.depth + 1, '}')} }`) }, 'too-complex'],
  [400, { body: asking('{ Wrod }'), headers: specific }, 'GRAPHQL_VALIDATION_FAILED'],
  [302, { method: 'GET', headers: {}, path: '/' }],
  [400, { body: '{' }, 'invalid'],
  [400, { body: '[]' }, 'invalid'],
  [400, { body: '{}', headers: specific }, 'invalid'],
  [400, { body: asking('query A($text: String!) { Word(text: $text) { text } }') }],
  [400, { body: word1, headers: { ...asJson, 'idempotency-key': 'order 66' } }, 'invalid'],
  [401, { body: word1, headers: { ...asJson, authorization: 'nobody' } }, 'unauthenticated'],
  [404, { body: word1, path: '/elsewhere' }, 'invalid'],
  [405, { body: word1, method: 'PUT' }, 'invalid'],
  [405, { method: 'GET', headers: {}, path: `/graphql?query=${encodeURIComponent('mutation { Say(text: "a") { commandId } }')}` }, 'BAD_REQUEST'],
  [406, { body: word1, headers: { ...asJson, accept: 'image/png' } }],
  [413, { body: `"${'a'.repeat(limits.body)}"` }, 'too-large'],
  [415, { body: word1, headers: { 'content-type': 'text/plain' } }, 'invalid'],
  [401, { body: word1, headers: { ...asJson, authorization: 'broken' } }, 'unauthenticated'],
  [431, { body: word1, headers: { ...asJson, 'x-large': 'x'.repeat(20_000) } }, 'too-large'],
]

test('every status', () => serving(false, async (url, _log, app) => {
  for (const [status, how, code] of examples) {
    const found = await call(url, how)
    assert.equal([found.status, found.body.errors?.[0].extensions?.code], [status, code ?? found.body.errors?.[0].extensions?.code], `${JSON.stringify(how).slice(0, 200)} answers ${JSON.stringify(found).slice(0, 300)}`)
    assert.is(found.body.errors?.[0].extensions?.http, undefined, 'an error told what it sets the status to')
  }
  assert.is(await inParts(url, 'POST /graphql HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{'), 408)
  const ready = { method: 'GET', headers: {}, path: '/health/ready' }
  assert.equal(await call(url, ready), { status: 200, body: { status: 'ok' } })
  assert.equal(await call(url, { ...ready, path: '/health/live' }), { status: 200, body: { status: 'ok' } })
  assert.is(await inParts(url, 'GET /health/ready HTTP/1.1\r\nconnection: close\r\n', async () => {
    await pause(50)
    void app.close()
    return 'host: a\r\n\r\n'
  }), 503)
  sameNames(tableOf(doc, 'status'), [...new Set([...examples.map(([told]) => told), 408, 503])].map(String).toSorted(), 'this test')
}))

test('what broke is in the message in development, and only in the log in production', async () => {
  const { rows } = tablesOf(doc).find(({ heading }) => heading === 'Development and production'), told = rows.map(({ cells }) => cells[0]).find(cell => cell.includes('`failed`'))
  for (const production of [false, true]) await serving(production, async (url, log) => {
    const codes = []
    for (const how of [
      { body: asking('mutation { Say(text: "decide") { commandId } }') },
      { body: asking('mutation { Say(text: "project") { commandId } }') },
      { body: asking('{ Word(text: "answer") { text } }') },
      { body: word1, headers: { ...asJson, authorization: 'broken' } },
    ]) {
      const [{ message, extensions }] = (await call(url, how)).body.errors
      codes.push(extensions.code)
      assert.is(/secret of/.test(message), !production, `${extensions.code}: ${message}`)
      assert.ok(log.some(([, text]) => text.includes(extensions.id) && text.includes('secret of')), `${extensions.code} is not in the log under ${extensions.id}`)
    }
    assert.equal(codes, ['failed', 'projection-parked', 'failed', 'unauthenticated'])
    for (const code of [...codes, 'unavailable']) assert.match(told, `\`${code}\``)
  })
})

test('a hears that throws ends its own subscription, and no event comes twice to others', () => serving(true, async (url, log, app) => {
  const heard = { ann: '', deaf: '', bob: '' }
  const ended = await Promise.all(Object.keys(heard).map(async actor => {
    const response = await fetch(url, { method: 'POST', headers: { ...asJson, accept: 'text/event-stream', authorization: actor }, body: asking('subscription { Said { text } }') })
    return (async () => { for await (const part of response.body.pipeThrough(new TextDecoderStream())) heard[actor] += part })
  }).map(opened => opened.then(read => ({ read: read() }))))
  for (const text of ['a', 'b']) await call(url, { body: asking(`mutation { Say(text: "${text}") { commandId } }`) })
  for (const begun = Date.now(); Date.now() - begun < 10_000 && !(/complete/.test(heard.deaf) && ['ann', 'bob'].every(actor => /"a"[^]*"b"|"b"[^]*"a"/.test(heard[actor])));) await pause(20)
  await pause(200) // what comes twice comes now
  await app.close()
  await Promise.all(ended.map(({ read }) => read))
  for (const actor of ['ann', 'bob']) assert.equal([...heard[actor].matchAll(/"text":"(\w)"/g)].map(match => match[1]).toSorted(), ['a', 'b'], actor)
  const { errors: [{ message, extensions }] } = JSON.parse(/data: (.+)/.exec(heard.deaf)[1])
  assert.is(extensions.code, 'internal')
  assert.not.match(message, 'secret')
  assert.ok(log.some(([, text]) => text.includes(extensions.id)))
}))

test('in production nothing helps to guess the schema', () => serving(true, async url => {
  assert.is((await call(url, { method: 'GET', headers: { accept: 'text/html' }, path: '/' })).status, 404)
  const [{ extensions: { code } }] = (await call(url, { body: asking('{ __schema { queryType { name } } }') })).body.errors
  assert.is(code, 'GRAPHQL_VALIDATION_FAILED')
  assert.not.match((await call(url, { body: asking('{ Wrod }') })).body.errors[0].message, 'Did you mean')
}))

test.run()

import { until } from '@lowtide/testing'
import fc from 'fast-check'
import * as TE from 'fp-ts/lib/TaskEither.js'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Answer, type Served, ask, post, raw, servers, subscribing, wire } from './fixture.js'

setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc') as () => void
const heap = (): number => { gc(); gc(); return process.memoryUsage().heapUsed }
const MB = 1024 * 1024, generous = 1_000
const emailOf = (name: string): string => `${name}-${randomUUID()}@example.org`
const list = (n: number, of: (i: number) => string, between = ' '): string => Array.from({ length: n }, (_, i) => of(i)).join(between)

/** An error of GraphQL: short, with a code, without anything of the inside. */
const clear = (name: string, a: Answer): void => {
  assert.ok(a.status < 500, `${name}: ${a.status} ${a.text.slice(0, 300)}`)
  assert.match(a.headers.get('content-type') ?? '', /^application\/(graphql-response\+)?json/, name)
  assert.ok((a.json.errors ?? []).length > 0, `${name}: expected errors, found ${a.text.slice(0, 300)}`)
  for (const { message, extensions } of a.json.errors!) {
    assert.ok(message.length > 0 && message.length < 600, `${name}: a message of ${message.length} characters`)
    assert.type(extensions?.code, 'string', `${name}: no code in ${JSON.stringify(extensions)}`)
    assert.not.ok(extensions !== undefined && ('http' in extensions || 'stacktrace' in extensions), `${name}: ${JSON.stringify(extensions)}`)
  }
  assert.not.match(a.text, /node_modules|\bat \w+ \(|file:\/\//, name)
  assert.ok(a.text.length < 60_000, `${name}: ${a.text.length} characters`)
}
type Send = (s: Served) => Promise<Answer>
const query = (text: string, variables?: object, headers?: { [name: string]: string }): Send => s => post(s.url, { query: text, variables }, headers)
const body = (text: string | Uint8Array<ArrayBuffer> | object, headers?: { [name: string]: string }): Send => s => post(s.url, text, headers)
const over = (method: string, at = '', headers: { [name: string]: string } = {}): Send => s => ask(`${s.url}${at}`, { method, headers })

const { start, end } = servers()
const find = 'query($f: Filter!) { Find(filter: $f) { id } }', one = 'query($id: ID!) { One(id: $id) { id } }', paged = 'query($n: Int!) { Page(first: $n) { hasNextPage } }'
const plainOne = '{ One(id: 1) { id } }', digits = '9'.repeat(200_000), nul = '\\u0000', lone = '\\ud800'

/** What is refused before any function of the deployment runs: status, a code, and what is sent. */
const refused: readonly (readonly [name: string, status: number, code: string, send: Send])[] = [
  ['an email that is none', 200, 'invalid', query('mutation { Open(email: "ada") { id } }')],
  ['a missing argument', 200, 'GRAPHQL_VALIDATION_FAILED', query('mutation { Open { id } }')],
  ['an unknown field', 200, 'GRAPHQL_VALIDATION_FAILED', query('{ One(id: 1) { emial } }')],
  ['an unknown query', 200, 'GRAPHQL_VALIDATION_FAILED', query('{ Won(id: 1) { id } }')],
  ['broken JSON', 400, 'invalid', body('{"query":')],
  ['JSON with a mark of byte order', 400, 'invalid', body('\ufeff{"query":"{ One(id: 1) { id } }"}')],
  ['bytes that are no UTF-8', 400, 'invalid', body(new Uint8Array(Buffer.concat([Buffer.from('{"query":"{ One(id: \\"'), Buffer.from([0xff]), Buffer.from('\\") { id } }"}')])))],
  ['an empty body', 400, 'invalid', body('')],
  ...['null', '5', '"x"', '[]', '{}', 'true', '[{"query":"{ One(id: 1) { id } }"}]'].map(text => [`the body ${text}`, 400, 'invalid', body(text)] as const),
  ...['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'application/graphql', 'application/jsonp'].map(type => [`the content-type ${type}`, 415, 'invalid', body({ query: plainOne }, { 'content-type': type })] as const),
  ...[5, null, { a: 1 }, ['x'], true, undefined].map(q => [`a query that is ${JSON.stringify(q)}`, 400, 'invalid', body({ query: q })] as const),
  ...[[1], 'x', 5, true].map(variables => [`variables that are ${JSON.stringify(variables)}`, 400, 'invalid', body({ query: plainOne, variables })] as const),
  ...[[1], 'x', 5, false].map(extensions => [`extensions that are ${JSON.stringify(extensions)}`, 400, 'invalid', body({ query: plainOne, extensions })] as const),
  ['an extension without a query', 400, 'invalid', body({ extensions: { persistedQuery: { version: 1, sha256Hash: 'x' } } })],
  ['an operationName that is a number', 400, 'invalid', body({ query: plainOne, operationName: 5 })],
  ['an operationName that is unknown', 400, 'OPERATION_RESOLUTION_FAILURE', body({ query: plainOne, operationName: 'Nope' })],
  ['the operationName __proto__', 400, 'OPERATION_RESOLUTION_FAILURE', body({ query: plainOne, operationName: '__proto__' })],
  ['two operations and no name', 400, 'OPERATION_RESOLUTION_FAILURE', query('query A { One(id: 1) { id } } query B { One(id: 2) { id } }')],
  ['no operation', 400, 'OPERATION_RESOLUTION_FAILURE', query('type X { a: Int }')],
  ['another field of the body', 400, 'invalid', body({ query: plainOne, more: 1 })],
  ['__proto__ as a field of the body', 400, 'invalid', body('{"query":"{ One(id: 1) { id } }","__proto__":{"x":1}}')],
  ['constructor as a field of the body', 400, 'invalid', body({ query: plainOne, constructor: 1 })],
  ['__proto__ inside a variable', 400, 'invalid', body(`{"query":${JSON.stringify(find)},"variables":{"f":{"id":"x","__proto__":{"a":1}}}}`)],
  ['constructor inside a variable', 400, 'invalid', query(find, { f: { id: 'x', constructor: 1 } })],
  ['__proto__ in place of a variable', 400, 'invalid', body(`{"query":${JSON.stringify(find)},"variables":{"__proto__":{"f":{"id":"x"}}}}`)],
  ['__proto__ as an argument', 200, 'GRAPHQL_VALIDATION_FAILED', query('{ One(id: 1, __proto__: 2) { id } }')],
  ['constructor as an argument', 200, 'GRAPHQL_VALIDATION_FAILED', query('{ One(id: 1, constructor: 2) { id } }')],
  ['__proto__ as a field of an argument', 200, 'GRAPHQL_VALIDATION_FAILED', query('{ Find(filter: { id: 1, __proto__: { a: 1 } }) { id } }')],
  ['__proto__ as a field', 200, 'GRAPHQL_VALIDATION_FAILED', query('{ One(id: 1) { __proto__ } }')],
  ['constructor as a field', 200, 'GRAPHQL_VALIDATION_FAILED', query('{ One(id: 1) { constructor toString valueOf } }')],
  ['a wrong name inside a variable', 400, 'invalid', query(find, { f: { id: 'x', emial: 'y' } })],
  ['NUL in an email', 200, 'invalid', body(`{"query":"mutation($e: String!) { Open(email: $e) { id } }","variables":{"e":"a${nul}@example.org"}}`)],
  ['NUL in an id', 200, 'invalid', body(`{"query":${JSON.stringify(one)},"variables":{"id":"${nul}"}}`)],
  ['NUL in a literal', 200, 'invalid', query(`{ One(id: "${nul}") { id } }`)],
  ['a lone surrogate in an email', 200, 'invalid', body(`{"query":"mutation($e: String!) { Open(email: $e) { id } }","variables":{"e":"a${lone}@example.org"}}`)],
  ['a lone surrogate in an id', 200, 'invalid', body(`{"query":${JSON.stringify(one)},"variables":{"id":"${lone}"}}`)],
  ['a lone surrogate in a literal, escaped there', 200, 'GRAPHQL_PARSE_FAILED', query(`{ One(id: "${lone}") { id } }`)],
  ['a lone surrogate in a literal, escaped in JSON', 200, 'GRAPHQL_PARSE_FAILED', body(`{"query":"{ One(id: \\"${lone}\\") { id } }"}`)],
  ['lists 10,000 deep in a variable', 400, 'invalid', body(`{"query":${JSON.stringify(find)},"variables":{"f":${'['.repeat(10_000)}${']'.repeat(10_000)}}}`)],
  ['objects 10,000 deep in a variable', 400, 'invalid', body(`{"query":${JSON.stringify(find)},"variables":{"f":${'{"id":'.repeat(10_000)}1${'}'.repeat(10_000)}}}`)],
  ['fields 10,000 deep', 200, 'GRAPHQL_PARSE_FAILED', query(`{ One(id: 1) ${'{ peer '.repeat(10_000)}${'}'.repeat(10_000)}`)],
  ['fields 13 deep', 200, 'too-complex', query(`{ One(id: 1) ${'{ peer '.repeat(11)} { id } ${'}'.repeat(12)}`)],
  ['lists 400 deep as an argument', 200, 'GRAPHQL_VALIDATION_FAILED', query(`{ One(id: ${'['.repeat(400)}1${']'.repeat(400)}) { id } }`)],
  ['types 400 deep', 200, 'GRAPHQL_VALIDATION_FAILED', query(`query($a: ${'['.repeat(400)}ID${']'.repeat(400)}) { One(id: $a) { id } }`)],
  ['1,000 aliases', 200, 'GRAPHQL_PARSE_FAILED', query(`{ ${list(1_000, i => `a${i}: One(id: 1) { id }`)} }`)],
  ['300 aliases', 200, 'too-complex', query(`{ ${list(300, i => `a${i}: __typename`)} }`)],
  ['16 aliases', 200, 'too-complex', query(`{ ${list(16, i => `a${i}: One(id: 1) { id }`)} }`)],
  ['1,000 mutations, with aliases', 200, 'GRAPHQL_PARSE_FAILED', query(`mutation { ${list(1_000, i => `a${i}: Open(email: "a${i}@example.org") { id }`)} }`)],
  ['1,000 mutations, without', 200, 'GRAPHQL_PARSE_FAILED', query(`mutation { ${list(1_000, i => `Open(email: "a${i}@example.org") { id }`)} }`)],
  ['16 mutations, with aliases', 200, 'too-complex', query(`mutation { ${list(16, i => `a${i}: Open(email: "a${i}@example.org") { id }`)} }`)],
  ['two mutations, without aliases', 200, 'GRAPHQL_VALIDATION_FAILED', query('mutation { Open(email: "a@example.org") { id } Open(email: "b@example.org") { id } }')],
  ['a page of a million', 200, 'too-complex', query('{ Page(first: 1000000) { hasNextPage } }')],
  ['a page of a million, by a variable', 200, 'invalid', query(paged, { n: 1_000_000 })],
  ['a page of 10^12, by a variable', 400, 'invalid', query(paged, { n: 1e12 })],
  ...[0, -1, 101].flatMap(n => [[`a page of ${n}`, 200, 'invalid', query(`{ Page(first: ${n}) { hasNextPage } }`)] as const, [`a page of ${n}, by a variable`, 200, 'invalid', query(paged, { n })] as const]),
  ...[1.5, 'x', '5', null, {}, [], [1, 2], true].map(n => [`a page of ${JSON.stringify(n)}`, 400, 'invalid', query(paged, { n })] as const),
  ['a cursor that is none', 200, 'invalid', query('{ Page(first: 1, after: "x") { hasNextPage } }')],
  ['a cursor of 200,000 characters', 200, 'invalid', query(`{ Page(first: 1, after: "${digits}") { hasNextPage } }`)],
  ['a number of 200,000 digits as a variable', 400, 'invalid', body(`{"query":${JSON.stringify(paged)},"variables":{"n":${digits}}}`)],
  ['a text of 200,000 digits as a variable', 400, 'invalid', query(paged, { n: digits })],
  ['a number of 200,000 digits in a document', 200, 'too-complex', query(`{ Page(first: ${digits}) { hasNextPage } }`)],
  ['the same where no page is', 200, 'GRAPHQL_VALIDATION_FAILED', query(`query($n: Int = ${digits}) { Page(first: $n) { hasNextPage } }`)],
  ['a field of 200,000 characters', 200, 'GRAPHQL_VALIDATION_FAILED', query(`{ ${'x'.repeat(200_000)} }`)],
  ['a word of 200,000 characters', 200, 'GRAPHQL_PARSE_FAILED', query('x'.repeat(200_000))],
  ['a comment of 200,000 characters', 200, 'GRAPHQL_PARSE_FAILED', query(`#${'x'.repeat(200_000)}`)],
  ['a text that does not end', 200, 'GRAPHQL_PARSE_FAILED', query(`{ One(id: "${'x'.repeat(200_000)}`)],
  ['a block of text of 60,000 lines', 200, 'invalid', query(`mutation { Open(email: """${'\n x'.repeat(60_000)}""") { id } }`)],
  ['an email of 200,000 characters', 200, 'invalid', query(`mutation { Open(email: "${'x'.repeat(200_000)}@example.org") { id } }`)],
  ['a number of a million digits as a variable', 413, 'too-large', body(`{"query":${JSON.stringify(paged)},"variables":{"n":${'9'.repeat(1_000_000)}}}`)],
  ['a number of a million digits in a document', 413, 'too-large', query(`{ Page(first: ${'9'.repeat(1_000_000)}) { hasNextPage } }`)],
  ['a body of 257 KB', 413, 'too-large', body(' '.repeat(257 * 1024))],
  ['a key of 10,000 characters', 400, 'invalid', query('mutation { Open(email: "a@example.org") { id } }', {}, { 'idempotency-key': 'k'.repeat(10_000) })],
  ['an empty key', 400, 'invalid', query('mutation { Open(email: "a@example.org") { id } }', {}, { 'idempotency-key': '' })],
  ['a key with a tab inside', 400, 'invalid', query('mutation { Open(email: "a@example.org") { id } }', {}, { 'idempotency-key': 'a\tb' })],
  ['introspection', 200, 'GRAPHQL_VALIDATION_FAILED', query('{ __schema { types { name } } }')],
  ['introspection of a type', 200, 'GRAPHQL_VALIDATION_FAILED', query('{ __type(name: "Account") { name } }')],
  ['190 directives', 200, 'too-complex', query(`{ One(id: 1) { id ${'@x '.repeat(190)} } }`)],
  ['700 directives', 200, 'GRAPHQL_PARSE_FAILED', query(`{ One(id: 1) { id ${'@skip(if: false) '.repeat(700)} } }`)],
  ['21 directives on the operation', 200, 'too-complex', query(`query ${'@x '.repeat(21)} ${plainOne}`)],
  ['an unknown directive', 200, 'GRAPHQL_VALIDATION_FAILED', query('{ One(id: 1) { ... @defer { id } } }')],
  ['GraphiQL in production', 406, 'invalid', over('GET', '', { accept: 'text/html' })],
  ['a mutation by GET', 405, 'BAD_REQUEST', over('GET', `?query=${encodeURIComponent('mutation { Open(email: "a@example.org") { id } }')}`)],
  ['a mutation by GET, for a stream', 405, 'BAD_REQUEST', over('GET', `?query=${encodeURIComponent('mutation { Open(email: "a@example.org") { id } }')}`, { accept: 'text/event-stream, application/json' })],
  ...['OPTIONS', 'PUT', 'DELETE', 'PATCH'].map(method => [method, 405, 'invalid', over(method)] as const),
  ['another path', 404, 'invalid', over('GET', '/more')],
  ['a path to the outside', 404, 'invalid', over('GET', '/../../etc/passwd')],
  ['a mutation for which nothing is accepted', 406, 'invalid', query('mutation { Open(email: "a@example.org") { id } }', {}, { accept: 'image/png' })],
  ['a mutation in another charset', 406, 'invalid', query('mutation { Open(email: "a@example.org") { id } }', {}, { accept: 'application/json; charset=utf-16' })],
  ['a subscription over a plain POST', 406, 'invalid', query('subscription { Opened { id } }')],
  ['a subscription for which JSON is accepted', 406, 'invalid', query('subscription { Opened { id } }', {}, { accept: 'application/json, text/plain' })],
]

const test = suite('what is refused before it runs')
test.after.each(end)
test('each gets a clear error, and nothing runs', async () => {
  const s = await start(), sent: string[] = []
  for (const [name, status, code, send] of refused) {
    const a = await send(s)
    clear(name, a)
    assert.is(`${a.status} ${a.json.errors![0]!.extensions?.code}`, `${status} ${code}`, `${name}: ${a.text.slice(0, 300)}`)
    assert.is(s.ran(), 0, `${name}: a function ran`)
    sent.push(a.text)
  }
  assert.equal(s.logged, [])
  assert.not.match(sent.join('\n'), /did you mean/i)
  assert.is((await post(s.url, { query: '{ Page { edges { cursor } } }' })).text, '{"data":{"Page":{"edges":[]}}}')
})

test('development suggests names, shows the schema and what failed', async () => {
  const s = await start({ production: false })
  assert.match((await post(s.url, { query: '{ One(id: 1) { emial } }' })).text, /Did you mean \\"email\\"/)
  assert.match((await post(s.url, { query: find, variables: { f: { id: 'x', emial: 'y' } } })).text, /Did you mean \\"email\\"/)
  assert.ok((await post(s.url, { query: '{ __schema { types { name } } }' })).json.data)
  assert.match((await post(s.url, { query: '{ Broken(id: 1) { id } }' })).text, /the secret password is abc/)
})

test('names that objects have anyway are names like others', async () => {
  const s = await start(), a = await post(s.url, { query: '{ __proto__: One(id: "1") { id } constructor: One(id: "2") { id } hasOwnProperty: One(id: "3") { id } }' })
  assert.is(a.text, '{"data":{"__proto__":null,"constructor":null,"hasOwnProperty":null}}')
  assert.is((await post(s.url, `{"query":${JSON.stringify(one.replaceAll('$id', '$__proto__'))},"variables":{"__proto__":"x"}}`)).status, 200)
  assert.is(({} as { polluted?: unknown }).polluted, undefined)
})

test('what failed inside is masked in production, under an id that the log has', async () => {
  const s = await start()
  for (const [field, secret] of [['Broken', 'the secret password is abc'], ['Rate', 'the secret host 10.0.0.1 refuses']] as const) {
    const a = await post(s.url, { query: `{ ${field}(id: 1) { id } }` }), { message, extensions } = a.json.errors![0]!
    clear(field, a)
    assert.not.match(a.text, /secret/)
    assert.match(message, /the log has it under the error's id/)
    assert.is(s.logged.filter(l => l.level === 'error' && l.text.includes(extensions!.id!) && l.text.includes(secret)).length, 1)
  }
})
test.run()

/** Documents that are small to send and large to look at; none of them is worth a second. */
const doubling = (levels: number, body: (next: string) => string): string => `{ One(id: 1) { ...F0 } } ${list(levels, i => `fragment F${i} on Account { ${body(`...F${i + 1}`)} }`)} fragment F${levels} on Account { id }`
const bombs: { readonly [name: string]: string } = {
  'fragments that double': doubling(60, next => `${next} ${next}`),
  'fragments that double through objects': doubling(40, next => `peer { ${next} } peer { ${next} }`),
  'fragments that double through lists': doubling(40, next => `peers { ${next} } peers { ${next} }`),
  'fragments that double through inline fragments': doubling(40, next => `... { ${next} } ... on Account { ${next} }`),
  'fragments that double through aliases': doubling(30, next => `a: peer { ${next} } b: peer { ${next} }`),
  'fragments that double, ten levels, through aliases': doubling(10, next => `a: peer { ${next} } b: peer { ${next} }`),
  'fragments that double, ten levels, through objects': doubling(10, next => `peer { ${next} } peers { ${next} }`),
  'fragments that double, in reverse order': doubling(60, next => `${next} ${next}`).replace(/^(\{.*?\} \}) (.*)$/, '$2 $1'),
  'fragments that double, in several operations': `${list(8, i => `query Q${i} { One(id: ${i}) { ...F0 } }`)} ${doubling(40, next => `${next} ${next}`).slice(25)}`,
  'fragments that double, that nobody spreads': `${plainOne} ${doubling(40, next => `peer { ${next} } peer { ${next} }`).slice(25)}`,
  'a fragment in itself': '{ One(id: 1) { ...F } } fragment F on Account { ...F }',
  'a fragment in itself, below': '{ One(id: 1) { ...F } } fragment F on Account { peer { ...F } }',
  'a fragment in itself that would make aliases fewer': `{ ...F } fragment F on Query { ${'...F '.repeat(100)} ${list(90, i => `a${i}: __typename`)} }`,
  'two fragments in each other': '{ One(id: 1) { ...F } } fragment F on Account { peer { ...G } } fragment G on Account { ...F ...F }',
  'a ring of sixty': `{ One(id: 1) { ...F0 } } ${list(60, i => `fragment F${i} on Account { peer { ...F${(i + 1) % 60} } peers { ...F${(i + 7) % 60} } }`)}`,
  'a ring that nobody spreads': `${plainOne} fragment F on Account { peer { ...G } } fragment G on Account { peer { ...F } }`,
  'fragments each in all others': `{ One(id: 1) { ...F0 } } ${list(14, i => `fragment F${i} on Account { ${list(14, j => `...F${j}`)} }`)}`,
  '1,000 fragments': `{ One(id: 1) { id } } ${list(1_000, i => `fragment F${i} on Account { id }`)}`,
  '100 fragments side by side': `{ One(id: 1) { ${list(100, i => `...F${i}`)} } } ${list(100, i => `fragment F${i} on Account { id }`)}`,
  'one fragment 320 times': `{ One(id: 1) { ${'...F '.repeat(320)} } } fragment F on Account { id }`,
  'fragments that are not there': `{ One(id: 1) { ${list(160, i => `...F${i}`)} } }`,
  'directives inside fragments': doubling(6, next => `${next} @x @x ${next} @x`),
  'directives on fragments': `{ One(id: 1) { ...F } } fragment F on Account ${'@x '.repeat(60)} { id }`,
  'aliases inside fragments': `{ One(id: 1) { ${'...F ...F'} peer { ...F } } } fragment F on Account { ${list(8, i => `a${i}: id`)} }`,
  'aliases inside a fragment that is spread twice': '{ One(id: 1) { ...F peer { ...F } } } fragment F on Account { a: id b: id c: id d: id e: id f: id g: id h: id }',
  'one field 985 times': `{ One(id: 1) { ${'id '.repeat(985)} } }`,
  'one query 110 times': `{ ${'One(id: 1) { id } '.repeat(110)} }`,
  'one object 240 times': `{ One(id: 1) { ${'peer { id } '.repeat(240)} } }`,
  'one object in one, 140 times': `{ One(id: 1) { ${'peer { peer { id } } '.repeat(140)} } }`,
  'thirty objects of thirty fields': `{ One(id: 1) { ${`peer { ${'id '.repeat(29)} } `.repeat(30)} } }`,
  'inline fragments 240 times': `{ One(id: 1) { ${'... { id } '.repeat(240)} } }`,
  'one field under two names of two types': `{ ${list(60, i => `x: One(id: ${i}) { id }`)} }`,
  'inline fragments 300 deep': `{ One(id: 1) { ${'... { '.repeat(300)} emial ${'}'.repeat(300)} } }`,
  '240 variables that nobody uses': `query(${list(240, i => `$v${i}: ID`)}) { One(id: 1) { id } }`,
  'a page of a page': '{ Page(first: 100) { edges { node { peers { peers { peers { id email open } } } } } } }',
}

const bombed = suite('documents that are large to look at')
bombed.after.each(end)
for (const [name, text] of Object.entries(bombs)) bombed(name, async () => {
  const s = await start()
  await post(s.url, { query: plainOne })
  const ran = s.ran(), began = performance.now(), a = await post(s.url, { query: text }), ms = performance.now() - began
  clear(name, a)
  assert.is(s.ran(), ran, `${name}: a function ran`)
  assert.ok(ms < generous, `${name}: took ${ms} ms`)
})

bombed('what a client really asks stays below the limits', async () => {
  const s = await start(), fields = 'id email open', parts = list(12, i => `fragment Part${i} on Account { __typename id ${i % 2 ? 'email' : 'open'} peer { __typename id } }`)
  for (const text of [
    `query Everything($first: Int!) { Page(first: $first) { edges { cursor node { ${list(12, i => `...Part${i}`)} } } hasNextPage } One(id: 1) { ...Part0 peer { ...Part1 } } } ${parts}`,
    `{ ${list(15, i => `a${i}: One(id: ${i}) { ${fields} }`)} }`,
    `{ Page(first: 100) { edges { cursor node { ${fields} peer { ${fields} } } } } }`,
    '{ One(id: 1) { ...A } } fragment A on Account { ...B ...C } fragment B on Account { ...D } fragment C on Account { ...D } fragment D on Account { id }',
  ]) {
    const a = await post(s.url, { query: text, variables: { first: 20 } })
    assert.is(a.json.errors, undefined, a.text)
  }
})

bombed('documents are not kept beyond a bound, whatever their number and length', async () => {
  const s = await start()
  const send = async (n: number, text: (i: number) => string): Promise<void> => { for (let i = 0; i < n; i += 20) await Promise.all(Array.from({ length: 20 }, (_, j) => post(s.url, { query: text(i + j) }))) }
  const shapes: readonly ((i: number) => string)[] = [
    i => `{ One(id: ${i}) { id } }`, i => `{ One(id: ${i}) { id } } # ${'x'.repeat(100_000)}`, i => `{ One(id: "${i}${'x'.repeat(100_000)}") { id } }`,
    i => `{ One(id: ${i}) { ${'... { id } '.repeat(70)} } }`, i => `${i}${'x'.repeat(7_000)}`, i => `{ a${i}${'x'.repeat(7_000)} }`,
  ]
  for (const shape of shapes) await send(100, shape)
  const before = heap()
  for (const shape of shapes) await send(600, i => shape(i + 1_000))
  assert.ok(heap() - before < 40 * MB, `grew by ${(heap() - before) / MB} MB`)
})
bombed.run()

const wired = suite('bytes on a connection')
wired.after.each(end)
const good = '{"query":"{ One(id: 1) { id } }"}', opening = (email: string): string => JSON.stringify({ query: `mutation { Open(email: "${email}") { id } }` })

wired('a body of 257 KB without a length', async () => {
  const s = await start(), c = await wire(s.port)
  c.socket.write(`POST ${s.path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n`)
  for (let i = 0; i < 257; i++) c.socket.write(`400\r\n${' '.repeat(1024)}\r\n`)
  c.socket.write('0\r\n\r\n')
  await until('the answer', 5_000, () => /^HTTP\/1\.1 413 .*"too-large"/s.test(c.text()))
  c.socket.write(raw(s.path, good))
  await until('an answer on the same connection', 5_000, () => /"One":null/.test(c.text()))
  c.socket.destroy()
})

wired('a body of 100 MB is answered at once, is not held, and the connection ends', async () => {
  const s = await start(), chunk = Buffer.alloc(64 * 1024, ' ')
  for (const head of ['transfer-encoding: chunked', `content-length: ${100 * MB}`]) {
    const c = await wire(s.port), before = heap(), chunked = head.startsWith('transfer')
    c.socket.write(`POST ${s.path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n${head}\r\n\r\n`)
    let sent = 0, peak = 0
    while (sent < 100 * MB && !c.ended()) {
      if (chunked) c.socket.write('10000\r\n')
      const room = c.socket.write(chunk)
      if (chunked) c.socket.write('\r\n')
      sent += chunk.length
      if (!room) await Promise.race([once(c.socket, 'drain').catch(() => {}), until('the end', 5_000, c.ended)])
      if (sent % (8 * MB) === 0) peak = Math.max(peak, heap() - before)
    }
    await until('the end', 5_000, c.ended)
    assert.match(c.text(), /^HTTP\/1\.1 413 .*"too-large"/s)
    assert.ok(sent < 50 * MB, `${sent} bytes went through`)
    assert.ok(peak < 10 * MB, `the heap grew by ${peak} bytes`)
  }
  assert.is(s.ran(), 0)
})

wired('a request that comes in slowly: 408, and the connection ends', async () => {
  const s = await start({ limits: { request: 300 } }), c = await wire(s.port), half = raw(s.path, good).slice(0, -5)
  c.socket.write(half)
  await until('408', 5_000, () => /^HTTP\/1\.1 408 .*"timeout"/s.test(c.text()))
  await until('the end', 5_000, c.ended)
})

wired('drop by drop is slow too', async () => {
  const s = await start({ limits: { request: 300 } }), c = await wire(s.port), text = raw(s.path, ' '.repeat(100_000))
  let i = 0
  await until('the end', 5_000, () => { if (!c.ended()) c.socket.write(text[i++]!); return c.ended() })
  assert.match(c.text(), /^HTTP\/1\.1 408 .*"timeout"/s)
})

wired('headers that come in slowly: 408, and the connection ends', async () => {
  const s = await start({ limits: { headers: 200, request: 500 } }), c = await wire(s.port)
  c.socket.write(`POST ${s.path} HTTP/1.1\r\nhost: x\r\n`)
  await until('408', 5_000, () => /^HTTP\/1\.1 408 .*"timeout"/s.test(c.text()))
  await until('the end', 5_000, c.ended)
})

const once400 = async (s: Served, bytes: string, status = 400): Promise<string> => {
  const c = await wire(s.port)
  c.socket.write(bytes)
  await until(`${status} to ${JSON.stringify(bytes.slice(0, 200))}`, 5_000, () => new RegExp(`^HTTP/1\\.1 ${status} .*"errors":\\[\\{.*\\}\\]\\}`, 's').test(c.text()))
  c.socket.destroy()
  return c.text()
}
wired('what is no request', async () => {
  const s = await start(), head = `POST ${s.path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n`
  for (const bytes of [
    'hello\r\n\r\n', '\x16\x03\x01\x02\x00\x01\x00', `${head}content-length: -1\r\n\r\n`, `${head}content-length: x\r\n\r\n`, `${head}content-length: 5\r\ncontent-length: 6\r\n\r\nhello!`,
    `${head}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`, `${head}transfer-encoding: chunked\r\n\r\nzz\r\n`, `POST ${s.path} HTTP/9.9\r\n\r\n`, `GET ${s.path}\x01 HTTP/1.1\r\nhost: x\r\n\r\n`,
    raw(s.path, good, ['idempotency-key: a\x01b']), raw(s.path, good, ['idempotency-key: a\0b']), raw(s.path, good, ['idempotency-key: a', 'idempotency-key: b']), raw(s.path, good, ['idempotency-key: caf\xe9']),
  ]) assert.not.match(await once400(s, bytes), / at .*\.js/)
  assert.is(s.ran(), 0)
})

wired('a header of 1 MB', async () => {
  const s = await start()
  await once400(s, raw(s.path, good, [`x-large: ${'x'.repeat(MB)}`]), 431)
  await once400(s, `GET ${s.path}?query=${'x'.repeat(MB)} HTTP/1.1\r\nhost: x\r\n\r\n`, 431)
  assert.is((await post(s.url, { query: plainOne })).status, 200)
})

wired('a length that lies', async () => {
  const s = await start({ limits: { request: 300 } }), short = await wire(s.port), long = await wire(s.port)
  short.socket.write(raw(s.path, good).replace(/content-length: \d+/, 'content-length: 10'))
  await until('400', 5_000, () => /^HTTP\/1\.1 400 .*"invalid"/s.test(short.text()))
  long.socket.write(raw(s.path, opening(emailOf('long'))).replace(/content-length: \d+/, 'content-length: 500'))
  await until('408', 5_000, () => long.text().startsWith('HTTP/1.1 408 '))
  await until('the end of both', 5_000, () => short.ended() && long.ended())
  assert.is(s.ran(), 0)
})

wired('a thousand requests in a row on one connection, answered in order', async () => {
  const s = await start(), c = await wire(s.port), n = 1_000
  c.socket.write(list(n, i => raw(s.path, i % 2 === 0 ? JSON.stringify({ query: `{ One(id: 1) { id } Find(filter: { id: "${i}" }) { id } }` }) : opening('none')), ''))
  const answers = await until('the answers', 20_000, () => { const found = c.text().split('HTTP/1.1 200 OK').slice(1); return found.length === n && found.at(-1)!.includes('"invalid"') && found })
  assert.ok(answers.every((a, i) => a.includes(i % 2 === 0 ? '"Find":null' : '"invalid"')))
  c.socket.destroy()
})

wired('requests beyond those that a process holds are refused at once, on one connection or on many', async () => {
  const waiting: (() => void)[] = [], s = await start({ limits: { requests: 10 }, gate: () => TE.fromTask(() => new Promise<boolean>(resolve => { waiting.push(() => resolve(true)) })) })
  const c = await wire(s.port), wait = (i: number): string => raw(s.path, JSON.stringify({ query: `mutation { Wait(email: "${emailOf(`w${i}`)}") { id } }` }))
  c.socket.write(list(500, wait, ''))
  await until('the first', 5_000, () => waiting.length > 0)
  const a = await until('busy', 5_000, async () => { const found = await post(s.url, { query: plainOne }); return found.status === 503 && found })
  assert.is(a.json.errors![0]!.extensions?.code, 'busy')
  assert.is((await ask(new URL('/health/live', s.url).href, {})).status, 200)
  await until('all answers', 10_000, () => { for (const go of waiting.splice(0)) go(); return c.text().split('HTTP/1.1 ').length === 501 })
  assert.ok(c.text().split('HTTP/1.1 503 ').length > 100)
  assert.is((await post(s.url, { query: plainOne })).status, 200)
  c.socket.destroy()
})

wired('a bad request behind a stream does not write into it', async () => {
  const s = await start(), c = await wire(s.port)
  c.socket.write(subscribing(s.path))
  await until('the stream', 5_000, () => c.text().includes('text/event-stream'))
  c.socket.write('hello\r\n\r\n')
  await until('the end', 5_000, c.ended)
  assert.not.match(c.text(), /HTTP\/1\.1 400/)
})

wired('streams: an unknown event is an error, a mutation is answered once', async () => {
  const s = await start(), email = emailOf('sse'), stream = { accept: 'text/event-stream' }
  const unknown = await post(s.url, { query: 'subscription { Nope { id } }' }, stream), mutation = await post(s.url, opening(email), stream)
  assert.match(unknown.text, /event: next\ndata: \{"errors":\[\{"message":"Cannot query field \\"Nope\\" on type \\"Subscription\\"\.".*event: complete/s)
  assert.match(mutation.text, /event: next\ndata: \{"data":\{"Open":\{"id":"[-\w]+"\}\}\}\n\nevent: complete/)
  assert.is((await post(s.url, opening(email))).json.errors![0]!.extensions?.code, 'open-already')
})
wired.run()

const any = suite('whatever comes')
any.after.each(end)
/** Words that mean something here, mixed with those that mean nothing. */
const word = fc.constantFrom('query', 'variables', 'operationName', 'extensions', '__proto__', 'constructor', 'mutation { Open(email: "x") { id } }', plainOne, one, find, paged, '{ Page { hasNextPage } }', 'subscription { Opened { id } }')
const json = fc.letrec<{ value: unknown }>(tie => ({
  value: fc.oneof({ maxDepth: 4 }, word, fc.string({ unit: 'binary' }), fc.double(), fc.integer(), fc.constant(null), fc.boolean(), fc.array(tie('value'), { maxLength: 4 }), fc.dictionary(fc.oneof(word, fc.string()), tie('value'), { maxKeys: 5 })),
})).value
const requests = fc.oneof(json, fc.record({ query: fc.oneof(word, fc.string()), variables: fc.oneof(fc.record({ id: json, f: json, n: json }), json), operationName: json, extensions: json }, { requiredKeys: ['query'] }), fc.record({ query: word, variables: fc.record({ id: json, f: fc.oneof(json, fc.record({ id: json, email: json })), n: json }) }))
const accepts = fc.constantFrom<{ [name: string]: string }>({}, { accept: 'application/json' }, { accept: 'application/graphql-response+json' }, { accept: 'application/json, text/plain, */*' }, { accept: 'nonsense' })

any('any JSON is answered, never by 500', async () => {
  const s = await start()
  await fc.assert(fc.asyncProperty(requests, accepts, async (value, headers) => {
    const a = await post(s.url, JSON.stringify(value) ?? '', headers)
    if (a.status >= 500 || (a.json.data === undefined && a.json.errors === undefined)) throw new Error(`${a.status} ${a.text}`)
  }), { numRuns: 400 })
  assert.equal(s.logged, [])
})

any('any bytes are answered, never by 500', async () => {
  const s = await start()
  await fc.assert(fc.asyncProperty(fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.string().map(text => Buffer.from(`{"query":"{ One(id: \\"${text}\\") { id } }"}`))), accepts, async (bytes, headers) => {
    const a = await post(s.url, new Uint8Array(bytes), headers)
    if (a.status >= 500 || (a.json.data === undefined && a.json.errors === undefined)) throw new Error(`${a.status} ${a.text}`)
  }), { numRuns: 300 })
})

any('any bytes on a connection leave the server serving', async () => {
  const s = await start()
  await fc.assert(fc.asyncProperty(fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.tuple(fc.nat(200), fc.uint8Array({ maxLength: 20 })).map(([at, bytes]) => Buffer.concat([Buffer.from(raw(s.path, good).slice(0, at)), bytes]))), async bytes => {
    const c = await wire(s.port)
    await new Promise<void>(resolve => { c.socket.write(bytes, () => resolve()) })
    c.socket.destroy()
  }), { numRuns: 200 })
  assert.is((await post(s.url, good)).status, 200)
  assert.equal(s.logged, [])
})
any.run()

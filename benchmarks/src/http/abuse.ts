import { randomUUID } from 'node:crypto'
import { Agent, request } from 'node:http'
import { type Benchmark, type Figure, figure, median } from '../figure.js'
import { child } from './child.js'

const list = (n: number, of: (i: number) => string): string => Array.from({ length: n }, (_, i) => of(i)).join(' ')
const one = 'Customer(id: 1)', query = (text: string, variables?: object): string => JSON.stringify({ query: `${text} # ${randomUUID()}`, variables }) // so that no cache knows it
const paged = 'query($n: Int!) { Customers(first: $n) { pageInfo { hasNextPage } } }', find = 'query($id: ID!) { Customer(id: $id) { id } }'
const page = (inside: string): string => `{ Customers(first: 1) { edges { ${inside} } } }`

/** Bodies that cost their sender little. Each is answered with an error. */
const attacks: { readonly [name: string]: () => string } = {
  'broken-json': () => '{"query":',
  'invalid-email': () => query('mutation { InviteCustomer(email: "ada") { id } }'),
  'unknown-fields': () => query(`{ ${one} { ${list(900, i => `f${i}`)} } }`),
  'deep-variables': () => `{"query":${JSON.stringify(find)},"variables":{"id":${'['.repeat(100_000)}${']'.repeat(100_000)}}}`,
  'deep-query': () => query(`{ ${one} ${'{ peer '.repeat(10_000)}`),
  'aliases': () => query(`{ ${list(300, i => `a${i}: __typename`)} }`),
  'mutations': () => query(`mutation { ${list(1_000, i => `a${i}: InviteCustomer(email: "a${i}@example.org") { id }`)} }`),
  'directives': () => query(`{ ${one} { id ${'@x '.repeat(480)} } }`),
  'fragments': () => query(`{ ${one} { ...F0 } } ${list(60, i => `fragment F${i} on Customer { ...F${i + 1} ...F${i + 1} }`)} fragment F60 on Customer { id }`),
  'fragments-unused': () => query(`{ ${one} { id } } ${list(90, i => `fragment F${i} on Customer { ...F${(i + 1) % 90} }`)}`),
  'overlapping-fields': () => query(`{ ${one} { ${'id '.repeat(980)} } }`),
  'overlapping-objects': () => query(page('node { id } '.repeat(230))),
  'variables-unused': () => query(`query(${list(240, i => `$v${i}: ID`)}) { ${one} { id } }`),
  'digits': () => `{"query":${JSON.stringify(paged)},"variables":{"n":${'9'.repeat(250_000)}}}`,
  'digits-in-document': () => query(`{ Customers(first: ${'9'.repeat(250_000)}) { pageInfo { hasNextPage } } }`),
  'long-word': () => query('x'.repeat(250_000)),
  'long-field': () => query(`{ ${'x'.repeat(250_000)} }`),
  'million-page': () => query(paged, { n: 1_000_000 }),
  'large-body': () => ' '.repeat(1024 * 1024),
}

/** Milliseconds from the first byte sent to the last one received. */
const post = (agent: Agent, url: string, body: string): Promise<{ readonly ms: number; readonly status: number; readonly text: string }> => new Promise((resolve, reject) => {
  const began = performance.now()
  request(url, { agent, method: 'POST', headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) } }, response => {
    let text = ''
    response.setEncoding('utf8').on('data', part => { text += String(part) }).on('end', () => resolve({ ms: performance.now() - began, status: response.statusCode ?? 0, text })).on('error', reject)
  }).on('error', reject).end(body)
})
const nameOf = (attack: string): string => `abuse/${attack}`

/** How long an attack keeps the front busy, beside a good mutation. We want less than 50 ms of each. */
export const abuse: Benchmark = {
  names: () => Object.keys(attacks).map(nameOf),
  run: async function* (effort, wanted): AsyncGenerator<Figure> {
    const server = child('abuse.child.js'), agent = new Agent({ keepAlive: true, maxSockets: 1 })
    try {
      const url = await server.ask<string>('url')
      const good = async (): Promise<number> => {
        const { ms, text } = await post(agent, url, query(`mutation { InviteCustomer(email: "ada-${randomUUID()}@example.org") { id email } }`))
        if (!text.startsWith('{"data":{"InviteCustomer":{"id":')) throw new Error(`a good mutation was answered ${text}`)
        return ms
      }
      const bad = async (name: string, body: string): Promise<number> => {
        const { ms, status, text } = await post(agent, url, body)
        if (status >= 500 || !text.startsWith('{"errors":[')) throw new Error(`the attack '${name}' was answered ${status} ${text.slice(0, 300)}`)
        return ms
      }
      for (let i = 0; i < effort.ahead / 10; i++) await good()
      for (const [name, body] of Object.entries(attacks)) {
        if (!wanted.has(nameOf(name))) continue
        const pairs: [number, number][] = []
        for (let i = -effort.warmUp; i < effort.rounds; i++) {
          const pair: [number, number] = [await bad(name, body()), await good()]
          if (i >= 0) pairs.push(pair)
        }
        yield figure(nameOf(name), 'ms', pairs, { atMost: Math.round(500 / median(pairs.map(p => p[1]))) / 10 })
      }
    } finally {
      agent.destroy()
      await server.close()
    }
  },
}

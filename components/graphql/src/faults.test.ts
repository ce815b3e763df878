import { accept, bool, channel, command, commandHandler, decimal, event, int, optional, projector, query, resolver, table, text } from '@lowtide/core'
import * as O from 'fp-ts/lib/Option.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { z } from 'zod'
import { graphql } from './graphql.js'
import type { Options } from './options.js'

const commands = channel('commands'), events = channel('events')
const Open = command('Open', { channel: commands, key: d => d.name, schema: z.object({ name: z.string(), kind: z.enum(['small', 'large']), limit: z.int().nullish(), tags: z.array(z.string()) }) })
const Close = command('Close', { channel: commands, key: d => d.id, schema: z.object({ id: z.string() }) })
const Opened = event('Opened', { channel: events, key: d => d.accountId, schema: z.object({ accountId: z.string(), name: z.string() }) })
const accounts = table('accounts', { columns: { id: text, name: text }, key: 'id' })
const views = table('views', { columns: { id: text, name: text, note: optional(text), amount: decimal, count: int, open: bool }, key: 'id', indexes: ['open'] })
const open = commandHandler({
  meta: { name: 'open', in: Open, out: [Opened], uses: [accounts] },
  operate: (ctx, { data }) => accept(Opened({ accountId: ctx.id('account'), name: data.name })),
  write: { Opened: ({ data }) => [accounts.insert({ id: data.accountId, name: data.name })] },
})
const close = commandHandler({ meta: { name: 'close', in: Close }, operate: () => accept() })
const view = projector({ meta: { name: 'view', in: [Opened], uses: [views] }, write: { Opened: ({ data }) => [views.put({ id: data.accountId, name: data.name, note: null, amount: '0', count: 0, open: true })] } })
const opened = resolver({ meta: { of: Open, from: [Opened], after: view, uses: [views] }, lookup: ({ Opened: [e] }) => ({ account: views.get(e.data.accountId) }), answer: ({ account }) => account })
const account = query({ meta: { name: 'Account', args: z.object({ id: z.string() }), uses: [views] }, lookup: ({ id }) => ({ account: views.get(id) }), answer: ({ account }) => account })
const list = query({ meta: { name: 'Accounts', args: z.object({ first: z.int() }), uses: [views] }, lookup: ({ first }) => ({ rows: views.where({ open: true }, { limit: first }) }), answer: ({ rows }) => ({ edges: rows.map(node => ({ node })), total: O.some(rows.length) }) })
const functions = [open, close, view, opened, account, list]

const types = 'enum Kind { small large } type Account { id: ID! name: String! note: String amount: String! count: Int! open: Boolean! }'
const good = {
  mutation: 'type Mutation { Open(name: String!, kind: Kind!, limit: Int, tags: [String!]!): Account Close(id: ID!): Closed } type Closed { commandId: ID! }',
  query: 'type Query { Account(id: ID!): Account Accounts(first: Int! = 20): Page! } type Page { edges: [Edge!]! total: Int } type Edge { node: Account! }',
  subscription: 'type Subscription { Opened: OpenedEvent! } type OpenedEvent { id: ID! @from(field: "accountId") name: String! }',
}
const faults = (parts: Partial<typeof good> & { types?: string } = {}, o: Partial<Options> = {}): readonly string[] => {
  const { mutation, query: queries, subscription, types: shared } = { ...good, types, ...parts }
  return graphql({ typeDefs: [shared, mutation, queries, subscription], ...o }).faults(functions)
}
const test = suite('faults of a GraphQL front')

test('what fits is served', () => assert.equal(faults(), []))

test('a mutation without a command, a query and a subscription without theirs, each with the nearest name', () => assert.equal(faults({
  mutation: 'type Mutation { Opne(name: String!): Account }', query: 'type Query { Acount(id: ID!): Account }', subscription: 'type Subscription { Opend: Account }',
}), [
  "graphql: Mutation.Opne has no command of its name; nearest: 'Open'; known: Close, Open",
  "graphql: Query.Acount has no query of its name; nearest: 'Account'; known: Account, Accounts",
  "graphql: Subscription.Opend has no event of its name; nearest: 'Opened'; known: Opened",
]))

test('arguments that do not fit their schema', () => assert.equal(faults({
  mutation: 'enum Size { small huge } input Tags { tag: String } type Mutation { Open(nam: String!, kind: Size!, limit: String, tags: Tags!): Account Close(id: ID): Closed } type Closed { commandId: ID! }',
  query: 'type Query { Account(id: Int!): Account Accounts(first: Int, after: String): Page! } type Page { total: Int }',
}), [
  "graphql: Mutation.Open.nam is not in the schema; nearest: 'name'; known: kind, limit, name, tags",
  "graphql: Mutation.Open.kind may be huge, which its schema refuses; nearest: 'large'; known: large, small",
  'graphql: Mutation.Open.limit is String, its schema takes integer or null',
  'graphql: Mutation.Open.tags is an object (Tags!), its schema takes array',
  'graphql: Mutation.Open.name is required by the schema, and is not among the arguments',
  'graphql: Mutation.Close.id may be null (ID), which its schema refuses; write ID!, or let the schema take null',
  'graphql: Mutation.Close.id may be left out (ID), its schema requires it',
  'graphql: Query.Account.id is Int!, its schema takes string',
  'graphql: Query.Accounts.first may be null (Int), which its schema refuses; write Int!, or let the schema take null',
  'graphql: Query.Accounts.first may be left out (Int), its schema requires it',
  "graphql: Query.Accounts.after is not in the schema; nearest: 'first'; known: first",
]))

test('fields that no answer can fill, or fills with something else', () => assert.equal(faults({
  types: 'enum Kind { small large } type Account { id: ID! nam: String! note: String! amount: Account count: Boolean! open: [Boolean!] }',
  query: 'type Query { Account(id: ID!): Account! Accounts(first: Int!): Page } type Page { edges: [Edge!]! total: Int! nodes: [Account!]! } type Edge { node: Account!  cursor: String! @from(field: "key") }',
  subscription: 'type Subscription { Opened: OpenedEvent! } type OpenedEvent { id: ID! name: String! }',
}).filter(f => !f.includes('edges[].node.')), [
  "graphql: Mutation.Open.nam can be filled by no answer; nearest: 'name'; known: amount, count, id, name, note, open; @from(field: \"…\") takes it from a field of another name",
  "graphql: Mutation.Open.note is String!, and the answer is null where an optional column is null; write it without '!'",
  'graphql: Mutation.Open.amount is an object (Account), the answer has a string',
  'graphql: Mutation.Open.open is a list ([Boolean!]), the answer has a boolean',
  "graphql: Query.Account is Account!, and the answer is null where there is no row; write it without '!'",
  "graphql: Query.Account.nam can be filled by no answer; nearest: 'name'; known: amount, count, id, name, note, open; @from(field: \"…\") takes it from a field of another name",
  "graphql: Query.Account.note is String!, and the answer is null where an optional column is null; write it without '!'",
  'graphql: Query.Account.amount is an object (Account), the answer has a string',
  'graphql: Query.Account.open is a list ([Boolean!]), the answer has a boolean',
  "graphql: Query.Accounts.edges[].cursor can be filled by no answer (it takes 'key'); nearest: 'node'; known: node; @from(field: \"…\") takes it from a field of another name",
  "graphql: Query.Accounts.nodes can be filled by no answer; nearest: 'edges'; known: edges, total; @from(field: \"…\") takes it from a field of another name",
  "graphql: Subscription.Opened.id can be filled by no answer; nearest: 'name'; known: accountId, name; @from(field: \"…\") takes it from a field of another name",
]))

test('a mutation that its resolver may leave without an answer is never null only by mistake', () => assert.equal(faults({
  mutation: 'type Mutation { Open(name: String!, kind: Kind!, limit: Int, tags: [String!]!): Account! Close(id: ID!): Account }',
}), [
  "graphql: Mutation.Open is Account!, and the answer is null where there is no row; write it without '!'",
  ...['id', 'name', 'note', 'amount', 'count', 'open'].map(f => `graphql: Mutation.Close.${f} can be filled by no answer; nearest: 'commandId'; known: commandId; @from(field: "…") takes it from a field of another name (the command 'Close' has no resolver, so all it answers is { commandId })`),
]))

test('what is no schema, no port, no path', () => {
  assert.match(faults({ types: 'type {' })[0]!, /^graphql: the type definitions are no schema: Syntax Error/)
  assert.match(faults({ query: '' }).join(), /Query root type must be provided/)
  assert.equal(faults({}, { port: 'abc', path: 'graphql' }), ["graphql: port: expected a whole number from 0 to 65535, found 'abc'", "graphql: path: expected a path that begins with '/', found 'graphql'"])
  assert.match(faults({ subscription: 'type Subscription { Opened(id: ID!): ID! }' }).join('\n'), /takes arguments \(id\).*\n.*expected an object type/)
})

test('schemas that do not tell themselves are not guessed at', () => {
  const mute = { ...account, args: { '~standard': { version: 1 as const, vendor: 'own', validate: (value: unknown) => ({ value }) } } }
  assert.equal(graphql({ typeDefs: 'type Query { Account(anything: Int): Account } type Account { id: ID! }' }).faults([mute, view, open]), [])
})

test.run()

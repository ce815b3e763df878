import { spec } from '@lowtide/testing'
import * as O from 'fp-ts/lib/Option.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { customer, customersPage } from './queries.js'
import { customerViews } from './tables.js'

const test = suite('Customer')
const view = { id: 'c1', email: 'ann@example.org', invited: true }

test('finds a customer by id', () => spec(customer, { given: [customerViews.put(view)], when: { id: 'c1' }, then: O.some(view) }))

test('finds nobody under another id', () => spec(customer, { given: [customerViews.put(view)], when: { id: 'c2' }, then: O.none }))

test.run()

const paging = suite('Customers')
const idAt = (n: number) => `0000000${n}-0000-8000-8000-000000000000`
const five = [3, 1, 5, 2, 4].map(n => ({ id: idAt(n), email: `c${n}@example.org`, invited: true }))
const given = five.map(customerViews.put), sorted = five.toSorted((a, b) => a.id < b.id ? -1 : 1)
const page = (rows: typeof five, hasNextPage: boolean) => ({ edges: rows.map(node => ({ node, cursor: node.id })), pageInfo: { hasNextPage, endCursor: rows.at(-1)?.id ?? null } })

paging('gives the first customers, and says that there are more', () => spec(customersPage, { given, when: { first: 2 }, then: page(sorted.slice(0, 2), true) }))

paging('goes on behind a cursor', () => spec(customersPage, { given, when: { first: 2, after: idAt(2) }, then: page(sorted.slice(2, 4), true) }))

paging('knows the last page, full or not', () => {
  spec(customersPage, { given, when: { first: 2, after: idAt(3) }, then: page(sorted.slice(3), false) })
  spec(customersPage, { given, when: { first: 2, after: idAt(4) }, then: page(sorted.slice(4), false) })
  spec(customersPage, { given, when: { first: 5, after: null }, then: page(sorted, false) })
})

paging('is empty behind the last one', () => spec(customersPage, { given, when: { first: 2, after: idAt(5) }, then: page([], false) }))

paging('takes no page of none, of a million, and no cursor that is none', () => {
  for (const args of [{ first: 0 }, { first: -1 }, { first: 1_000_000 }, { first: 1.5 }, { first: 2, after: 'x' }]) assert.throws(() => spec(customersPage, { when: args, then: page([], false) }), /the arguments do not fit/)
})

paging.run()

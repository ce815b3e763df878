import { spec } from '@lowtide/testing'
import * as O from 'fp-ts/lib/Option.js'
import { suite } from 'uvu'
import { customer } from './queries.js'
import { customerViews } from './tables.js'

const test = suite('Customer')
const view = { id: 'c1', email: 'ann@example.org', invited: true }

test('finds a customer by id', () => spec(customer, { given: [customerViews.put(view)], when: { id: 'c1' }, then: O.some(view) }))

test('finds nobody under another id', () => spec(customer, { given: [customerViews.put(view)], when: { id: 'c2' }, then: O.none }))

test.run()

import type { Check, Unit, Write } from '@lowtide/core'
import { table, text, optional } from '@lowtide/core'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { shapeOf } from './shape.js'
import { caution, unindexed } from './trust.js'

const test = suite('what is left to the indexes')
const people = table('people', { columns: { id: text, email: text, nick: optional(text) }, key: 'id', unique: ['email', 'nick'] }), shape = shapeOf(people, 'people')
const free = (index: number, columns: Check['columns']): Check => ({ key: '', table: 'people', at: '', columns, index } as Check)
const unit = (checks: readonly Check[], op: Write['op'], row: object): Unit => ({ checks, writes: [{ key: '', table: 'people', at: '', columns: {}, op, row } as unknown as Write], emits: [], marks: [], parks: [], unparks: [], checkpoints: [] })
const left = (checks: readonly Check[], op: Write['op'], row: object): readonly Check[] => unindexed(unit(checks, op, row), () => shape)
const ann = { id: 'a', email: 'ann@example.org', nick: null }

test('a value that a row is inserted with is checked by its index', () => assert.equal(left([free(0, { email: ann.email })], 'insert', ann), []))
test('one that nobody inserts is checked, and one of another index', () => {
  const checks = [free(0, { email: 'bob@example.org' }), free(1, { nick: ann.email })]
  assert.equal(left(checks, 'insert', ann), checks)
})
test('an update may leave the index alone, so its value is checked', () => {
  const checks = [free(0, { email: ann.email })]
  assert.equal(left(checks, 'update', ann), checks)
})
test("a row without a value has not the value 'null'", () => {
  const checks = [free(1, { nick: 'null' })]
  assert.equal(left(checks, 'insert', ann), checks)
})
test('rows are checked at their version', () => {
  const read = { key: '', table: 'people', at: '', columns: { id: 'b' }, version: '7' } as unknown as Check
  assert.equal(left([read, free(0, { email: ann.email })], 'insert', ann), [read])
})
test('after a loss a hundred units are checked in full', () => {
  const { trusts, lost } = caution()
  assert.ok(trusts())
  lost()
  assert.is(Array.from({ length: 101 }, trusts).indexOf(true), 100)
})

test.run()

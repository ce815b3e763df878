import { type AnyTable, decimal, int, json, optional, table, text } from '@lowtide/core'
import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { z } from 'zod'
import { constraintsByName, misshapen } from './declared.js'
import { constraintName, longestName } from './names.js'

const id = { columns: { id: text }, key: 'id' } as const
const wrong: readonly (readonly [string, readonly AnyTable[], string])[] = [
  ['a name of ours', [table('lowtide_log', id)], `table 'lowtide_log' has a name that begins with 'lowtide_'`],
  ['our column', [table('t', { columns: { id: text, lowtide_version: int }, key: 'id' })], `has a column 'lowtide_version', which Lowtide adds itself`],
  ['a name too long', [table('ü'.repeat(32), id)], 'expected 1 to 63 bytes'],
  ['a column name too long', [table('t', { columns: { id: text, ['x'.repeat(64)]: text }, key: 'id' })], 'expected 1 to 63 bytes'],
  ['an empty name', [table('', id)], 'expected 1 to 63 bytes'],
  ['a key of json', [table('t', { columns: { id: json(z.string()) }, key: 'id' })], `has the json column 'id' in its key`],
  ['a unique decimal', [table('t', { columns: { id: text, price: decimal }, key: 'id', unique: ['price'] })], `has the decimal column 'price' in its unique`],
  ['a reference to nothing', [table('t', { columns: { id: text, owner: text }, key: 'id', references: { owner: { name: 'ghosts' } } })], `refers by 'owner' to table 'ghosts', which is neither declared here nor in the database`],
  ['a reference to several columns', [table('pair', { columns: { a: text, b: text }, key: ['a', 'b'] }), table('t', { columns: { id: text, to: optional(json(z.object({ a: z.string(), b: z.string() }))) }, key: 'id', references: { to: { name: 'pair' } } })], 'whose key is a+b: a foreign key of Postgres needs a column for each'],
  ['a reference of another kind', [table('n', { columns: { id: int }, key: 'id' }), table('t', { columns: { id: text, to: text }, key: 'id', references: { to: { name: 'n' } } })], `refers by 'to' (text) to 'n.id' (int); expected one kind`],
  ['one name for two things', [table('t', { columns: { id: text, email: text }, key: 'id', unique: ['email'] }), table('t.email', id)], `would both be named 't.email' in the database`],
]
for (const [what, tables, message] of wrong) test(`${what} cannot be held, and the message says what to do`, () => assert.match(misshapen(tables).join('\n'), message))

test('every constraint has its own name, and is found by it', () => {
  const person = table('person', { columns: { id: text, twin: optional(text) }, key: 'id', unique: ['twin'], references: { twin: 'self' } })
  assert.equal([...constraintsByName(person)].map(([name, { kind }]) => `${kind} ${name}`), ['key person key', 'unique person.twin', 'reference person.twin (reference)'])
})
test('long names are cut, stay apart and stay the same', () => fc.assert(fc.property(fc.string({ unit: 'grapheme', minLength: 30, maxLength: 90 }), fc.string({ unit: 'grapheme', minLength: 30, maxLength: 90 }), (a, b) => {
  const [x, y] = [constraintName('t', a), constraintName('t', b)]
  assert.ok(Buffer.byteLength(x) <= longestName && x.isWellFormed() === a.isWellFormed())
  assert.is(x === y, a === b)
  assert.is(x, constraintName('t', a))
})))

test.run()

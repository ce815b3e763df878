import { int, json, noRows, nothing, optional, port, table, text } from '@lowtide/core'
import * as O from 'fp-ts/lib/Option.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { z } from 'zod'
import { model } from './model.js'

const customers = table('customers', { columns: { id: text, email: text, nick: optional(text) }, key: 'id', unique: ['email', 'nick'] })
const accounts = table('accounts', {
  columns: { bank: text, no: int, owner: optional(text), parent: optional(text), balance: int, note: optional(text) },
  key: ['bank', 'no'], unique: [['owner', 'note']], indexes: ['bank', ['owner', 'balance']], references: { owner: customers },
})
const folders = table('folders', { columns: { id: text, parent: optional(text) }, key: 'id', references: { parent: 'self' } })
const ann = { id: 'c1', email: 'ann@example.org', nick: null }
const bob = { id: 'c2', email: 'bob@example.org', nick: null }
const account = (no: number, more: Partial<{ bank: string; owner: string | null; balance: number; note: string | null }> = {}) =>
  ({ bank: 'b', no, owner: null, parent: null, balance: 0, note: null, ...more })

const changing = suite('changes')

changing('insert: the row must not exist', () => {
  const rows = model([customers])
  assert.is(rows.apply(customers.insert(ann)), undefined)
  assert.is(rows.apply(customers.insert({ ...bob, id: ann.id })), 'customers.id')
  assert.equal(rows.rows(), { customers: [ann] })
})

changing('insert: a key of several columns is named by all of them', () => {
  const rows = model([accounts])
  rows.apply(accounts.insert(account(1)))
  assert.is(rows.apply(accounts.insert(account(1))), 'accounts.bank+no')
  assert.is(rows.apply(accounts.insert(account(1, { bank: 'other' }))), undefined)
})

changing('put: replaces the row, or makes it', () => {
  const rows = model([customers])
  rows.apply(customers.put(ann))
  rows.apply(customers.put({ ...ann, email: 'new@example.org' }))
  assert.equal(rows.rows(), { customers: [{ ...ann, email: 'new@example.org' }] })
})

changing('update: changes some columns; nothing where the row is absent, or where it differs from `when`', () => {
  const rows = model([accounts])
  rows.apply(accounts.insert(account(1, { balance: 10 })))
  rows.apply(accounts.update({ bank: 'b', no: 1 }, { note: 'x' }))
  rows.apply(accounts.update({ bank: 'b', no: 2 }, { note: 'y' }))
  rows.apply(accounts.update({ bank: 'b', no: 1 }, { note: 'z' }, { when: { balance: 11 } }))
  rows.apply(accounts.update({ bank: 'b', no: 1 }, { owner: 'c1' }, { when: { owner: null, balance: 10 } }))
  assert.equal(rows.rows(), { accounts: [account(1, { balance: 10, note: 'x', owner: 'c1' })] })
})

changing('increment: adds; nothing where the row is absent; never beyond 2^53', () => {
  const rows = model([accounts]), one = { bank: 'b', no: 1 }
  rows.apply(accounts.insert(account(1, { balance: 10 })))
  rows.apply(accounts.increment(one, { balance: -15 }))
  rows.apply(accounts.increment({ bank: 'b', no: 2 }, { balance: 1 }))
  assert.equal(rows.rows(), { accounts: [account(1, { balance: -5 })] })
  assert.is(rows.apply(accounts.increment(one, { balance: Number.MIN_SAFE_INTEGER })), 'accounts.balance within 2^53')
  assert.equal(rows.rows(), { accounts: [account(1, { balance: -5 })] })
})

changing('remove: nothing where the row is absent', () => {
  const rows = model([customers])
  rows.run([customers.insert(ann), customers.remove('c1'), customers.remove('c1')])
  assert.equal(rows.rows(), { customers: [] })
})

changing('a unique index holds for insert, put and update, not against the row itself, and not for nulls', () => {
  const rows = model([customers, accounts])
  rows.run([customers.insert(ann), customers.insert(bob)])
  assert.is(rows.apply(customers.insert({ ...ann, id: 'c3' })), 'customers.email')
  assert.is(rows.apply(customers.put({ ...bob, email: ann.email })), 'customers.email')
  assert.is(rows.apply(customers.update('c2', { email: ann.email })), 'customers.email')
  assert.is(rows.apply(customers.update('c1', { email: ann.email, nick: 'a' })), undefined)
  assert.is(rows.apply(customers.update('c2', { nick: 'a' })), 'customers.nick')
  rows.run([accounts.insert(account(1, { owner: 'c1', note: 'x' })), accounts.insert(account(2, { owner: 'c1' })), accounts.insert(account(3, { owner: 'c1' }))])
  assert.is(rows.apply(accounts.update({ bank: 'b', no: 2 }, { note: 'x' })), 'accounts.owner+note')
  assert.equal(rows.rows()['customers'], [{ ...ann, nick: 'a' }, bob])
})

changing('a unique value that was freed can be taken', () => {
  const rows = model([customers])
  rows.run([customers.insert(ann)])
  assert.is(rows.run([customers.update('c1', { email: 'new@example.org' }), customers.insert({ ...bob, email: ann.email })]), undefined)
  assert.is(rows.run([customers.remove('c2'), customers.insert({ ...ann, id: 'c3' })]), undefined)
})

changing('a reference has to exist at the end of the message, not before', () => {
  const rows = model([accounts, customers])
  assert.is(rows.run([accounts.insert(account(1, { owner: 'c1' }))]), 'accounts.owner')
  assert.equal(rows.rows(), { accounts: [], customers: [] })
  assert.is(rows.run([accounts.insert(account(1, { owner: 'c1' })), customers.insert(ann)]), undefined)
  assert.is(rows.run([accounts.update({ bank: 'b', no: 1 }, { owner: 'c9' })]), 'accounts.owner')
})

changing('a row that another refers to cannot be removed, unless that one goes too', () => {
  const rows = model([customers, accounts])
  rows.run([customers.insert(ann), accounts.insert(account(1, { owner: 'c1' }))])
  assert.is(rows.run([customers.remove('c1')]), 'accounts.owner')
  assert.is(rows.run([customers.remove('c1'), accounts.remove({ bank: 'b', no: 1 })]), undefined)
})

changing('a table can refer to itself', () => {
  const rows = model([folders])
  assert.is(rows.run([folders.insert({ id: 'a', parent: 'b' })]), 'folders.parent')
  assert.is(rows.run([folders.insert({ id: 'a', parent: 'b' }), folders.insert({ id: 'b', parent: 'a' })]), undefined)
})

changing('a message is run whole or not at all', () => {
  const rows = model([customers])
  rows.run([customers.insert(ann)])
  assert.is(rows.run([customers.update('c1', { nick: 'a' }), customers.insert(bob), customers.insert(ann)]), 'customers.id')
  assert.throws(() => rows.run([customers.insert(bob), { change: 'customers', alter: { op: 'put', at: 'c3', row: { id: 'c3' } } }]), "column 'customers.email': expected text, found nothing")
  assert.equal(rows.rows(), { customers: [ann] })
})

changing('what does not fit the table is an error, not a constraint', () => {
  const rows = model([customers])
  const alter = (alter: unknown) => () => rows.apply({ change: 'customers', alter } as never)
  rows.apply(customers.insert(ann))
  assert.throws(alter({ op: 'put', row: { ...ann, nmae: '' } }), "table 'customers' has no column 'nmae'; it has id, email, nick")
  assert.throws(alter({ op: 'update', key: { id: 'c9' }, patch: { nmae: '' } }), "table 'customers' has no column 'nmae'")
  assert.throws(alter({ op: 'update', key: { id: 'c1' }, patch: { id: 'c2' } }), "an update of 'customers' sets its key 'id'")
  assert.throws(alter({ op: 'update', key: { id: 'c1' }, patch: { email: 1 } }), "column 'customers.email': expected text, found 1")
  assert.throws(alter({ op: 'increment', key: { id: 'c1' }, by: { email: 1 } }), "column 'customers.email': expected a number to increment")
  assert.throws(() => rows.apply(accounts.insert(account(1))), "no table 'accounts' here; there is 'customers'")
})

changing('rows go back to where they were', () => {
  const rows = model([customers])
  rows.run([customers.insert(ann)])
  const before = rows.rows()
  rows.run([customers.remove('c1'), customers.insert(bob)])
  rows.restore(before)
  assert.equal(rows.rows(), { customers: [ann] })
})

changing('rows share nothing with what they were made of', () => {
  const tags = table('tags', { columns: { id: text, list: json(z.array(z.string())) }, key: 'id' })
  const rows = model([tags]), list = ['a']
  rows.apply(tags.insert({ id: 't', list }))
  list.push('b')
  assert.equal(rows.rows(), { tags: [{ id: 't', list: ['a'] }] })
})

changing.run()

const looking = suite('lookups')
const numbers = (found: readonly { readonly no: number }[]) => found.map(({ no }) => no)

looking('get and by: a row or none', () => {
  const rows = model([customers, accounts])
  rows.run([customers.insert(ann), accounts.insert(account(1, { owner: 'c1', note: 'x' })), accounts.insert(account(2, { owner: 'c1' }))])
  assert.equal(rows.answer(customers.get('c1')), O.some(ann))
  assert.equal(rows.answer(customers.get('c2')), O.none)
  assert.equal(rows.answer(customers.by('email', ann.email)), O.some(ann))
  assert.equal(rows.answer(customers.by('email', bob.email)), O.none)
  assert.equal(rows.answer(accounts.get({ no: 1, bank: 'b' })), O.some(account(1, { owner: 'c1', note: 'x' })))
  assert.equal(rows.answer(accounts.by(['owner', 'note'], { owner: 'c1', note: 'x' })), O.some(account(1, { owner: 'c1', note: 'x' })))
})

looking('where: equal columns, in the order of the key', () => {
  const rows = model([accounts])
  rows.run([2, 10, 1].map(no => accounts.insert(account(no, { owner: no === 10 ? 'c2' : 'c1' }))))
  assert.equal(numbers(rows.answer(accounts.where({ bank: 'b' }))), [1, 2, 10])
  assert.equal(numbers(rows.answer(accounts.where({ owner: 'c1' }))), [1, 2])
  assert.equal(numbers(rows.answer(accounts.where({ owner: 'c1', balance: 1 }))), [])
})

looking('where: ordered by a column, ties by the key, a limit', () => {
  const rows = model([accounts])
  rows.run([[1, 5], [2, -3], [3, 5], [4, 10]].map(([no, balance]) => accounts.insert(account(no!, { balance: balance! }))))
  const byBalance = { orderBy: 'balance' } as const
  assert.equal(numbers(rows.answer(accounts.where({ bank: 'b' }, byBalance))), [2, 1, 3, 4])
  assert.equal(numbers(rows.answer(accounts.where({ bank: 'b' }, { ...byBalance, limit: 2 }))), [2, 1])
  assert.equal(numbers(rows.answer(accounts.where({ bank: 'b' }, { ...byBalance, after: { bank: 'b', no: 1 }, limit: 1 }))), [3])
  assert.equal(numbers(rows.answer(accounts.where({ bank: 'b' }, { after: { bank: 'b', no: 3 } }))), [4])
})

looking('where: behind a row that is gone', () => {
  const rows = model([accounts])
  rows.run([1, 3].map(no => accounts.insert(account(no))))
  assert.equal(numbers(rows.answer(accounts.where({ bank: 'b' }, { after: { bank: 'b', no: 2 } }))), [3], 'a key has its place')
  assert.equal(numbers(rows.answer(accounts.where({ bank: 'b' }, { orderBy: 'note', after: { bank: 'b', no: 2 } }))), [], 'it has none among the notes')
})

looking('where: strings by code point, nulls last', () => {
  const rows = model([accounts]), notes = [null, '\u{1f600}', '\uffee', 'a', 'B', '', 'aa']
  rows.run(notes.map((note, no) => accounts.insert(account(no, { note }))))
  const found = rows.answer(accounts.where({ bank: 'b' }, { orderBy: 'note' }))
  assert.equal(found.map(({ note }) => note), ['', 'B', 'a', 'aa', '\uffee', '\u{1f600}', null])
  assert.equal(numbers(rows.answer(accounts.where({ bank: 'b' }, { orderBy: 'note', after: { bank: 'b', no: 1 } }))), [0])
})

looking('the empty branches are empty, and a port is no table', () => {
  const rows = model([])
  assert.equal(rows.answer(nothing), O.none)
  assert.equal(rows.answer(noRows), [])
  assert.throws(() => rows.answer(port('limits', { ask: { args: z.string(), answer: z.string() } }).ask('')), "'limits' is a port")
})

looking.run()

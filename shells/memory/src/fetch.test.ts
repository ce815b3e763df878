import { type Fact, type Row, atOf, bool, decimal, int, json, keyOf, optional, table, text, timestamp } from '@lowtide/core'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { z } from 'zod'
import { clock, commit, left, open, right } from './fixture.js'
import { byCodePoint, orderOf, rankOf } from './order.js'
import { sorted } from './sorted.js'

const things = table('things', {
  columns: { shop: text, id: int, kind: optional(text), open: bool, name: text, price: optional(decimal), made: timestamp, tags: json(z.array(z.string())) },
  key: ['shop', 'id'], indexes: [['kind', 'open', 'name'], 'made', ['shop', 'price']],
})
const texts = fc.constantFrom('', 'a', 'aa', 'b', 'Z', 'é', '\uffee', '\u{1f600}', '\u{1f600}a'), kind = fc.option(fc.constantFrom('x', 'y'), { nil: null })
const price = fc.option(fc.constantFrom('0.5', '-1', '10', '9.99', '10.0', '123456789012345678901234567890'), { nil: null })
const made = fc.constantFrom('2024-05-01T00:00:00.000Z', '2024-05-01T00:00:00.500Z', '2023-05-01T00:00:00.000Z')
const thing = fc.record({ shop: fc.constantFrom('s', 't'), id: fc.integer({ min: -5, max: 20 }), kind, open: fc.boolean(), name: texts, price, made, tags: fc.array(texts, { maxLength: 2 }) }, { noNullPrototype: true })
const equal = fc.oneof(
  fc.record({ kind }), fc.record({ kind, open: fc.boolean() }), fc.record({ open: fc.boolean(), name: texts, kind }), fc.record({ made }), fc.record({ shop: fc.constantFrom('s', 't') }), fc.record({ shop: fc.constantFrom('s', 't'), price }),
).map((row): Row => ({ ...row }))
const page = fc.record({ equal, orderBy: fc.option(fc.constantFrom('name', 'price', 'made', 'id', 'open', 'kind', 'tags'), { nil: undefined }), after: fc.option(fc.nat(), { nil: undefined }), limit: fc.option(fc.integer({ min: 0, max: 6 }), { nil: undefined }) })

// ---- the naive order: values to ranks, whole pages sorted

const codes = (text: string) => [...text].map(c => c.codePointAt(0)!.toString(16).padStart(6, '0')).join('')
const rank = (column: string, value: unknown): readonly (number | string | bigint)[] => {
  if (value === null) return [1]
  if (column === 'price') { const [whole, part = ''] = String(value).split('.'); return [0, BigInt(whole + part.padEnd(9, '0')), codes(String(value))] }
  if (column === 'made') return [0, Date.parse(String(value)), codes(String(value))]
  if (column === 'tags') return [0, codes(JSON.stringify([[value]]))]
  return [0, typeof value === 'string' ? codes(value) : Number(value)]
}
const before = (a: Row, b: Row, columns: readonly string[]): number => {
  for (const column of columns) {
    const x = rank(column, a[column]), y = rank(column, b[column])
    for (const i of x.keys()) if (x[i] !== y[i]) return x[i]! < y[i]! ? -1 : 1
  }
  return 0
}

const where = suite('where')

where('finds what a filter and a sort of the whole table find, page by page, through changes', async () => {
  const met = { rows: 0, nothing: 0 }
  await fc.assert(fc.asyncProperty(fc.array(fc.array(thing, { maxLength: 8 }), { minLength: 1, maxLength: 6 }), fc.array(page, { minLength: 8, maxLength: 12 }), fc.nat(), async (rounds, pages, spare) => {
    const { store, world: { inspect } } = await open(clock(), undefined, { tables: [things] })
    for (const [n, round] of rounds.entries()) {
      const one = new Map(round.map(row => [atOf(things.key, row), row])), asked = [...one].map(([at, row]) => ({ lookup: 'things', ask: { op: 'get' as const, at, key: row } }))
      const stood = await right(store.fetch(asked))
      await commit(store, {
        writes: [...one].map(([at, row], i) => {
          const place = { key: keyOf('things', at), table: 'things', at, columns: {} }, version = stood[i]![0]?.version
          return version === undefined ? { ...place, op: 'insert', row } : n === spare % rounds.length ? { ...place, op: 'remove', version } : { ...place, op: 'update', row, version }
        }),
      })
    }
    const rows = inspect.rows('things')
    assert.equal(rows.map(row => atOf(things.key, row)), [...rows].sort((a, b) => before(a, b, things.key)).map(row => atOf(things.key, row)))
    const asks = pages.map(({ after: n, orderBy, ...rest }) => {
      const after = n === undefined ? undefined : rows[n % (rows.length || 1)]
      return { op: 'where' as const, at: '', orderBy, ...rest, after: after && { shop: after['shop'], id: after['id'] } }
    })
    const answers = await right(store.fetch(asks.map(ask => ({ lookup: 'things', ask }))))
    for (const [i, { equal, orderBy, after, limit }] of asks.entries()) {
      const columns = orderBy === undefined ? things.key : [orderBy, ...things.key], behind = after && rows.find(row => atOf(things.key, row) === atOf(things.key, after))
      const expected = rows.filter(row => Object.keys(equal).every(c => atOf([c], row) === atOf([c], equal)) && (behind === undefined || before(behind, row, columns) < 0)).sort((a, b) => before(a, b, columns)).slice(0, limit)
      assert.equal(answers[i]!.map(({ row }) => row), expected)
      if (expected.length > 0) met.rows++
      else met.nothing++
    }
  }), { numRuns: 300, includeErrorInReport: true })
  assert.ok(met.rows > 300 && met.nothing > 100, `the cases bite: ${JSON.stringify(met)}`)
})

where('reads no more of a large table than the page', async () => {
  const wide = table('wide', { columns: { id: int, kind: text, name: int }, key: 'id', indexes: [['kind', 'name']] }), { store } = await open(clock(), undefined, { tables: [wide] })
  for (let from = 0; from < 100_000; from += 1000) {
    await commit(store, { writes: Array.from({ length: 1000 }, (_, i) => ({ key: '', table: 'wide', at: atOf(['id'], { id: from + i }), columns: {}, op: 'insert', row: { id: from + i, kind: 'x', name: (from + i) * 7919 % 100_003 } })) })
  }
  const ask = (limit: number) => right(store.fetch([{ lookup: 'wide', ask: { op: 'where', at: '', equal: { kind: 'x' }, orderBy: 'name', limit } }]))
  const time = async (call: () => Promise<unknown>, times: number) => { const begun = performance.now(); for (let i = 0; i < times; i++) await call(); return (performance.now() - begun) / times }
  const all = await time(() => ask(100_000), 3), few = await time(() => ask(10), 200)
  assert.equal((await ask(3))[0]!.map(({ row }: Fact) => row['name']), [0, 1, 2])
  assert.ok(few * 50 < all, `ten rows in ${few} ms, all in ${all} ms`)
})

where('answers nothing behind a row that is gone, but by the key alone', async () => {
  const { store } = await open(clock(), undefined, { tables: [things] })
  const row = (id: number) => ({ shop: 's', id, kind: 'x', open: true, name: 'n', price: null, made: '2024-05-01T00:00:00.000Z', tags: [] })
  await commit(store, { writes: [1, 3].map(id => ({ key: '', table: 'things', at: atOf(things.key, row(id)), columns: {}, op: 'insert', row: row(id) })) })
  const ask = (orderBy?: string) => ({ lookup: 'things', ask: { op: 'where' as const, at: '', equal: { kind: 'x' }, orderBy, after: { shop: 's', id: 2 } } })
  assert.equal((await right(store.fetch([ask(), ask('name')]))).map(rows => rows.map(({ row }) => row['id'])), [[3], []])
})

where('refuses columns that no declared index begins with, and names those that do', async () => {
  const { store } = await open(clock(), undefined, { tables: [things] })
  const ask = (equal: Row, orderBy?: string) => left(store.fetch([{ lookup: 'things', ask: { op: 'where', at: '', equal, orderBy } }]))
  for (const equal of [{ name: 'a' }, {}, { kind: 'x', name: 'a' }]) assert.match((await ask(equal)).failure, /'things'.*leading columns of a declared index.*kind\+open\+name, made/)
  assert.match((await ask({ kind: 'x' }, 'hat')).failure, /no column 'hat'.*it has shop, id/)
})

const lists = suite('sorted lists')

lists('hold what an array sorted anew holds, over many chunks', () => {
  fc.assert(fc.property(fc.array(fc.integer({ min: 0, max: 5000 }), { minLength: 100, maxLength: 4000, size: 'max' }), fc.constantFrom('up', 'down', 'mixed'), fc.nat({ max: 5000 }), fc.constantFrom(1, 7, 10_000), (numbers, way, from, coarse) => {
    const list = sorted<number>((a, b) => a - b, n => Math.floor(n / coarse)), distinct = [...new Set(numbers)], gone = new Set<number>()
    if (way !== 'mixed') distinct.sort((a, b) => way === 'up' ? a - b : b - a)
    for (const [i, n] of distinct.entries()) {
      list.add(n)
      const old = distinct[i >> 1]!
      if (i % 3 === 0 && !gone.has(old)) { list.remove(old); gone.add(old) }
    }
    const found: number[] = []
    list.scan(n => n >= from, n => found.push(n) < 2000)
    assert.equal(found, distinct.filter(n => n >= from && !gone.has(n)).sort((a, b) => a - b).slice(0, 2000))
  }), { numRuns: 60 })
})

lists('rank rows as they are ordered, as far as a rank tells', () => {
  const met = { told: 0, equal: 0 }
  for (const fields of [['kind', 'open', 'name', 'shop', 'id'], ['name', 'kind'], ['open', 'name'], ['price', 'name'], ['made', 'shop'], ['id']]) {
    const order = orderOf(things, fields), rank = rankOf(things, fields)
    fc.assert(fc.property(thing, thing, (a, b) => {
      const told = Math.sign(rank(a) - rank(b))
      assert.ok(Number.isSafeInteger(rank(a)) && rank(a) >= 0 && rank(a) < 2 ** 48)
      assert.ok(told === 0 || told === Math.sign(order(a, b)), `${JSON.stringify([a, b])} by ${fields.join()}: ranks ${rank(a)} and ${rank(b)}`)
      met[told === 0 ? 'equal' : 'told']++
    }), { numRuns: 1000 })
  }
  assert.ok(met.told > 1000 && met.equal > 1000, `the cases bite: ${JSON.stringify(met)}`)
})

lists('order texts by code point', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 4 }), fc.string({ unit: 'binary', maxLength: 4 }), (a, b) => {
    assert.is(Math.sign(byCodePoint(a, b)), codes(a) < codes(b) ? -1 : codes(a) > codes(b) ? 1 : 0)
  }), { numRuns: 2000 })
})

where.run()
lists.run()

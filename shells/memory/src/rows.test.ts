import { type AnyTable, type Row, type TableLookup, type Write, atOf, int, keyOf, optional, table, text } from '@lowtide/core'
import { model } from '@lowtide/testing'
import * as O from 'fp-ts/lib/Option.js'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { keep } from './rows.js'

const test = suite('rows')
const owners = table('owners', { columns: { id: text, boss: optional(text) }, key: 'id', references: { boss: 'self' } })
const things = table('things', {
  columns: { shelf: text, n: int, slot: optional(text), owner: optional(text), mass: int }, key: ['shelf', 'n'],
  unique: ['slot', ['owner', 'mass']], indexes: [['owner', 'mass'], 'mass'], references: { owner: owners },
})
const tables: readonly AnyTable[] = [owners, things]
const fresh = () => { let last = 0; return keep(tables, { next: () => ++last }) }
const placeOf = (t: AnyTable, row: Row): Pick<Write, 'key' | 'table' | 'at' | 'columns'> => ({ key: keyOf(t.name, atOf(t.key, row)), table: t.name, at: atOf(t.key, row), columns: Object.fromEntries(t.key.map(k => [k, row[k]])) })

const letter = fc.constantFrom('a', 'b', '\uffff', '\u{1f600}'), small = fc.integer({ min: 0, max: 2 }), maybe = fc.option(fc.constantFrom('a', 'b'), { nil: null, freq: 3 })
const owner = fc.record({ id: fc.constantFrom('a', 'b'), boss: maybe }), thing = fc.record({ shelf: letter, n: small, slot: fc.option(letter, { nil: null, freq: 2 }), owner: maybe, mass: small })
/** A write as an executor makes it, or one that is stale. */
type Wish = { readonly table: AnyTable; readonly row: Row; readonly how: 'set' | 'remove' | 'add' | 'stale' }
const wish: fc.Arbitrary<Wish> = fc.oneof(
  fc.record({ table: fc.constant<AnyTable>(owners), row: owner, how: fc.constantFrom('set' as const, 'set' as const, 'remove' as const, 'stale' as const) }),
  fc.record({ table: fc.constant<AnyTable>(things), row: thing, how: fc.constantFrom('set' as const, 'set' as const, 'set' as const, 'remove' as const, 'add' as const, 'stale' as const) }),
)
const page = fc.record({ equal: fc.oneof(fc.record({ owner: maybe }), fc.record({ owner: maybe, mass: small }), fc.record({ mass: small })), orderBy: fc.option(fc.constantFrom('slot', 'n', 'mass'), { nil: undefined }), after: fc.option(fc.record({ shelf: letter, n: small }), { nil: undefined }), limit: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }) })

const seen = (kept: ReturnType<typeof fresh>): string => JSON.stringify(tables.map(t => kept.rows(t.name).map(r => kept.answer({ lookup: t.name, ask: { op: 'get', at: atOf(t.key, r), key: r } }))))
const versionsOf = (kept: ReturnType<typeof fresh>): readonly (string | number)[] => tables.flatMap(t => kept.rows(t.name).map(r => kept.answer({ lookup: t.name, ask: { op: 'get', at: atOf(t.key, r), key: r } })[0]!.version))

test('a unit changes what the model says, or nothing at all; all that forbids it is named; no version comes twice', () => {
  let refused = 0, done = 0
  fc.assert(fc.property(fc.array(fc.array(wish, { minLength: 1, maxLength: 4 }), { maxLength: 12 }), units => {
    const kept = fresh(), naive = model(tables), versions = new Set<string | number>()
    for (const unit of units) {
      const one = [...new Map(unit.map(w => [`${w.table.name}${atOf(w.table.key, w.row)}`, w])).values()]
      const writes = one.flatMap(({ table: t, row, how }): Write[] => {
        const place = placeOf(t, row), base = kept.answer({ lookup: t.name, ask: { op: 'get', at: place.at, key: row } })[0]
        if (how === 'stale') return [{ ...place, op: 'update', row, version: 'never' }]
        if (how === 'add') return [{ ...place, op: 'add', by: { mass: 1 } }]
        if (how === 'remove') return base ? [{ ...place, op: 'remove', version: base.version }] : []
        return [base ? { ...place, op: 'update', row, version: base.version } : { ...place, op: 'insert', row }]
      })
      const before = seen(kept), { stale, broken, finals } = kept.foresee(writes)
      assert.is(seen(kept), before)
      const old = naive.rows()
      // the final state, whatever the order in between
      const state = new Map(tables.map(t => [t.name, new Map(old[t.name]!.map(r => [atOf(t.key, r), r]))]))
      for (const w of writes) {
        const rows = state.get(w.table)!, now = rows.get(w.at)
        if (w.op === 'remove') rows.delete(w.at)
        else if (w.op === 'add') { if (now) rows.set(w.at, { ...now, mass: Number(now['mass']) + 1 }) } else rows.set(w.at, w.row)
      }
      naive.restore(Object.fromEntries([...state].map(([t, rows]) => [t, [...rows.values()]])))
      const twice = tables.some(t => t.unique.some(u => { const taken = naive.rows()[t.name]!.filter(r => u.every(c => r[c] !== null)).map(r => atOf(u, r)); return new Set(taken).size < taken.length }))
      const fault = writes.some(w => 'version' in w && w.version === 'never') || twice || naive.dangling() !== undefined
      assert.is(stale.length + broken.length > 0, fault, JSON.stringify({ writes, stale, broken, twice }))
      for (const w of writes) if ('version' in w && w.version === 'never') assert.ok(stale.includes(w.key))
      if (fault) { naive.restore(old); refused++; continue }
      done++
      const held = new Set(versionsOf(kept))
      kept.apply(finals)
      for (const v of versionsOf(kept)) { assert.ok(held.has(v) || !versions.has(v), 'a version came back'); versions.add(v) }
      for (const t of tables) assert.equal(kept.rows(t.name), naive.rows()[t.name])
    }
  }), { numRuns: 600 })
  assert.ok(refused > 500 && done > 500, `${refused} refused, ${done} done`)
})

test('lookups answer as a full scan does', () => {
  let found = 0
  fc.assert(fc.property(fc.array(thing, { maxLength: 10 }), fc.array(page, { minLength: 1, maxLength: 5 }), (rows, pages) => {
    const kept = fresh(), naive = model([things]), all = [...new Map(rows.map(r => [atOf(things.key, r), { ...r, owner: null }])).values()]
    for (const row of all) {
      if (naive.run([things.insert(row)]) !== undefined) continue
      kept.apply(kept.foresee([{ ...placeOf(things, row), op: 'insert', row }]).finals)
    }
    for (const { equal, orderBy, after, limit } of pages) {
      const ask: TableLookup = { lookup: 'things', ask: { op: 'where', at: '', equal, orderBy, after, limit } }
      const page_ = kept.answer(ask).map(f => f.row)
      assert.equal(page_, naive.answer<readonly Row[]>(ask))
      found += page_.length
    }
    for (const row of rows) if (row.slot !== null) assert.equal(kept.answer({ ...things.by('slot', row.slot) } as TableLookup).map(f => f.row), O.isSome(naive.answer(things.by('slot', row.slot))) ? [(naive.answer(things.by('slot', row.slot)) as O.Some<Row>).value] : [])
  }), { numRuns: 500 })
  assert.ok(found > 150, `only ${found} rows were found`)
})

test('two rows change places in one unit', () => {
  const kept = fresh(), a: Row = { shelf: 'a', n: 0, slot: 'x', owner: null, mass: 1 }, b: Row = { shelf: 'b', n: 0, slot: 'y', owner: null, mass: 1 }
  kept.apply(kept.foresee([{ ...placeOf(things, a), op: 'insert', row: a }, { ...placeOf(things, b), op: 'insert', row: b }]).finals)
  const version = (r: Row): string | number => kept.answer({ lookup: 'things', ask: { op: 'get', at: atOf(things.key, r), key: r } })[0]!.version
  const { stale, broken, finals } = kept.foresee([{ ...placeOf(things, a), op: 'update', row: { ...a, slot: 'y' }, version: version(a) }, { ...placeOf(things, b), op: 'update', row: { ...b, slot: 'x' }, version: version(b) }])
  assert.equal([stale, broken], [[], []])
  kept.apply(finals)
  assert.equal(kept.answer(things.by('slot', 'x') as TableLookup).map(f => f.row['shelf']), ['b'])
})

test('a row that others refer to stays, and says which constraint keeps it', () => {
  const kept = fresh(), boss: Row = { id: 'a', boss: null }, other: Row = { id: 'b', boss: 'a' }
  assert.equal(kept.foresee([{ ...placeOf(owners, other), op: 'insert', row: other }]).stale, [keyOf('owners', 'a')])
  kept.apply(kept.foresee([{ ...placeOf(owners, boss), op: 'insert', row: boss }, { ...placeOf(owners, other), op: 'insert', row: other }]).finals)
  const version = kept.answer({ lookup: 'owners', ask: { op: 'get', at: 'a', key: boss } })[0]!.version
  assert.equal(kept.foresee([{ ...placeOf(owners, boss), op: 'remove', version }]).broken, [{ key: keyOf('owners', 'a'), constraint: 'owners.boss' }])
})

test('a sum beyond 2^53 is refused', () => {
  const kept = fresh(), row: Row = { shelf: 'a', n: 0, slot: null, owner: null, mass: Number.MAX_SAFE_INTEGER }
  kept.apply(kept.foresee([{ ...placeOf(things, row), op: 'insert', row }]).finals)
  assert.equal(kept.foresee([{ ...placeOf(things, row), op: 'add', by: { mass: 1 } }]).broken.map(b => b.constraint), ['things.mass within 2^53'])
})

test.run()

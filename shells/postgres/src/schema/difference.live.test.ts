// time limit: 240 s
import { type AnyTable, bool, decimal, float, int, json, optional, table, text, timestamp, uuid } from '@lowtide/core'
import { left, right } from '@lowtide/testing'
import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { z } from 'zod'
import { difference } from './difference.js'
import { type Place, inDatabase, needs, stop } from './fixture.js'
import { looking, seen } from './live.js'
import { migrate } from './migrate.js'
import { inspect } from './start.js'

test.after(stop)

/** The schema as it stands, told apart from the code that compares: in one order, whatever made it. */
const standing = async (place: Place, schema: string) => {
  const { db } = place.open(undefined, schema), { tables } = seen(await db.fly(looking(schema)))
  await db.close()
  const sorted = <A>(all: readonly A[]): readonly A[] => all.toSorted((a, b) => JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)
  return sorted([...tables.values()].map(({ name, columns, constraints, indexes }) => ({ name, columns: sorted(columns), constraints: sorted(constraints), indexes: sorted(indexes) })))
}
const types = { text: 'text collate "C"', int: 'bigint', float: 'double precision', bool: 'boolean', decimal: 'numeric', timestamp: 'timestamptz', uuid: 'uuid', json: 'json' }

const between = async (place: Place, schema: string, tables: readonly AnyTable[]) => {
  const { db } = place.open(undefined, schema)
  try { return difference(schema, tables, seen(await db.fly(looking(schema))), () => true) } finally { await db.close() }
}
const nothing = (found: Awaited<ReturnType<typeof between>>): void => assert.equal([...found.changes.map(({ name }) => name), ...found.faults], [])

const kinds = { text, int, float, bool, decimal, timestamp, uuid, json: json(z.object({ a: z.string() })) }
type Column = { readonly name: string; readonly kind: keyof typeof kinds; readonly optional: boolean }
interface Declaration { readonly name: string; readonly columns: readonly Column[]; readonly key: readonly string[]; readonly unique: readonly (readonly string[])[]; readonly indexes: readonly (readonly string[])[]; readonly references: { readonly [field: string]: string } }
const declare = ({ name, columns, key, unique, indexes, references }: Declaration): AnyTable => ({
  ...table('t', { columns: { id: text }, key: 'id' }), name, key, unique, indexes, references, partitionBy: key[0]!,
  columns: Object.fromEntries(columns.map(c => [c.name, c.optional ? optional<unknown>(kinds[c.kind] as typeof text as never) : kinds[c.kind]])),
})

const word = fc.oneof(fc.constantFrom('a', 'Name', 'order', 'select', 'x y', 'd"q', "s'q", 'p+q', 'ü', '🌊', 'back\\slash', 'semi;colon', '--', '%s', '$1'), fc.string({ minLength: 1, maxLength: 20, unit: 'grapheme' }))
  .filter(name => name.isWellFormed() && !name.includes('\u0000') && name !== '__proto__' && Buffer.byteLength(name) <= 63 && !name.startsWith('lowtide_'))
const distinct = <A>(values: readonly A[]): readonly A[] => [...new Map(values.map(value => [JSON.stringify(value), value])).values()]
const declaration = (name: string): fc.Arbitrary<Declaration> => fc.uniqueArray(fc.record({ name: word, kind: fc.constantFrom(...Object.keys(kinds) as (keyof typeof kinds)[]), optional: fc.boolean() }), { minLength: 1, maxLength: 6, selector: c => c.name })
  .chain(drawn => {
    const columns: readonly Column[] = [{ name: 'the id', kind: 'text', optional: false }, ...drawn.filter(c => c.name !== 'the id')], ordered = columns.filter(({ kind }) => kind !== 'json' && kind !== 'decimal'), keys = ordered.filter(c => !c.optional)
    const some = fc.uniqueArray(fc.constantFrom(...ordered.map(c => c.name)), { minLength: 1, maxLength: 3 }), sets = fc.array(some, { maxLength: 3 }).map(distinct)
    return fc.record({ name: fc.constant(name), columns: fc.constant(columns), key: fc.uniqueArray(fc.constantFrom(...keys.map(c => c.name)), { minLength: 1, maxLength: 3 }), unique: sets, indexes: sets, references: fc.constant({}) })
  })
/** Tables that refer to each other, and to themselves, by a text column. */
const declarations: fc.Arbitrary<readonly Declaration[]> = fc.uniqueArray(word, { minLength: 1, maxLength: 4 })
  .chain(names => fc.tuple(fc.tuple(...names.map(declaration)), fc.array(fc.tuple(fc.nat(), fc.nat(), fc.nat()), { maxLength: 4 })))
  .map(([tables, links]) => {
    const targets = tables.filter(({ key }) => key.length === 1 && key[0] === 'the id')
    return links.reduce<readonly Declaration[]>((all, [from, to, which]) => {
      const child = all[from % all.length]!, parent = targets[to % (targets.length || 1)], fields = child.columns.filter(c => c.kind === 'text'), field = fields[which % fields.length]!
      return parent === undefined ? all : all.map(one => one === child ? { ...one, references: { ...one.references, [field.name]: parent.name } } : one)
    }, tables)
  })

let schemas = 0
test('what is created differs in nothing from what is declared', inDatabase(async place => {
  await fc.assert(fc.asyncProperty(declarations, async drawn => {
    const tables = drawn.map(declare), schema = `s${++schemas}`
    await place.sql(`create schema ${schema}`)
    const { changes, faults } = await between(place, schema, tables)
    fc.pre(faults.length === 0)
    await place.sql(['begin', ...changes.map(({ sql }) => sql), 'commit;'].join(';\n'))
    nothing(await between(place, schema, tables))
    for (const { name, columns, constraints, indexes } of await standing(place, schema)) {
      const one = drawn.find(declared => declared.name === name)!, ofKind = (wanted: string) => constraints.filter(({ kind }) => kind === wanted), texts = (all: readonly (readonly string[])[]) => all.map(list => list.join('|')).toSorted()
      assert.equal(columns.map(c => `${c.name} ${c.type} ${c.required}`).toSorted(), [...one.columns.map(c => `${c.name} ${types[c.kind]} ${!c.optional}`), 'lowtide_version bigint true'].toSorted())
      assert.equal(ofKind('p').map(k => k.columns), [one.key])
      assert.equal(texts(ofKind('u').map(k => k.columns)), texts(one.unique))
      assert.ok(ofKind('u').every(k => k.deferrable && !k.deferred) && ofKind('f').every(k => k.deferrable && k.deferred))
      assert.equal(ofKind('f').map(k => `${k.columns.join()} ${k.parent}`).toSorted(), Object.entries(one.references).map(([field, parent]) => `${field} ${parent}`).toSorted())
      const led = [...constraints, ...indexes].filter(c => !('kind' in c) || c.kind !== 'f').map(c => c.columns)
      for (const wanted of one.indexes) assert.ok(led.some(has => wanted.every((column, i) => has[i] === column) && one.key.every(column => has.includes(column))), `an index on ${wanted.join()}`)
      for (const field of Object.keys(one.references)) assert.ok(led.some(has => has[0] === field), `an index that begins with ${field}`)
    }
  }), { numRuns: 60 })
}))

test('a declaration that grows, or that asks for less, is reached by the difference', inDatabase(async place => {
  await fc.assert(fc.asyncProperty(declarations, fc.infiniteStream(fc.nat({ max: 5 })), async (drawn, dice) => {
    const now = drawn.map(declare), schema = `s${++schemas}`, keep = (): boolean => dice.next().value !== 0 && dice.next().value! > 1
    const before = drawn.map(one => {
      const referred = new Set(Object.keys(one.references)), kept = one.columns.filter(c => one.key.includes(c.name) || keep()), has = (columns: readonly string[]) => columns.every(name => kept.some(c => c.name === name))
      return declare({ ...one, columns: kept.map(c => ({ ...c, optional: one.key.includes(c.name) ? c.optional : c.optional && keep() })), unique: [...one.unique.filter(u => has(u) && keep()), ...has(['the id']) && keep() ? [['the id']] : []], indexes: one.indexes.filter(i => has(i) && keep()), references: Object.fromEntries(Object.entries(one.references).filter(([field]) => referred.has(field) && has([field]) && keep())) })
    })
    await place.sql(`create schema ${schema}`)
    const first = await between(place, schema, before), wanted = await between(place, schema, now)
    fc.pre(first.faults.length + wanted.faults.length === 0)
    await place.sql(['begin', ...first.changes.map(({ sql }) => sql), 'commit;'].join(';\n'))
    const { changes, faults } = await between(place, schema, now)
    assert.equal(faults, [])
    await place.sql(['begin', ...changes.map(({ sql }) => sql), 'commit;'].join(';\n'))
    nothing(await between(place, schema, now))
    await place.sql(['create schema other', ...(await between(place, 'other', now)).changes.map(({ sql }) => sql)].join(';\n'))
    assert.equal(await standing(place, schema), await standing(place, 'other')) // as if it had been made at once
    await place.sql('drop schema other cascade')
  }), { numRuns: 60 })
}))

const base = { columns: { id: text, email: text }, key: 'id' } as const
const plain = table('p', base)

test('a column that every row must have is added to an empty table, and refused where rows stand', inDatabase(async ({ open, sql }) => {
  const { db, access } = open(), more = table('p', { ...base, columns: { ...base.columns, age: int } }), evenMore = table('p', { ...base, columns: { ...base.columns, age: int, size: int } })
  await right(migrate(db, access, needs([plain])))
  assert.match((await left(inspect(db, access, needs([more])))).failure, `table 'p' has no column 'age' (bigint); run 'lowtide migrate' for this project`)
  await right(migrate(db, access, needs([more])))
  await sql(`insert into lowtide.p values ('1', 'a', 1, 2)`)
  assert.match((await left(migrate(db, access, needs([evenMore])))).failure, /cannot add column 'p.size'.*first declare it optional.*alter table "lowtide"."p" alter column "size" set not null;/)
}))

const faults: readonly (readonly [string, string, AnyTable, RegExp])[] = [
  ['another type', 'alter table lowtide.p alter column email type int using 1', plain, /column 'p.email' has another type: expected text collate "C", found integer/],
  ['another collation', 'alter table lowtide.p alter column email type text collate "default"', plain, /expected text collate "C", found text;/],
  ['a missing not null', 'alter table lowtide.p alter column email drop not null', plain, /column 'p.email' may be null: expected 'not null'/],
  ['a column that nobody fills', 'alter table lowtide.p add column extra int not null', plain, /column 'p.extra' is not declared/],
  ['another key', 'alter table lowtide.p drop constraint "p key", add primary key (email)', plain, /table 'p' has another key: expected id, found email/],
  ['no key', 'alter table lowtide.p drop constraint "p key"', plain, /table 'p' has another key: expected id, found none/],
  ['a check', 'alter table lowtide.p add check (length(email) > 1)', plain, /the check 'p_email_check', which decisions know nothing of/],
  ['a view', 'drop table lowtide.p; create view lowtide.p as select 1 as id', plain, /'p' is a view: expected a table/],
]
for (const [what, sql, declared, message] of faults) {
  test(`${what} needs a person, and is told at the start and by a migration`, inDatabase(async place => {
    const { db, access } = place.open()
    await right(migrate(db, access, needs([plain])))
    await place.sql(sql)
    assert.match((await left(inspect(db, access, needs([declared])))).failure, message)
    assert.match((await left(migrate(db, access, needs([declared])))).failure, message)
  }))
}

const repairs: readonly (readonly [string, string, RegExp])[] = [
  ['a unique that is not declared', 'alter table lowtide.p add constraint u unique (email)', /has the constraint 'u' \(unique email\), which is not declared so/],
  ['a unique index that is not declared', 'create unique index x on lowtide.p (lower(email))', /has the unique index 'x', which is not declared so/],
  ['a reference that is not declared', 'alter table lowtide.p add constraint f foreign key (email) references lowtide.p on delete cascade', /has the constraint 'f' \(reference from email\)/],
  ['another name of the key', 'alter table lowtide.p rename constraint "p key" to pk', /is named 'pk', expected 'p key'/],
]
for (const [what, sql, message] of repairs) {
  test(`${what} is told at the start and repaired by a migration`, inDatabase(async place => {
    const { db, access } = place.open()
    await right(migrate(db, access, needs([plain])))
    await place.sql(sql)
    assert.match((await left(inspect(db, access, needs([plain])))).failure, message)
    await right(migrate(db, access, needs([plain])))
    await right(inspect(db, access, needs([plain])))
  }))
}

test('a unique that lets only one null be is made anew', inDatabase(async ({ open, sql }) => {
  const { db, access } = open(), unique = table('p', { columns: { id: text, email: optional(text) }, key: 'id', unique: ['email'] })
  if (Number((await sql('show server_version_num'))[0]!['server_version_num']) < 150_000) return // older servers have no such uniques
  await right(migrate(db, access, needs([unique])))
  await sql('alter table lowtide.p drop constraint "p.email", add constraint "p.email" unique nulls not distinct (email) deferrable')
  assert.match((await left(inspect(db, access, needs([unique])))).failure, `table 'p' has no unique email`)
  await right(migrate(db, access, needs([unique])))
  await sql(`insert into lowtide.p values ('1', null, 1), ('2', null, 1)`)
  await right(inspect(db, access, needs([unique])))
}))

test('extra columns that nobody needs to fill, and other tables, harm nobody', inDatabase(async ({ open, sql }) => {
  const { db, access } = open()
  await right(migrate(db, access, needs([plain])))
  await sql('alter table lowtide.p add column note text, add column made timestamptz not null default now(); create table lowtide.other (id int); create index mine on lowtide.p (email)')
  await right(inspect(db, access, needs([plain])))
  assert.is((await right(migrate(db, access, needs([plain])))).changes.length, 0)
}))

test.run()

import { type AnyTable, type Check, type Fact, type Row, type Unit, type Version, type Write, atOf, int, keyOf, optional, table, text } from '@lowtide/core'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { clock, commit, left, message, open, parked, right, unit } from './fixture.js'

const teams = table('teams', { columns: { id: text, name: text, size: int }, key: 'id', unique: ['name'] })
const people = table('people', {
  columns: { id: text, team: optional(text), boss: optional(text), email: optional(text), floor: int, seat: optional(int) },
  key: 'id', unique: ['email', ['floor', 'seat']], indexes: [['team', 'email'], ['floor']], references: { team: teams, boss: 'self' },
})
const tables: readonly AnyTable[] = [teams, people]
const tableOf = (name: string) => tables.find(table => table.name === name)!

// ---- the naive model: arrays, scanned whole

interface Stood { readonly table: AnyTable; readonly row: Row }
interface Verdict { readonly stale: readonly string[]; readonly broken: readonly string[]; readonly rows: readonly Stood[] }
const at = ({ table, row }: Stood) => atOf(table.key, row)
const present = (rows: readonly Stood[], name: string, key: string) => rows.find(stood => stood.table.name === name && at(stood) === key)
const valueOf = (columns: readonly string[], row: Row) => columns.some(c => row[c] === null) ? undefined : atOf(columns, row)

const judge = (before: readonly Stood[], versionOf: (table: string, at: string) => Version | undefined, { checks, writes }: Pick<Unit, 'checks' | 'writes'>): Verdict => {
  const stale: string[] = [], broken: string[] = []
  for (const c of checks) {
    const table = tableOf(c.table)
    if (c.index === undefined ? versionOf(c.table, c.at) !== c.version : before.some(stood => stood.table === table && valueOf(table.unique[c.index!]!, stood.row) === c.at)) stale.push(keyOf(c.table, c.at, c.index))
  }
  let rows = before
  for (const w of writes) {
    const table = tableOf(w.table), old = present(before, w.table, w.at), rest = rows.filter(stood => stood.table !== table || at(stood) !== w.at)
    if (w.op === 'insert' ? old !== undefined : w.op !== 'add' && w.op !== 'put' && versionOf(w.table, w.at) !== w.version) stale.push(keyOf(w.table, w.at))
    if (w.op === 'remove') rows = rest
    else if (w.op !== 'add') rows = [...rest, { table, row: w.row }]
    else if (old !== undefined) {
      const sum = Number(old.row['size']) + w.by['size']!
      if (Number.isSafeInteger(sum)) rows = [...rest, { table, row: { ...old.row, size: sum } }]
      else broken.push(`${keyOf(w.table, w.at)} teams.size within 2^53`)
    }
  }
  for (const one of rows) {
    for (const [index, columns] of one.table.unique.entries()) {
      const value = valueOf(columns, one.row)
      if (value !== undefined && rows.some(other => other !== one && other.table === one.table && valueOf(columns, other.row) === value)) stale.push(keyOf(one.table.name, value, index))
    }
    for (const [field, parent] of Object.entries(one.table.references)) {
      const value = one.row[field] as string | null
      if (value === null || present(rows, parent, value)) continue
      if (!present(before, parent, value)) stale.push(keyOf(parent, value))
      else broken.push(`${keyOf(parent, value)} ${one.table.name}.${field}`)
    }
  }
  return { stale: [...new Set(stale)].sort(), broken: [...new Set(broken)].sort(), rows }
}

// ---- random units

const id = fc.constantFrom('a', 'b', 'c', 'd'), some = <A>(arbitrary: fc.Arbitrary<A>) => fc.option(arbitrary, { nil: null, freq: 2 })
const plain = { noNullPrototype: true }
const team = fc.record({ id, name: fc.constantFrom('x', 'y', 'z', 'v', 'w'), size: fc.constantFrom(0, 1, 2, Number.MAX_SAFE_INTEGER) }, plain)
const person = fc.record({ id, team: some(id), boss: some(id), email: some(fc.constantFrom('x@a', 'y@a', 'z@a', 'v@a')), floor: fc.constantFrom(1, 2), seat: some(fc.constantFrom(1, 2, 3)) }, plain)
const rowOf = fc.oneof(team.map(row => ({ of: 'teams', row })), person.map(row => ({ of: 'people', row })))
/** `lie`: a version that the row does not have. */
const write = fc.record({ one: rowOf, op: fc.constantFrom('fit', 'fit', 'fit', 'insert', 'put', 'update', 'remove', 'add', 'add'), lie: fc.integer({ min: 0, max: 14 }).map(n => n === 0), by: fc.integer({ min: -3, max: 3 }) })
const check = fc.record({ one: rowOf, how: fc.constantFrom('row', 'row', 'unique'), lie: fc.integer({ min: 0, max: 5 }).map(n => n === 0) })
const step = fc.record({
  writes: fc.uniqueArray(write, { maxLength: 4, selector: ({ one }) => `${one.of}/${one.row.id}` }),
  checks: fc.array(check, { maxLength: 1 }), redelivered: fc.integer({ min: 0, max: 9 }).map(n => n === 0), misfit: fc.integer({ min: 0, max: 19 }).map(n => n === 0),
})
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never

const get = (name: string, key: string) => ({ lookup: name, ask: { op: 'get' as const, at: key, key: { id: key } } })
const keys = ['a', 'b', 'c', 'd'].flatMap(key => [get('teams', key), get('people', key)])

const world = async () => {
  const session = await open(clock(), undefined, { tables, options: { partitions: 2 } }), { store, world } = session
  const facts = async () => new Map((await right(store.fetch(keys))).map((found, i) => [`${keys[i]!.lookup}/${keys[i]!.ask.at}`, found[0]]))
  const observe = async () => JSON.stringify([
    [...await facts()], world.inspect.rows('teams'), world.inspect.rows('people'), world.inspect.channel('news'), world.inspect.parked(), world.inspect.checkpoints(), world.inspect.sizes(),
    await right(store.seen(Array.from({ length: 40 }, (_, n) => ({ consumer: '', id: `m${n}` })))),
    await right(store.fetch([...['x', 'y', 'z', 'v', 'w'].map(v => ({ lookup: 'teams', ask: { op: 'by' as const, index: 0, at: v, key: { name: v } } })), ...[1, 2].map(floor => ({ lookup: 'people', ask: { op: 'where' as const, at: '', equal: { floor } } }))])),
  ])
  return { ...session, facts, observe }
}
/** The unit that a step stands for, now. */
const unitOf = ({ writes, checks, redelivered, misfit }: Step, n: number, versions: ReadonlyMap<string, Fact | undefined>): Unit => {
  const version = (name: string, key: string, lie: boolean) => lie ? 999_999 : versions.get(`${name}/${key}`)?.version
  const place = (t: AnyTable, row: Row) => ({ key: keyOf(t.name, atOf(t.key, row)), table: t.name, at: atOf(t.key, row), columns: { id: row['id'] } })
  return unit({
    writes: writes.map(({ one: { of, row }, op, lie, by }): Write => {
      const table = tableOf(of)
      const where = place(table, row), now = version(table.name, row.id, lie), what = op === 'fit' ? now === undefined ? 'insert' : 'update' : op
      if (what === 'remove') return { ...where, op: 'remove', version: now ?? 0 }
      if (what === 'add' && of === 'teams') return { ...where, op: 'add', by: { size: by } }
      return what === 'update' ? { ...where, op: 'update', row, version: now ?? 0 } : { ...where, op: what === 'put' ? 'put' : 'insert', row: misfit ? { ...row, floor: 1.5, extra: 1 } : row }
    }),
    checks: checks.flatMap(({ one: { of, row }, how, lie }): readonly Check[] => {
      const table = tableOf(of)
      const value = valueOf(table.unique[0]!, row)
      if (how === 'unique') return value === undefined ? [] : [{ key: keyOf(table.name, value, 0), table: table.name, at: value, columns: {}, index: 0 }]
      return [{ ...place(table, row), version: version(table.name, row.id, lie) }]
    }),
    emits: [{ channel: 'news', message: message(`e${n}`, `k${n % 3}`) }],
    marks: [{ consumer: '', id: redelivered && n > 0 ? `m${n - 1}` : `m${n}`, body: 'body', time: '2024-05-01T00:00:00.000Z', outcome: { commandId: `m${n}`, events: [message(`e${n}`, `k${n % 3}`)] } }],
    parks: [parked(`p${n}`, 'k')], unparks: [`p${n - 2}`],
  })
}

const store = suite('store')

store('answers random units as a naive model does: all conflicts or all effects, and versions are never used twice', async () => {
  const met = { units: 0, refused: 0, several: 0, broken: 0, failed: 0 }
  await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40, size: 'max' }), async steps => {
    const { store, facts, observe, world: { inspect } } = await world(), used = new Set<Version>()
    let stood: readonly Stood[] = [], last = 'none'
    for (const [n, step] of steps.entries()) {
      const before = await facts(), picture = await observe(), asked = unitOf(step, n, before)
      const expected = judge(stood, (name, key) => before.get(`${name}/${key}`)?.version, asked), seen = asked.marks[0]!.id === last
      const answer = await store.commit(asked)()
      met.units++
      if (answer._tag === 'Left') {
        met.failed++
        assert.ok(step.misfit && /expected|has no column/.test(answer.left.failure) && !answer.left.retry, `only a misfit fails: ${answer.left.failure}`)
        assert.is(await observe(), picture, 'a failed unit changes nothing')
        continue
      }
      const conflict = answer.right.conflict
      if (!step.misfit || conflict === undefined) {
        assert.equal([...conflict?.stale ?? []].sort(), expected.stale, 'all stale keys')
        assert.equal((conflict?.broken ?? []).map(({ key, constraint }) => `${key} ${constraint}`).sort(), expected.broken, 'all broken keys')
        assert.equal(conflict?.seen.map(({ id }) => id) ?? [], seen ? [last] : [], 'the marks that stand')
      }
      if (conflict) {
        met.refused++
        if (conflict.stale.length + conflict.broken.length > 1) met.several++
        if (conflict.broken.length > 0) met.broken++
        assert.is(await observe(), picture, 'a refused unit changes nothing')
        continue
      }
      stood = expected.rows
      last = asked.marks[0]!.id
      for (const { name } of tables) assert.equal(inspect.rows(name), stood.filter(({ table }) => table.name === name).map(({ row }) => row).sort((a, b) => String(a['id']) < String(b['id']) ? -1 : 1), `the rows of ${name}`)
      for (const [key, fact] of await facts()) {
        const old = before.get(key)
        if (fact === undefined || fact.version === old?.version) { assert.equal(fact?.row, fact && old?.row); continue }
        assert.not(used.has(fact.version), `version ${fact.version} of ${key} is new`)
      }
      for (const fact of (await facts()).values()) if (fact) used.add(fact.version)
    }
  }), { numRuns: 400, includeErrorInReport: true })
  assert.ok(met.refused > met.units / 10 && met.units - met.refused > met.units / 10 && met.several > 100 && met.broken > 20 && met.failed > 20, `the cases bite: ${JSON.stringify(met)}`)
})

const insert = (t: AnyTable, row: Row): Write => ({ key: keyOf(t.name, atOf(t.key, row)), table: t.name, at: atOf(t.key, row), columns: {}, op: 'insert', row })
const update = (t: AnyTable, row: Row, version: Version): Write => ({ ...insert(t, row), op: 'update', row, version })
const versionsOf = async (session: Awaited<ReturnType<typeof world>>, name: string, ...ids: string[]) => (await right(session.store.fetch(ids.map(one => get(name, one))))).map(([fact]) => fact!.version)
const joe = { id: 'a', team: null, boss: null, email: 'joe@a', floor: 1, seat: 1 }, ann = { ...joe, id: 'b', email: 'ann@a', seat: 2 }

store('lets two rows change places in a unique index within one unit', async () => {
  const session = await world(), { store } = session
  await commit(store, { writes: [insert(people, joe), insert(people, ann)] })
  const [a, b] = await versionsOf(session, 'people', 'a', 'b')
  await commit(store, { writes: [update(people, { ...joe, email: 'ann@a' }, a!), update(people, { ...ann, email: 'joe@a' }, b!)] })
  const found = await right(store.fetch(['joe@a', 'ann@a'].map(email => ({ lookup: 'people', ask: { op: 'by', index: 0, at: email, key: { email } } }))))
  assert.equal(found.map(([fact]) => fact?.row['id']), ['b', 'a'])
})

store('takes a row that refers to itself, or to a row of the same unit, and lets them go together', async () => {
  const session = await world(), { store } = session
  await commit(store, { writes: [insert(people, { ...joe, boss: 'b' }), insert(people, { ...ann, boss: 'b' })] })
  const [a, b] = await versionsOf(session, 'people', 'a', 'b'), remove = (key: string, version: Version): Write => ({ key: '', table: 'people', at: key, columns: {}, op: 'remove', version })
  const refused = await right(store.commit(unit({ writes: [remove('b', b!)] })))
  assert.equal(refused.conflict, { stale: [], seen: [], fenced: [], broken: [{ key: keyOf('people', 'b'), constraint: 'people.boss' }] })
  await commit(store, { writes: [remove('b', b!), remove('a', a!)] })
})

store('shares nothing with its callers: not what they give, not what they get', async () => {
  const { store, observe } = await world(), row = { ...joe }, body = { deep: { list: [1] } }, sent = message('e', 'k', body), event = { ...sent }
  const given = unit({ writes: [insert(people, row)], emits: [{ channel: 'news', message: sent }], marks: [{ consumer: '', id: 'm0', body: '', time: sent.time, outcome: { commandId: 'm0', events: [event] } }], parks: [parked('p', 'k')] })
  const [answer] = await commit(store, given), picture = await observe()
  Object.assign(row, { email: 'else' }); body.deep.list.push(2); Object.assign(event, { id: 'else' }); Object.assign(given.parks[0]!, { reason: 'else' }); Object.assign(answer!.outcome!, { commandId: 'else' })
  const [[fact]] = await right(store.fetch([get('people', 'a')])) as [[Fact]], [mark] = await right(store.seen([{ consumer: '', id: 'm0' }])), [one] = await right(store.parked({})), { messages: [told] } = await right(store.history(['news'], [], 9))
  Object.assign(fact, { version: 'else' }); Object.assign(mark!.outcome!, { commandId: 'else' })
  for (const [what, change] of Object.entries({ row: () => Object.assign(fact.row, { email: 'else' }), parked: () => Object.assign(one!, { reason: 'else' }), message: () => (told!.data as typeof body).deep.list.push(3) })) assert.throws(change, TypeError, what)
  assert.is(await observe(), picture)
})

store('refuses what no table can keep, and names table, column, expected and found', async () => {
  const { store, observe } = await world(), picture = await observe()
  const refusals: readonly (readonly [Write, RegExp])[] = [
    [insert(people, { ...joe, floor: 2 ** 53 }), /people\.floor.*expected int/], [insert(people, { ...joe, floor: null }), /people\.floor.*expected int, found null/],
    [insert(people, { id: 'a' }), /people\.team.*found nothing/], [insert(people, { ...joe, hat: 1 }), /people.* has no column 'hat'/],
    [insert(people, { ...joe, email: 'a\u0000b' }), /email: expected .* NUL/], [insert(people, { ...joe, email: '\ud800' }), /email: expected .* surrogate/],
    [{ ...insert(people, joe), at: 'b' }, /people.* the key b.* the key a/], [{ ...insert(teams, { id: 'a' }), table: 'nowhere' }, /'nowhere'.*known: teams, people/],
  ]
  for (const [write, why] of refusals) {
    const failure = await left(store.commit(unit({ writes: [write] })))
    assert.match(failure.failure, why)
    assert.is(failure.retry, false)
  }
  await commit(store, { writes: [insert(teams, { id: 'a', name: 'x', size: 1 })] })
  const add = (by: { readonly [column: string]: number }): Write => ({ key: '', table: 'teams', at: 'a', columns: {}, op: 'add', by })
  assert.match((await left(store.commit(unit({ writes: [add({ name: 1 })] })))).failure, /teams\.name.*expected int or float.*found text/)
  assert.match((await left(store.commit(unit({ writes: [add({ size: 0.5 })] })))).failure, /teams\.size.*expected int/)
  assert.is.not(await observe(), picture, 'what fits goes in')
})

store('fills in how far the events of an outcome reach, the last of each partition', async () => {
  const { store, world: { inspect } } = await world(), subjects = ['a', 'b', 'c', 'd', 'a', 'b'], events = subjects.map((subject, i) => message(`e${i}`, subject))
  const time = '2024-05-01T00:00:00.000Z', mark = (id: string, ...of: number[]) => ({ consumer: '', id, body: '', time, outcome: { commandId: id, events: of.map(i => events[i]!) } })
  const marks = await commit(store, {
    emits: events.map(one => ({ channel: 'news', message: one })),
    marks: [mark('m0', 0, 1, 2), mark('m1', 3), mark('m2', 4, 5), { ...mark('m3'), outcome: { commandId: 'm3', rejection: { code: 'no', message: 'no' } } }, { consumer: 'reader', id: 'm4', body: '', time }, { consumer: 'reader', id: 'm5', body: 'digest', time }],
  })
  const log = inspect.channel('news').map(({ id }) => id)
  assert.equal(log, events.map(({ id }) => id))
  for (const [i, of] of [[0, 1, 2], [3], [4, 5]].entries()) {
    const { messages, upTo } = await right(store.history(['news'], [], of.at(-1)! + 1)), reached = marks[i]!.outcome!.upTo!
    assert.is(messages.length, of.at(-1)! + 1)
    for (const one of reached) assert.ok(upTo.some(r => r.partition === one.partition && r.position === one.position), 'the position of its last event')
    assert.equal(marks[i]!.outcome!.events!.map(({ id }) => id), of.map(n => `e${n}`))
  }
  assert.equal(marks[3]!.outcome!.upTo, [])
  assert.equal(marks.slice(4), [{ consumer: 'reader', id: 'm4', body: '', time }, { consumer: 'reader', id: 'm5', body: 'digest', time }])
  assert.equal(await right(store.seen(marks)), marks)
})

store('forgets marks that are older than the window, in small steps, and no other', async () => {
  const time = clock(), { store, world: { inspect } } = await open(time, undefined, { options: { dedupWindow: 1000 } })
  const mark = (from: number, count: number) => commit(store, { marks: Array.from({ length: count }, (_, i) => ({ consumer: `c${i % 2}`, id: `m${from + i}`, body: '', time: new Date(time.runtime.now()).toISOString() })) })
  await mark(0, 500)
  await time.advance(600)
  await mark(500, 100)
  await time.advance(600)
  await mark(600, 1)
  assert.ok(inspect.marks() > 500 && inspect.marks() < 601, `one step forgets some: ${inspect.marks()}`)
  for (let i = 0; i < 40; i++) await mark(601 + i, 1)
  assert.is(inspect.marks(), 141)
  assert.is((await right(store.seen([{ consumer: 'c0', id: 'm500' }, { consumer: 'c0', id: 'm0' }]))).length, 1)
  await time.advance(5000)
  for (let i = 0; i < 40; i++) await mark(700 + i, 1)
  assert.is(inspect.marks(), 40)
})

store.run()

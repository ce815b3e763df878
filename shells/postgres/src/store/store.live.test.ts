// mostly waits
import { type Check, type Parked, type TableLookup, type Unit, type Write, accept, channel, command, commandHandler, event, int, keyOf, reject, table, text, uuid } from '@lowtide/core'
import { deployment, run, system } from '@lowtide/run'
import { left, right, until } from '@lowtide/testing'
import * as O from 'fp-ts/lib/Option.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { z } from 'zod'
import { type Place, inDatabase, needs, stop } from '../schema/fixture.js'
import { migrate } from '../schema/migrate.js'
import { postgres } from '../postgres.js'
import { store } from './store.js'

const things = table('things', { columns: { id: uuid, name: text, size: int }, key: 'id', unique: ['name'], indexes: ['size'] })
const id = '00000000-0000-4000-8000-000000000001'
const nothing: Unit = { checks: [], writes: [], emits: [], marks: [], parks: [], unparks: [], checkpoints: [] }
const get = (key: string): TableLookup => ({ lookup: 'things', ask: { op: 'get', at: key, key: { id: key } } })
const insert: Write = { key: keyOf('things', id), table: 'things', at: id, columns: { id }, op: 'insert', row: { id, name: 'n', size: 1 } }

/** A store over `things`, and SQL past it. */
const inStore = (test: (place: Place & { readonly store: ReturnType<typeof store> }) => Promise<void>) => inDatabase(async place => {
  const { db, access } = place.open()
  await right(migrate(db, access, needs([things])))
  await test({ ...place, store: store({ db, shift: 0, partitions: 4, tables: [things], runtime: system, told: () => {}, watch: () => () => {} }) })
})
const test = suite('the store')
test.after(stop)

test('uses a connection no further whose statements were not all parsed, and says that a lock was the reason', inStore(async ({ store: s, sql, open, url }) => {
  await sql(`begin; lock table lowtide.things in access exclusive mode; set local idle_in_transaction_session_timeout = 0`)
  const patient = open(url), hasty = store({ db: patient.db, shift: 0, partitions: 4, tables: [things], runtime: system, told: () => {}, watch: () => () => {} })
  const refused = await left(hasty.fetch([get(id), { lookup: 'things', ask: { op: 'by', at: 'n', index: 0, key: { name: 'n' } } }]))
  assert.equal([refused.retry, refused.unavailable, /55P03/.test(refused.failure)], [true, true, true], refused.failure)
  await sql('rollback')
  assert.equal(await right(hasty.fetch([get(id), { lookup: 'things', ask: { op: 'by', at: 'n', index: 0, key: { name: 'n' } } }])), [[], []])
  assert.equal(await right(s.fetch([get(id)])), [[]])
}))

test('goes on when a migration has changed what a prepared statement answers', inStore(async ({ store: s, sql }) => {
  await right(s.commit({ ...nothing, writes: [insert] }))
  for (let n = 0; n < 4; n++) await Promise.all([right(s.fetch([get(id)])), right(s.fetch([get(id)]))])
  await sql('alter table lowtide.things alter column name type varchar')
  for (let n = 0; n < 4; n++) assert.equal((await right(s.fetch([get(id)]))).flat().map(f => f.row['name']), ['n'])
}))

test('takes a value that no column holds for absent, at a commit as at a lookup', inStore(async ({ store: s }) => {
  const odd: readonly Check[] = [
    { key: 'a', table: 'things', at: 'no-uuid', columns: { id: 'no-uuid' }, version: undefined }, { key: 'b', table: 'things', at: '\ud83d', columns: { name: '\ud83d' }, index: 0 },
  ]
  assert.equal(await right(s.fetch([get('no-uuid'), { lookup: 'things', ask: { op: 'by', at: '\ud83d', index: 0, key: { name: '\ud83d' } } }, { lookup: 'things', ask: { op: 'where', at: '', equal: { size: 1.5 } } }])), [[], [], []])
  assert.is((await right(s.commit({ ...nothing, checks: odd, writes: [insert] }))).conflict, undefined)
}))

test('shows no value in what it says of one that does not fit', inStore(async ({ store: s }) => {
  const wrong = await left(s.commit({ ...nothing, writes: [{ ...insert, row: { id, name: 'n', size: 'SECRET' } } as Write] }))
  assert.is(wrong.retry, false)
  assert.not.match(wrong.failure, /SECRET/)
}))

test('a put takes the place of whatever is there, whoever wrote it, and gives it a new version', inStore(async ({ store: s, sql }) => {
  const put = (size: number): Write => ({ ...insert, op: 'put', row: { id, name: `n${size}`, size } }), versions = new Set<unknown>()
  for (let n = 0; n < 3; n++) {
    assert.is((await right(s.commit({ ...nothing, writes: [put(n)] }))).conflict, undefined)
    const [found] = (await right(s.fetch([get(id)])))[0]!
    assert.equal(found!.row, { id, name: `n${n}`, size: n })
    versions.add(found!.version)
    if (n === 1) await sql(`update lowtide.things set size = 77`)
  }
  assert.is(versions.size, 3)
}))

const parked = (more: Partial<Parked>): Parked => ({ id: 'p', consumer: 'c', channel: 'h', partition: '0', key: 'k', state: 'parked', reason: 'broke', attempts: 1, time: '2024-05-01T00:00:00.000Z', ...more })
test('parks keys of any length and content, and finds them', inStore(async ({ store: s }) => {
  const long = Array.from({ length: 5_000 }, (_, i) => String.fromCodePoint(0x4e00 + (i * 7919) % 20_000)).join('')
  await right(s.commit({ ...nothing, parks: [parked({ key: long }), parked({ id: 'q', key: 'nul \u0000 and half \ud83d', partition: '1' })] }))
  assert.equal((await right(s.parked({ key: long }))).map(p => p.id), ['p'])
  assert.equal((await right(s.parked({ partition: '1', brief: true }))).map(p => [p.id, p.key]), [['q', 'nul \uFFFD and half \uFFFD']])
  assert.equal((await right(s.parked({ limit: 1 }))).map(p => p.id), ['p'])
}))

test('shows what cannot be sealed as its text', inStore(async ({ store: s, sql }) => {
  await right(s.commit({ ...nothing, parks: [parked({})] }))
  await sql(`update lowtide.lowtide_parked set message = '{"id": 12345678901234567890}'`)
  assert.equal(await right(s.parked({})), [parked({ raw: '{"id": 12345678901234567890}' })])
  assert.equal((await right(s.parked({ brief: true }))).map(p => [p.message, p.raw]), [[undefined, undefined]])
}))

const Try = command('Try', { channel: channel('tries'), key: d => d.id, schema: z.object({ id: z.string(), half: z.boolean() }), rejections: ['no'] })
const Tried = event('Tried', { channel: channel('tried', { external: true }), key: d => d.id, schema: z.object({ id: z.string() }) })
const attempt = commandHandler({
  meta: { name: 'attempt', in: Try, out: [Tried], uses: [things] }, lookup: ({ data }) => ({ found: things.get(data.id) }),
  operate: (_ctx, { data }, { found }) => O.isNone(found) ? reject('no', data.half ? '\u{1f600}'.slice(0, 1) : 'not there') : accept(Tried({ id: data.id })), write: { Tried: () => [] },
})
test('a rejection that no store can keep fails its own command, and nobody else waits for it', inDatabase(async place => {
  const { db, access } = place.open()
  await right(migrate(db, access, needs([things])))
  const d = deployment({ functions: [{ attempt }], shell: postgres({ url: place.url }), processes: { front: [], handlers: [attempt] }, options: { poll: 50, retries: 1, backoffBase: 1 } })
  const front = await run(d, { only: 'front', signals: false }), worker = await run(d, { only: 'handlers', signals: false })
  try {
    const sent = await Promise.all([true, false].map((half, i) => front.send(Try({ id: 'no-uuid', half }), { id: `try ${i}`, timeout: 10_000 })()))
    assert.equal(sent.map(r => r._tag === 'Left' ? r.left.notHandled : r.right.rejection?.code), ['failed', 'no'])
    await until('the list', 2_000, async () => (await right(front.parked.list())).length === 1)
  } finally { await front.close(); await worker.close() }
}))

test.run()

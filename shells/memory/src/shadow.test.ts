import { type AnyTable, type Fact, type Reach, type Row, type Store, type Version, type Write, keyOf, optional, table, text } from '@lowtide/core'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { clock, commit, left, message, open, right, unit } from './fixture.js'

const shops = table('shops', { columns: { id: text, name: text }, key: 'id', unique: ['name'] })
const orders = table('orders', { columns: { id: text, shop: optional(text) }, key: 'id', references: { shop: shops } })
const insert = (name: string, row: Row): Write => ({ key: keyOf(name, String(row['id'])), table: name, at: String(row['id']), columns: {}, op: 'insert', row })
const get = (name: string, id: string) => ({ lookup: name, ask: { op: 'get' as const, at: id, key: { id } } })
const update = (name: string, row: Row, version: Version): Write => ({ ...insert(name, row), op: 'update', row, version })
const factOf = async (store: Store, name: string, id: string): Promise<Fact> => (await right(store.fetch([get(name, id)])))[0]![0]!
const world = async () => {
  const session = await open(clock(), undefined, { tables: [shops, orders], options: { partitions: 2 } })
  await commit(session.store, { writes: [insert('shops', { id: 's', name: 'Salt' }), insert('orders', { id: 'o', shop: 's' })], emits: ['a', 'b', 'c'].map(id => ({ channel: 'news', message: message(id, id) })) })
  return session
}

const shadow = suite('shadow')

shadow('rebuilds beside the live rows, and takes their place at once, with versions that were never used', async () => {
  const { store, world: { inspect } } = await world(), live = await factOf(store, 'shops', 's'), picture = JSON.stringify([inspect.rows('shops'), inspect.channel('news'), inspect.parked(), inspect.marks()])
  const copy = await right(store.shadow([shops])), { upTo } = await right(store.history(['news'], [], 10))
  assert.equal(await right(copy.fetch([get('shops', 's')])), [[]])
  await commit(copy, { writes: [insert('shops', { id: 's', name: 'Silt' })], emits: [{ channel: 'news', message: message('d', 'd') }], marks: [{ consumer: 'r', id: 'm', body: '', time: '2024-05-01T00:00:00.000Z' }] })
  assert.equal((await right(copy.commit(unit({ writes: [insert('shops', { id: 's', name: 'Sand' })] })))).conflict?.stale, [keyOf('shops', 's')])
  const again = await right(copy.commit(unit({ writes: [insert('shops', { id: 'u', name: 'Soot' })], marks: [{ consumer: 'r', id: 'm', body: '', time: '2024-05-01T00:00:00.000Z' }] })))
  assert.equal(again.conflict?.seen.map(m => m.id), ['m'], 'history may hold what was published twice')
  assert.is(JSON.stringify([inspect.rows('shops'), inspect.channel('news'), inspect.parked(), inspect.marks()]), picture, 'a rebuild fires nothing')

  assert.is(await right(copy.swap(['news'], upTo.slice(1))), false)
  assert.is(await right(copy.swap(['news'], upTo)), true)
  const now = await factOf(store, 'shops', 's')
  assert.equal([now.row, now.version === live.version], [{ id: 's', name: 'Silt' }, false])
  assert.match((await left(copy.fetch([]))).failure, /ask for new ones/)
  const refused = await right(store.commit(unit({ writes: [update('shops', { id: 's', name: 'Salt' }, live.version), insert('shops', { id: 't', name: 'Silt' })] })))
  assert.equal(refused.conflict?.stale, [keyOf('shops', 's')], 'who read the old row decides again; its value counts as free')
  const removed = await right(store.commit(unit({ writes: [{ ...insert('shops', {}), at: 's', op: 'remove', version: now.version }] })))
  assert.equal(removed.conflict?.broken, [{ key: keyOf('shops', 's'), constraint: 'orders.shop' }], 'references hold on to the new rows')
})

shadow('waits while the log has more', async () => {
  const { store } = await world(), copy = await right(store.shadow([orders])), { upTo } = await right(store.history(['news'], [], 10))
  await commit(store, { emits: [{ channel: 'news', message: message('e', 'e') }] })
  assert.is(await right(copy.swap(['news'], upTo)), false)
  assert.is(await right(copy.swap(['news'], (await right(store.history(['news'], upTo, 10))).upTo)), true)
})

shadow('marks what it has written, so that a consumer that lags does not write it again', async () => {
  const { store } = await world(), copy = await right(store.shadow([orders])), { upTo } = await right(store.history(['news'], [], 10))
  const mark = (id: string) => ({ consumer: 'views', id, body: '', time: '2024-05-01T00:00:00.000Z' })
  await commit(store, { marks: [mark('a')] })
  await commit(copy, { marks: [mark('a'), mark('b')] })
  assert.equal(await right(store.seen([mark('a'), mark('b')])), [mark('a')], 'not before the swap')
  assert.is(await right(copy.swap(['news'], upTo)), true)
  assert.equal((await right(store.commit(unit({ marks: [mark('b'), mark('c')] })))).conflict?.seen, [mark('b')])
})

shadow('does not take the place of rows whose constraints it breaks', async () => {
  const { store, world: { inspect } } = await world(), swap = async (rows: readonly Write[], tables: readonly AnyTable[] = [shops]) => {
    const copy = await right(store.shadow(tables))
    await commit(copy, { writes: rows })
    return left(copy.swap([], []))
  }
  assert.match((await swap([insert('shops', { id: 's', name: 'x' }), insert('shops', { id: 't', name: 'x' })])).failure, /two rows of table 'shops' have the same name/)
  assert.match((await swap([insert('shops', { id: 't', name: 'x' })])).failure, /orders\.shop: table 'shops' has no row 's'/)
  assert.match((await swap([insert('orders', { id: 'o', shop: 'gone' })], [orders])).failure, /orders\.shop: table 'shops' has no row 'gone'/)
  assert.match((await left(store.shadow([table('nowhere', { columns: { id: text }, key: 'id' })]))).failure, /'nowhere'; known: shops, orders/)
  assert.equal(inspect.rows('shops'), [{ id: 's', name: 'Salt' }])
})

const history = suite('history')

history('tells what was committed, in that order, page by page, over all channels', async () => {
  const { store, world } = await open(clock(), undefined, { options: { partitions: 3 } }), told: string[] = []
  for (let i = 0; i < 60; i++) await commit(store, { emits: Array.from({ length: i % 4 }, (_, j) => ({ channel: j % 2 ? 'news' : 'deeds', message: message(`${i}.${j}`, `k${(i * 7 + j) % 11}`) })) })
  world.inject('news', { raw: '{', reason: 'broken' })
  const all = Array.from({ length: 60 }, (_, i) => Array.from({ length: i % 4 }, (_, j) => `${i}.${j}`)).flat()
  const page = (after: readonly Reach[]) => right(store.history(['deeds', 'news', 'deeds', 'none'], after, 7))
  for (let after: readonly Reach[] = [], more = true; more;) {
    const { messages, upTo } = await page(after)
    told.push(...messages.map(({ id }) => id))
    more = JSON.stringify(upTo) !== JSON.stringify(after)
    after = upTo
  }
  assert.equal(told, all)
})

shadow.run()
history.run()

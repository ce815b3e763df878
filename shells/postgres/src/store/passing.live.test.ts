import { type Mark, type Shell, type Unit, type Write, accept, channel, command, commandHandler, event, int, keyOf, policy, projector, table, text } from '@lowtide/core'
import { changed } from '@lowtide/conformance'
import { deployment, run, system } from '@lowtide/run'
import { proxy } from '@lowtide/servers'
import { message, right, until } from '@lowtide/testing'
import * as E from 'fp-ts/lib/Either.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { z } from 'zod'
import { published } from '../log/position.js'
import { type Place, inDatabase, needs, stop } from '../schema/fixture.js'
import { migrate } from '../schema/migrate.js'
import { postgres } from '../postgres.js'
import { store } from './store.js'

const test = suite('marks of what a checkpoint passes')
test.after(stop)

const sums = table('sums', { columns: { id: text, n: int }, key: 'id' })
const nothing: Unit = { checks: [], writes: [], emits: [], marks: [], parks: [], unparks: [], checkpoints: [] }
const add: Write = { key: keyOf('sums', 'a'), table: 'sums', at: 'a', columns: { id: 'a' }, op: 'add', by: { n: 1 } }
const at = (position: string) => ({ channel: 'news', partition: '0', position }), own = { consumer: 'count', channel: 'news', partition: '0', fence: '7' }
const mark = (id: string, position?: string): Mark => ({ consumer: 'count', id, at: position === undefined ? undefined : at(position), body: '', time: '2024-05-01T00:00:00.000Z' })
const unit = (marks: readonly Mark[], position: string | undefined, fence = '7'): Unit => ({ ...nothing, writes: [add], marks, checkpoints: [{ ...own, fence, position }] })

/** A store whose consumer `count` owns a partition and stands at 10.5 in it. */
const standing = (run: (place: Place & { readonly store: ReturnType<typeof store>; marks(): Promise<readonly unknown[]>; sum(): Promise<unknown> }) => Promise<void>) => inDatabase(async place => {
  const { db, access } = place.open()
  await right(migrate(db, access, needs([sums])))
  await place.sql(`insert into lowtide.sums values ('a', 0, 1)`)
  await place.sql(`insert into lowtide.lowtide_consumers (consumer, channel, partition, owner, fence, tx, n) values ('count', 'news', 0, 'me', 7, 10, 5)`)
  await run({
    ...place, store: store({ db, shift: 0, partitions: 1, tables: [sums], runtime: system, told: () => {}, watch: () => () => {} }),
    marks: async () => (await place.sql('select id from lowtide.lowtide_inbox order by id')).map(r => r['id']), sum: async () => Number((await place.sql('select n from lowtide.sums'))[0]!['n']),
  })
})
const conflicts = async (committed: Promise<{ readonly conflict?: { readonly seen: readonly Mark[]; readonly fenced: readonly unknown[] } | undefined }>) => {
  const { conflict } = await committed
  return conflict && [conflict.seen.map(m => m.id), conflict.fenced.length]
}

test('are not written: the place tells, also when the message comes again', standing(async ({ store: s, marks, sum }) => {
  assert.is(await conflicts(right(s.commit(unit([mark('x', '11.0'), mark('y', '11.1')], '11.1')))), undefined)
  assert.equal([await marks(), await sum()], [[], 1])
  assert.equal(await conflicts(right(s.commit(unit([mark('y', '11.1'), mark('z', '12.0')], '12.0')))), [['y'], 0])
  assert.is(await sum(), 1)
  assert.equal((await right(s.seen([mark('x', '11.0'), mark('y', '11.1'), mark('z', '12.0'), mark('w')]))).map(m => m.id), ['x', 'y'])
}))

test('tell of a message that comes alone behind a gap, after a commit that stands and whose answer was lost', standing(async ({ store: s, marks, sum }) => {
  await right(s.commit(unit([mark('x', '11.0'), mark('y', '11.1')], '11.1')))
  assert.equal(await conflicts(right(s.commit(unit([mark('y', '11.1')], undefined)))), [['y'], 0])
  assert.equal([await marks(), await sum()], [[], 1])
}))

test('are written for what stands behind a gap, what has no place, and what was published; these are found by them, wherever they come again', standing(async ({ store: s, marks, sum }) => {
  const late = `20.${published + 3}`
  assert.is(await conflicts(right(s.commit(unit([mark('in', '11.0'), mark('behind', '12.0'), mark('again')], '11.0')))), undefined)
  assert.is(await conflicts(right(s.commit(unit([mark('said', late)], late)))), undefined)
  assert.equal([await marks(), await sum()], [['again', 'behind', 'said'], 2])
  for (const [id, position] of [['behind', '30.0'], ['said', `31.${published}`], ['again', '32.0']] as const) assert.equal(await conflicts(right(s.commit(unit([mark(id, position)], position)))), [[id], 0], id)
  assert.is(await sum(), 2)
}))

test('a unit of another fence writes nothing, and marks of other partitions are not passed', standing(async ({ store: s, marks, sum }) => {
  assert.equal(await conflicts(right(s.commit(unit([mark('x', '11.0')], '11.0', '6')))), [[], 1])
  assert.is(await conflicts(right(s.commit(unit([{ ...mark('x', '11.0'), at: { ...at('11.0'), partition: '1' } }, { ...mark('y', '11.0'), consumer: 'other' }], '11.0')))), undefined)
  assert.equal([await marks(), await sum()], [['x', 'y'], 1])
}))

test('nor is anything done twice where a rebuild takes the place of the rows while a unit stands between its checks and its writes', standing(async ({ store: s, url, open, sql, marks, sum }) => {
  const way = await proxy(url), other = store({ db: open(way.url).db, shift: 0, partitions: 1, tables: [sums], runtime: system, told: () => {}, watch: () => () => {} })
  try {
    const shadow = await right(s.shadow([sums]))
    await right(shadow.commit({ ...nothing, writes: [{ key: keyOf('sums', 'a'), table: 'sums', at: 'a', columns: { id: 'a' }, op: 'insert', row: { id: 'a', n: 2 } }], marks: [mark('x'), mark('y')] })) // put 1, then 2
    const caught = way.seize(flight => flight.some(({ text }) => text.includes('lowtide_consumers x set tx')), { upTo: 2 }), late = right(other.commit({ ...unit([mark('x', '11.0')], '11.0'), writes: [{ key: keyOf('sums', 'a'), table: 'sums', at: 'a', columns: { id: 'a' }, op: 'put', row: { id: 'a', n: 1 } }] }))
    const { release } = await caught
    let over = false
    const swapping = right(shadow.swap(['news'], [at('12.0')])).finally(() => { over = true })
    await until('the swap to be over, or to wait', 5_000, async () => over || (await sql(`select from pg_locks where not granted and database = (select oid from pg_database where datname = current_database())`)).length > 0)
    release()
    await late
    assert.ok(await swapping)
    assert.equal([await marks(), await sum()], [['x', 'y'], 2])
    assert.equal(await conflicts(right(s.commit(unit([mark('x', '11.0')], '11.0')))), [['x'], 0])
  } finally { await way.close() }
}))

/** A shell that loses the answer of the first unit of this kind, which stands. */
const forgetful = (shell: Shell, which: (unit: Unit) => boolean): { readonly shell: Shell; readonly lost: Unit[] } => {
  const lost: Unit[] = []
  return {
    lost,
    shell: changed(shell, o => ({ ...o, store: { ...o.store, commit: unit => async () => {
      const done = await o.store.commit(unit)()
      if (lost.length > 0 || !which(unit) || E.isLeft(done) || done.right.conflict) return done
      lost.push(unit)
      return E.left({ failure: 'the answer is lost', retry: true, unavailable: true })
    } } })),
  }
}
const Go = command('Go', { channel: channel('go'), key: () => 'go', schema: z.object({ keys: z.array(z.string()) }) })
const Went = event('Went', { channel: channel('went'), key: d => d.key, schema: z.object({ key: z.string() }) })
const Heard = event('Heard', { channel: channel('heard'), key: d => d.key, schema: z.object({ key: z.string() }) })
const go = commandHandler({ meta: { name: 'go', in: Go, out: [Went] }, operate: (_ctx, { data }) => accept(...data.keys.map(key => Went({ key }))), write: { Went: () => [] } })
const went = projector({ meta: { name: 'went', in: [Went], uses: [sums] }, write: { Went: ({ data }) => [sums.increment(data.key, { n: 1 })] } })
const hear = policy({ meta: { name: 'hear', in: [Went], out: [Heard], each: 'instance' }, operate: (_ctx, { data }) => accept(Heard(data)), write: { Heard: () => [] } })
const heard = projector({ meta: { name: 'heard', in: [Heard], uses: [sums] }, write: { Heard: ({ data }) => [sums.increment(data.key, { n: 1 })] } })
const behind = async (sql: Place['sql']) => (await sql(`select from lowtide.lowtide_consumers c join lowtide.lowtide_log l using (channel, partition) where (l.tx, l.n) > (c.tx, c.n)`)).length
const lists = async (sql: Place['sql'], keys: readonly string[]) => { for (const key of keys) await sql(`insert into lowtide.sums values ($1, 0, 1)`, [key]) }

test('a batch whose answer was lost is done once, in whatever order its messages are tried again', inDatabase(async ({ url, open, sql }) => {
  const { db, access } = open(), keys = Array.from({ length: 20 }, (_, i) => `k${i}`), { shell, lost } = forgetful(postgres({ url }), unit => unit.marks.some(m => m.consumer === 'went'))
  await right(migrate(db, access, needs([sums], 1)))
  await lists(sql, keys)
  const app = await run(deployment({ functions: [{ go, went }], shell, processes: { all: [go, went] }, options: { poll: 20, partitions: 1 } }), { signals: false })
  try {
    await right(app.send(Go({ keys })))
    await until('all to be handled', 10_000, async () => lost.length === 1 && await behind(sql) === 0)
    await right(app.send(Go({ keys })))
    await until('all to be handled again', 10_000, async () => await behind(sql) === 0)
  } finally { await app.close() }
  assert.ok(lost[0]!.marks.length > 1)
  assert.equal((await sql('select distinct n::int as n from lowtide.sums')), [{ n: 2 }])
}))

test('what a policy of each instance emits again, since nothing marks it, is handled once', inDatabase(async ({ url, open, sql }) => {
  const { db, access } = open(), { shell, lost } = forgetful(postgres({ url }), unit => unit.emits.some(e => e.channel === 'heard'))
  await right(migrate(db, access, needs([sums], 1)))
  await lists(sql, ['a'])
  const app = await run(deployment({ functions: [{ go, hear, heard }], shell, processes: { all: [go, hear, heard] }, options: { poll: 20, partitions: 1 } }), { signals: false })
  try {
    await right(app.send(Go({ keys: ['a'] })))
    await until('it to be emitted twice, and handled', 10_000, async () => (await sql(`select from lowtide.lowtide_log where channel = 'heard'`)).length === 2 && await behind(sql) === 0)
  } finally { await app.close() }
  assert.equal([lost.length, await sql('select n::int as n from lowtide.sums')], [1, [{ n: 1 }]])
}))

const Said = event('Said', { channel: channel('said', { external: true }), key: d => d.key, schema: z.object({ key: z.string(), first: z.boolean() }) })
const counted = projector({ meta: { name: 'count', in: [Said], uses: [sums] }, write: { Said: ({ data }) => [data.first ? sums.put({ id: data.key, n: 1 }) : sums.increment(data.key, { n: 1 })] } })
test('what is published twice is handled once, whoever owns the partition then', inDatabase(async place => {
  const { db, access } = place.open()
  await right(migrate(db, access, needs([sums])))
  const shell = postgres({ url: place.url }), d = deployment({ functions: [{ counted }], shell, processes: { all: [counted] }, options: { poll: 20 } })
  const publisher = await right(shell.open({ tables: [], channels: [Said.channel], consumers: [], everywhere: [], runtime: system, options: d.options })), sum = async () => Number((await place.sql('select n from lowtide.sums'))[0]!['n'])
  const publish = (...ids: readonly string[]) => right(publisher.transport.publish(ids.map(id => ({ channel: 'said', message: message(Said, { key: 'a', first: id === 'x' }, { id }) }))))
  try {
    for (let n = 0; n < 2; n++) {
      const app = await run(d, { signals: false })
      await publish('x', 'y', 'x')
      await publish('y', `z${n}`)
      await until('all to be read', 10_000, async () => await behind(place.sql) === 0)
      if (n === 1) await right(app.rebuild(counted))
      await app.close()
      assert.is(await sum(), 3 + n)
    }
  } finally { await publisher.close() }
}))

test.run()

// time limit: 180 s
import { accept, channel, command, commandHandler, event } from '@lowtide/core'
import { deployment, planOf, run, system } from '@lowtide/run'
import { proxy, testServer } from '@lowtide/servers'
import { left, right, until } from '@lowtide/testing'
import * as E from 'fp-ts/lib/Either.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import pg from 'pg'
import { z } from 'zod'
import { type Place, aged, inPlace, projected, removed, retained, writing } from '../rebuild/fixture.js'
import { partitionOf } from '../log/position.js'
import { Add } from '../rebuild/functions/fixture.js'
import { postgres } from '../postgres.js'
import { type Replica, type Told, deploymentOf, replica, replicaOf, shellOf } from './fixture.js'
import { mirror, mirrored } from './functions/fixture.js'

const test = suite('a replica')
const server = await testServer()
test.after(() => server.stop())
const beside = (run: (place: Place, copy: Replica) => Promise<void>) => inPlace(() => server.url, async place => {
  const copy = await replica(server.url, place.url)
  try { await run(place, copy) } finally { await copy.close() }
})
const rows = async ({ sql }: Pick<Place, 'sql'>, table: string): Promise<unknown> => (await sql(`select coalesce(json_agg(json_build_array(key, n, last) order by key), '[]') as x from ${table}`))[0]!['x']
/** Until the copy says what the live rows say, and no longer than that takes. */
const same = async (place: Pick<Place, 'sql'>, copy: Replica): Promise<void> => {
  const live = await rows(place, 'lowtide.sums')
  await until('the copy to have caught up', 20_000, async () => JSON.stringify(await rows(copy, 'copies.mirrors')) === JSON.stringify(live)).catch(() => {})
  assert.equal(await rows(copy, 'copies.mirrors'), live)
}
const refused = async (told: Told): Promise<string> => {
  try { await (await replicaOf(told)).close() } catch (e) { return (e as Error).message }
  return 'it starts'
}

test('equals the live rows of the source after one of two processes was killed in the middle, while others write', beside(async (place, copy) => {
  const app = await place.app('front')
  await place.child('worker')
  const writers = writing(app, 6), dying = await copy.child({ DIE_AT: '120' })
  await copy.child()
  assert.is(await dying.ended(), 'SIGKILL')
  const [{ n }] = await copy.sql(`select coalesce(sum(tx), 0)::text as n from copies.lowtide_consumers`) as [{ n: string }]
  const again = await copy.child()
  await until('those that are left to go on', 20_000, async () => String((await copy.sql(`select coalesce(sum(tx), 0)::text as n from copies.lowtide_consumers`))[0]!['n']) !== n)
  await again.kill()
  const sent = await writers.stop()
  await projected(place)
  assert.ok(Math.min(...sent) > 20, String(sent))
  await same(place, copy)
  assert.equal(await copy.sql(`select count(*)::int as n from copies.lowtide_inbox`), [{ n: 0 }], 'the checkpoints tell, in the transaction of the rows')
  assert.equal(await place.sql(`select consumer from lowtide.lowtide_consumers where consumer = 'mirror'`), [], 'nothing of it stands in the source')
}))

test('answers queries from its own tables, needs to do no more than select in the source, and is rebuilt from its log', beside(async (place, copy) => {
  const app = await place.app(), role = `reader_${process.pid}`, url = new URL(place.url)
  for (const n of [1, 2, 3]) await right(app.send(Add({ key: 'a', n, entry: `a${n}` }), { wait: 'projected' }))
  await place.sql(`create role ${role} login password 'reads'`)
  await place.sql(`grant usage on schema lowtide to ${role}`)
  await place.sql(`grant select on lowtide.lowtide_log, lowtide.lowtide_meta, lowtide.lowtide_migrations to ${role}`)
  try {
    url.username = role
    url.password = 'reads'
    const said: string[] = [], reader = await replicaOf({ ...copy.told, from: url.href }, undefined, (_level, text) => { said.push(text) })
    try {
      await same(place, copy)
      assert.ok(said.some(text => text.includes('grant select on "lowtide"."lowtide_starts" to this role there')), said.join('\n'))
      assert.is(await right(reader.query(mirrored, { key: 'a' })), 6)
      await copy.sql(`update copies.mirrors set n = 7`)
      assert.match((await left(reader.rebuild(mirror))).message, /this role may not: grant select on "lowtide"\.lowtide_retention to it there/)
      await place.sql(`grant select on lowtide.lowtide_retention to ${role}`)
      assert.is(await right(reader.rebuild(mirror)), 3)
      assert.is(await right(reader.query(mirrored, { key: 'a' })), 6)
      await right(app.send(Add({ key: 'a', n: 4, entry: 'a4' }), { wait: 'projected' }))
      await same(place, copy)
    } finally { await reader.close() }
  } finally { await place.sql(`drop owned by ${role}`); await place.sql(`drop role ${role}`) }
}))

test('of a source that was restored to an earlier time is refused, with the command that makes it anew; that works, and it goes on', beside(async (place, copy) => {
  const worker = await place.child('worker'), front = await place.app('front'), restored = `restored_${process.pid}`, url = new URL(place.url)
  url.pathname = `/${restored}`
  for (const n of [1, 2]) await right(front.send(Add({ key: 'a', n, entry: `a${n}` }), { wait: 'projected' }))
  await front.close()
  await worker.kill()
  const plain = new pg.Client({ connectionString: server.url })
  await plain.connect()
  try {
    const [{ name }] = await place.sql('select current_database() as name') as [{ name: string }]
    await until('a copy of the files of the database', 20_000, () => plain.query(`select pg_terminate_backend(pid) from pg_stat_activity where datname = '${name}'`).then(() => plain.query(`create database ${restored} template ${name}`)).then(() => true, () => false))
    const app = await place.app()
    for (const n of [3, 4]) await right(app.send(Add({ key: 'a', n, entry: `a${n}` }), { wait: 'projected' }))
    const first = await copy.child()
    await same(place, copy)
    await first.kill()
    const told = { ...copy.told, from: url.href }
    assert.match(await refused(told), /expected the message at sum-events\/\d\/\d+\.\d+, the last that 'mirror' has handled, found none: the source was restored from a backup, or lost its last transactions in a failover, so the copy may hold what is no longer so; make it anew: lowtide consumers rebuild mirror$/)
    assert.equal(await rows(copy, 'copies.mirrors'), [['a', 10, 'a4']])

    const operator = await replicaOf(told, 'front')
    assert.is(await right(operator.rebuild(mirror)), 2)
    await operator.close()
    assert.equal(await rows(copy, 'copies.mirrors'), [['a', 3, 'a2']])
    const now = await replicaOf(told)
    await now.close()
    await copy.sql(`update copies.lowtide_sources set identity = '1/0/lowtide' where consumer = 'mirror'`)
    assert.match(await refused(told), /expected the log that 'mirror' has read so far \(1\/0\/lowtide: system identifier, shift, schema\), found another \(\d+\/0\/lowtide\): .*lowtide consumers rebuild mirror$/)
  } finally { await plain.query(`drop database if exists ${restored} with (force)`); await plain.end() }
}))

test('keeps the events of its source from retention there while it is rebuilt', beside(async (place, copy) => {
  const app = await place.app(), reader = await copy.app(), writer = new pg.Client({ connectionString: copy.told.url }), kept = async (): Promise<boolean> => (await retained(place.url, 'status')).text.includes('\nevents are kept, for a rebuild reads them all (pid ')
  for (const n of [1, 2, 3]) await right(app.send(Add({ key: 'a', n, entry: `a${n}` }), { wait: 'projected' }))
  await same(place, copy)
  await aged(place)
  await writer.connect()
  try {
    await writer.query('begin; lock table copies.mirrors in row exclusive mode')
    const rebuilding = right(reader.rebuild(mirror))
    await until('it to read', 10_000, kept)
    assert.is(await removed(place.url), 0)
    await writer.query('commit')
    assert.is(await rebuilding, 3)
    await same(place, copy)
    await until('its connection to end', 10_000, async () => !await kept())
    assert.is(await removed(place.url), 3)
  } finally { await writer.end() }
}))

const missed = /expected that the log holds all that 'mirror' has not read yet, behind sum-events\/\d\/\d+\.\d+, found that retention has removed up to \d+\.\d+, so the copy lacks what these events told; .*: lowtide consumers rebuild mirror --partial$/
/** Of one partition; each makes a row of its own. */
const keys = Array.from({ length: 50 }, (_, i) => `k${i}`).filter(key => partitionOf(key, 4) === 0).slice(0, 4)
const having = (...nth: readonly number[]): string => JSON.stringify(nth.map(n => keys[n]!).toSorted().map(key => [key, 1, key]))
const missing = (what: string, left: boolean, lags: (place: Place, copy: Replica, send: (nth: number) => Promise<unknown>, remove: () => Promise<void>) => Promise<void>) => test(what, beside(async (place, copy) => {
  const app = await place.app(), send = (nth: number) => right(app.send(Add({ key: keys[nth]!, n: 1, entry: keys[nth]! }), { wait: 'projected' }))
  await lags(place, copy, send, async () => {
    await projected(place)
    await aged(place)
    assert.is(await removed(place.url), 2)
  })
  const operator = await copy.app('front')
  assert.is(await right(operator.rebuild(mirror, { partial: true })), left ? 1 : 0)
  await operator.close()
  await (await replicaOf(copy.told)).close()
  await copy.child()
  await send(3)
  await until('the copy to go on', 20_000, async () => JSON.stringify(await rows(copy, 'copies.mirrors')) === (left ? having(2, 3) : having(3)))
}))
for (const left of [true, false]) missing(`that was away while its source removed what it had not read, ${left ? 'and wrote more' : 'and nothing is left'}, is refused, with the command that makes it anew`, left, async (place, copy, send, remove) => {
  await send(0)
  const one = await copy.child()
  await same(place, copy)
  await one.kill()
  await send(1)
  await remove()
  if (left) await send(2)
  assert.match(await refused(copy.told), missed)
})
missing('that falls behind what its source removes stops there, while it runs, and nothing behind the hole is in its rows', true, async (place, copy, send, remove) => {
  const lines: string[] = [], way = await proxy(place.url), slow = await replicaOf({ ...copy.told, from: way.url }, undefined, (_level, text) => { lines.push(text) })
  try {
    await send(0)
    await until('the first', 20_000, async () => JSON.stringify(await rows(copy, 'copies.mirrors')) === having(0))
    const reading = await way.seize(flight => flight.some(({ text }) => text.includes('lowtide_log') && text.includes('lowtide_removed')), 'held')
    await send(1)
    await remove()
    await send(2)
    reading.release()
    await until('it to say so', 20_000, () => lines.some(line => missed.test(line)))
    assert.equal(JSON.stringify(await rows(copy, 'copies.mirrors')), having(0))
  } finally { await slow.close(); await way.close() }
})

test('misses nothing of what its handler reads no more', beside(async (place, copy) => {
  const app = await place.app(), one = await copy.child()
  await right(app.send(Add({ key: keys[0]!, n: 1, entry: keys[0]! }), { wait: 'projected' }))
  await same(place, copy)
  await one.kill()
  await copy.sql(`insert into copies.lowtide_consumers (consumer, channel, partition, tx, n) values ('mirror', 'former', 0, 1, 0), ('mirror', 'sum-events', 5, 0, 0)`)
  await place.sql(`insert into lowtide.lowtide_removed values ('former', 0, 2, 0), ('sum-events', 5, 2, 0)`)
  assert.is(await refused(copy.told), 'it starts')
}))

test('that only listens hears on past what its source has removed: it has no rows that could lack something', beside(async (place, copy) => {
  const app = await place.app(), send = (nth: number) => right(app.send(Add({ key: keys[nth]!, n: 1, entry: keys[nth]! }), { wait: 'projected' })), heard: string[] = []
  const way = await proxy(place.url), front = await replicaOf({ ...copy.told, from: way.url }, 'front')
  try {
    await right(front.listen([channel('sum-events', { external: true })], ({ subject }) => { heard.push(subject) }))
    await send(0)
    await until('the first', 20_000, () => heard.includes(keys[0]!))
    const reading = await way.seize(flight => flight.some(({ text }) => text.includes('lowtide_log') && text.includes('lowtide_removed')), 'held')
    await send(1)
    await aged(place)
    assert.is(await removed(place.url), 2)
    await send(2)
    reading.release()
    await until('the last', 20_000, () => heard.includes(keys[2]!))
    assert.equal(heard, [keys[0], keys[2]])
  } finally { await front.close(); await way.close() }
}))

test('that has handled nothing of a channel yet begins again behind what is removed meanwhile, and says so', beside(async (place, copy) => {
  const app = await place.app(), lines: string[] = [], send = (nth: number) => right(app.send(Add({ key: keys[nth]!, n: 1, entry: keys[nth]! }), { wait: 'projected' }))
  await (await replicaOf(copy.told)).close()
  for (const nth of [0, 1]) await send(nth)
  await aged(place)
  assert.is(await removed(place.url), 2)
  await send(2)
  const one = await replicaOf(copy.told, undefined, (_level, text) => { lines.push(text) })
  await until('the copy', 20_000, async () => JSON.stringify(await rows(copy, 'copies.mirrors')) === having(2))
  await one.close()
  assert.ok(lines.some(line => line.includes(`'mirror' begins behind what retention has removed`)), lines.join('\n'))
}))

test('that is new begins behind what its source has removed, says so, and starts again without a fault', beside(async (place, copy) => {
  const app = await place.app(), lines: string[] = [], began = /^\[postgres\] 'mirror' begins behind what retention has removed from the source: what these events told is not in the copy$/
  const send = (nth: number) => right(app.send(Add({ key: keys[nth]!, n: 1, entry: keys[nth]! }), { wait: 'projected' }))
  for (const nth of [0, 1]) await send(nth)
  await aged(place)
  assert.is(await removed(place.url), 2)
  for (const nth of [2, 3]) {
    const one = await replicaOf(copy.told, undefined, (_level, text) => { lines.push(text) })
    await send(nth)
    await until('the copy', 20_000, async () => JSON.stringify(await rows(copy, 'copies.mirrors')) === (nth === 2 ? having(2) : having(2, 3)))
    await one.close()
  }
  assert.equal(lines.filter(line => began.test(line)).length, 1, lines.join('\n'))
}))

test('of a log with another number of partitions, or none, is refused', beside(async (place, copy) => {
  await place.sql(`update lowtide.lowtide_meta set value = '7' where key = 'partitions'`)
  assert.match(await refused(copy.told), 'expected 7 partitions')
  await place.sql(`drop table lowtide.lowtide_log`)
  assert.match(await refused(copy.told), 'lowtide_log')
}))

test('tells how far it is behind the source', beside(async (place, copy) => {
  const app = await place.app()
  for (const n of [1, 2, 3]) await right(app.send(Add({ key: 'a', n, entry: `a${n}` }), { wait: 'projected' }))
  const behind = async (): Promise<number> => ((await right(shellOf(copy.told).verbs!.find(verb => verb.name === 'status')!.run(planOf(deploymentOf(copy.told), system), new Set()))).data as { readonly lags: readonly { readonly messages: number }[] }).lags.reduce((sum, { messages }) => sum + messages, 0)
  assert.is(await behind(), 3)
  await copy.child()
  await same(place, copy)
  await until('the end of the log', 10_000, async () => await behind() === 0)
}))

test('keeps its marks while old messages of the source are before it, or the source does not answer', beside(async (place, copy) => {
  const app = await place.app()
  await right(app.send(Add({ key: 'a', n: 1, entry: 'a1' }), { wait: 'projected' }))
  await copy.child().then(async ({ kill }) => { await same(place, copy); await kill() })
  await right(app.send(Add({ key: 'a', n: 2, entry: 'a2' }), { wait: 'projected' }))
  const aged = async (sql: typeof place.sql, schema: string): Promise<unknown> => sql(`insert into ${schema}.lowtide_ages (time, tx) values (now() - interval '8 days', pg_current_xact_id()::text::bigint)`)
  const marks = async (): Promise<number> => (await copy.sql(`select from copies.lowtide_inbox where consumer = 'mirror'`)).length
  const run = async (told = copy.told) => ((await right(shellOf(told).verbs!.find(verb => verb.name === 'retention run')!.run(planOf(deploymentOf(told), system), new Set()))).data as { readonly held: readonly string[] }).held
  await copy.sql(`delete from copies.lowtide_inbox; insert into copies.lowtide_inbox (consumer, id, body, time, tx) values ('mirror', 'handled long ago', '', now(), 1)`)
  await aged(copy.sql, 'copies')
  assert.equal([await run(), await marks()], [['mirror'], 1], 'nobody knows how old they are')
  await aged(place.sql, 'lowtide')
  assert.equal([await run(), await marks()], [['mirror'], 1])
  await copy.child().then(async ({ kill }) => { await same(place, copy); await kill() })
  assert.equal([await run({ ...copy.told, from: 'postgres://nobody@127.0.0.1:1/nothing' }), (await marks()) > 0], [['mirror'], true])
  assert.equal([await run(), (await copy.sql(`select from copies.lowtide_inbox where id = 'handled long ago'`)).length], [[], 0])
}))

test('runs as the app that `lowtide roles` has made in its own database, which may not write what stands in lowtide_meta', beside(async (place, copy) => {
  const app = await place.app(), prefix = `rep_${process.pid}`, url = new URL(copy.told.url), verb = shellOf(copy.told).verbs!.find(({ name }) => name === 'roles')!, roles = ['app', 'relay', 'migrator'].map(role => `${prefix}_${role}`)
  await right(app.send(Add({ key: 'a', n: 1, entry: 'a1' }), { wait: 'projected' }))
  url.username = roles[0]!
  url.password = ''
  try {
    await right(verb.run(planOf(deploymentOf(copy.told), system), new Set([`prefix=${prefix}`, 'apply'])))
    for (let start = 0; start < 2; start++) await (await replicaOf({ ...copy.told, url: url.href })).close()
    const one = await replicaOf({ ...copy.told, url: url.href })
    try { await same(place, copy) } finally { await one.close() }
    assert.is((await copy.sql(`select from copies.lowtide_sources where consumer = 'mirror'`)).length, 1)
    const client = new pg.Client({ connectionString: url.href })
    await client.connect()
    try { for (const sql of [`update copies.lowtide_meta set value = '9' where key = 'shift'`, 'delete from copies.lowtide_sources']) assert.match(await client.query(sql).then(() => 'done', String), /permission denied/) } finally { await client.end() }
    await copy.sql(`revoke insert on copies.lowtide_sources from ${roles[0]}`)
    assert.match(await refused({ ...copy.told, url: url.href }), /cannot open schema 'copies'[^]*may not read and write lowtide_sources: run, as their owner/)
  } finally { for (const role of roles) await copy.sql(`reassign owned by ${role} to current_user; drop owned by ${role}; drop role ${role}`) }
}))

test('removes its marks with what operations.md grants it in the source, and tells once where that is less', beside(async (place, copy) => {
  const app = await place.app(), role = `reader_r_${process.pid}`, url = new URL(place.url), lines: string[] = []
  await right(app.send(Add({ key: 'a', n: 1, entry: 'a1' }), { wait: 'projected' }))
  await place.sql(`create role ${role} login password 'reads'`)
  await place.sql(`grant usage on schema lowtide to ${role}`)
  await place.sql(`grant select on lowtide.lowtide_log, lowtide.lowtide_meta, lowtide.lowtide_migrations, lowtide.lowtide_retention to ${role}`)
  url.username = role
  url.password = 'reads'
  const told = { ...copy.told, from: url.href }, often = postgres({ url: told.url, schema: 'copies', connections: 4, from: { url: told.from }, retention: { every: 20 } })
  const removing = () => run({ ...deploymentOf(told), shell: often }, { signals: false, runtime: { ...system, log: (_level, text) => { lines.push(text) } } })
  const barred = /cannot tell which messages of the source are old, so no marks are removed: permission denied for table lowtide_ages \(42501\); grant usage on the schema and select on "lowtide"\."lowtide_ages" to this role there/
  const noted = async (): Promise<{ readonly time: unknown; readonly failure: unknown }> => (await copy.sql(`select time::text, failure from copies.lowtide_retention where kind = 'runner' and time is not null and holder is null`))[0] as never
  try {
    const one = await removing()
    try {
      await same(place, copy)
      for (const [sql, schema] of [[copy.sql, 'copies'], [place.sql, 'lowtide']] as const) await sql(`insert into ${schema}.lowtide_ages (time, tx) values (now() - interval '8 days', pg_current_xact_id()::text::bigint)`)
      await copy.sql(`insert into copies.lowtide_inbox (consumer, id, body, time, tx) values ('mirror', 'handled long ago', '', now(), 1)`)
      const times = new Set<unknown>()
      await until('some runs', 10_000, async () => times.add((await noted())?.time).size > 5)
      assert.is(lines.filter(line => barred.test(line)).length, 1, lines.join('\n'))
      await until('its reason for status', 5_000, async () => barred.test(String((await noted())?.failure)))
    } finally { await one.close() }
    const { text } = await right(shellOf(told).verbs!.find(({ name }) => name === 'retention run')!.run(planOf(deploymentOf(told), system), new Set(['dry'])))
    assert.match(text, /marks are kept of mirror: /)
    assert.match(text, barred)
    await place.sql(`grant select on lowtide.lowtide_ages to ${role}`)
    const { held } = (await right(shellOf(told).verbs!.find(({ name }) => name === 'retention run')!.run(planOf(deploymentOf(told), system), new Set()))).data as { readonly held: readonly string[] }
    assert.equal([held, (await copy.sql(`select from copies.lowtide_inbox where id = 'handled long ago'`)).length], [[], 0])
    assert.is((await copy.sql(`select failure from copies.lowtide_retention where kind = 'runner'`))[0]!['failure'], null)
  } finally { await place.sql(`drop owned by ${role}`); await place.sql(`drop role ${role}`) }
}))

test('has no outbox: what leaves, leaves where it is written', beside(async (_place, copy) => {
  const d = deploymentOf(copy.told), leaving = channel('sum-events', { external: true }), refusedBy = async (outbox: readonly typeof leaving[], outward: boolean): Promise<string> => {
    const plan = planOf(d, system), relays = outward ? [{ name: 'relay-out', channels: [leaving], broadcast: false, outbox: true }] : []
    const opened = await postgres({ url: copy.told.url, schema: 'copies', from: { url: copy.told.from }, outbox }).open({ ...plan, consumers: [...plan.consumers, ...relays] })()
    if (E.isLeft(opened)) return opened.left.failure
    await opened.right.close() // else this file would run until its time is over
    return 'not refused'
  }
  for (const [outbox, outward] of [[[leaving], false], [[], true]] as const) assert.is(await refusedBy(outbox, outward), `[postgres] cannot open schema 'copies': expected no outbox and no relay in a deployment that only reads a log (from), found ${outward ? 'relay-out' : 'sum-events'}; name them in the deployment that writes it`)
}))

test('sends nothing, and says where to', beside(async (_place, copy) => {
  const Ask = command('Ask', { channel: channel('asked'), key: d => d.key, schema: z.object({ key: z.string() }) }), Asked = event('Asked', { channel: channel('asked-events', { external: true }), key: d => d.key, schema: z.object({ key: z.string() }) })
  const ask = commandHandler({ meta: { name: 'ask', in: Ask, out: [Asked] }, operate: (_ctx, { data }) => accept(Asked(data)), write: { Asked: () => [] } })
  const d = deployment({ functions: [{ mirror, ask }], shell: shellOf(copy.told), processes: { front: [], worker: [mirror, ask] }, options: { partitions: 4, retries: 0 } })
  for (const [only, text] of [['front', /cannot publish to 'asked': expected a channel of this deployment, found one that it only reads, from schema 'lowtide' at /], [undefined, /cannot write to 'asked-events': this deployment only reads the log, of schema 'lowtide' at /]] as const) {
    const app = await run(d, { only, signals: false, runtime: { ...system, log: () => {} } })
    try { assert.match((await left(app.send(Ask({ key: 'a' }), { timeout: 5_000 }))).message, text) } finally { await app.close() }
  }
}))

test.run()

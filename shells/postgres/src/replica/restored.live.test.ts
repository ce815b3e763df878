// time limit: 120 s
import { testServer } from '@lowtide/servers'
import { right, until } from '@lowtide/testing'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Place, inPlace } from '../rebuild/fixture.js'
import { Add } from '../rebuild/functions/fixture.js'
import { restorable } from './backup/fixture.js'
import { type Replica, replica, replicaOf } from './fixture.js'
import { mirror } from './functions/fixture.js'

const own = await testServer()
test.after(() => own.stop())

test('a replica that runs while its source is put back reads nothing of it, says so, and goes on once it is made anew', restorable(async source => {
  await source.send([1, 2])
  await source.copy()
  await source.send([3, 4])

  const copy = await replica(own.url, source.url), said: string[] = []
  try {
    const app = await replicaOf(copy.told, undefined, (_level, text) => { said.push(text) })
    try {
      const mirrored = async (): Promise<unknown> => (await copy.sql('select n::int from copies.mirrors'))[0]?.['n']
      await until('the copy to have caught up', 20_000, async () => await mirrored() === 10)

      await source.putBack()
      await until('the replica to say what it found', 30_000, () => said.find(text => /cannot read the log of schema 'lowtide' at [^ ]+: expected the message at sum-events\/\d\/\d+\.\d+, the last that 'mirror' has handled, found none: .*lowtide consumers rebuild mirror/.test(text))).catch((e: unknown) => { throw new Error(`${String(e)}; it said:\n${said.join('\n')}`) })
      assert.is(await source.live(), 3)
      await source.send([7])
      assert.is(await source.live(), 10)
      assert.is(await mirrored(), 10, 'rows that the source has lost, and nothing of what it has made since')
      assert.equal(await copy.sql('select last from copies.mirrors'), [{ last: 'a4' }])
      const operator = await replicaOf(copy.told, 'front')
      assert.is(await right(operator.rebuild(mirror)), 3)
      await operator.close()
      assert.equal(await copy.sql('select last from copies.mirrors'), [{ last: 'a7' }])
      await source.send([5])
      await until('the copy to go on', 30_000, async () => await mirrored() === 15)
      assert.is(await source.live(), 15)
    } finally { await app.close() }
  } finally { await copy.close() }
}))

test('a replica that was away while its source was put back, and went on past the same places, does not start, until it is made anew', restorable(async source => {
  const copy = await replica(own.url, source.url)
  const refused = async (): Promise<string> => { try { await (await replicaOf(copy.told)).close() } catch (e) { return (e as Error).message } return 'it starts' }
  const rows = async (): Promise<unknown> => copy.sql('select key, n::int, last from copies.mirrors order by key')
  /** What it says once it has read all that stands there, and how far it then is. */
  const follow = async (key: string, n: number): Promise<number> => {
    const app = await replicaOf(copy.told)
    try { await until(`the copy of '${key}' to be at ${n}`, 20_000, async () => (await copy.sql(`select from copies.mirrors where key = '${key}' and n = ${n}`)).length > 0) } finally { await app.close() }
    return Number((await copy.sql('select max(tx) as tx from copies.lowtide_consumers'))[0]!['tx'])
  }
  try {
    await source.send([1, 2])
    await source.copy()
    await source.send([3, 4])
    await follow('a', 10)
    await source.crash()
    await source.send([1], 'of a partition that had nothing before')
    const far = await follow('of a partition that had nothing before', 1)
    assert.is((await copy.sql('select distinct start from copies.lowtide_consumers where tx > 0')).length, 2, 'read under the starts before and after the crash')
    assert.is(await refused(), 'it starts', 'a server that has crashed is the same after it')

    await source.putBack()
    const other: number[] = []
    for (let n = 7; Number((await source.sql('select max(tx) as tx from lowtide.lowtide_log'))[0]!['tx']) <= far; n++) { other.push(n); await source.send([n]) }
    assert.match(await refused(), /cannot read the log of schema 'lowtide' at [^ ]+:\n- .*'mirror'.*: the source was restored from a backup, .*lowtide consumers rebuild mirror$/)
    assert.equal(await rows(), [{ key: 'a', n: 10, last: 'a4' }, { key: 'of a partition that had nothing before', n: 1, last: 'of a partition that had nothing before1' }])

    await source.sql(`create table public.gone as select * from lowtide.lowtide_log where tx <= ${far}; delete from lowtide.lowtide_log where tx <= ${far}; update lowtide.lowtide_retention set total = 1 where kind = 'events'`)
    assert.match(await refused(), /expected that the source knows the start of the server under which 'mirror' has read sum-events.*, found that it does not: .*lowtide consumers rebuild mirror$/, 'also where nothing stands any more at those places, nor before')
    await source.sql(`insert into lowtide.lowtide_log select * from public.gone; update lowtide.lowtide_retention set total = 0`)

    const operator = await replicaOf(copy.told, 'front')
    await right(operator.rebuild(mirror))
    await operator.close()
    const sums = async (): Promise<unknown> => source.sql('select key, n::int, last from lowtide.sums order by key')
    assert.equal(await rows(), await sums())
    await source.send([20])
    await follow('a', other.reduce((sum, n) => sum + n, 23))
    assert.equal(await rows(), await sums())
  } finally { await copy.close() }
}))

/** A copy that has followed its source to its end, and whose processes are gone: what then becomes of the source, and what the next one says. */
const away = (run: (given: { readonly place: Place; readonly copy: Replica; readonly told: () => Promise<string>; readonly last: At }) => Promise<void>) => inPlace(() => own.url, async place => {
  const copy = await replica(own.url, place.url)
  try {
    await place.child('worker')
    const app = await place.app('front')
    for (const n of [1, 2]) await right(app.send(Add({ key: 'a', n, entry: `a${n}` }), { wait: 'projected' }))
    await (await following(copy, 3)).close()
    const [last] = await copy.sql('select tx, n, partition from copies.lowtide_consumers where tx > 0')
    await run({ place, copy, last: last as unknown as At, told: async () => { try { await (await replicaOf(copy.told)).close() } catch (e) { return (e as Error).message } return 'it starts' } })
  } finally { await copy.close() }
})
interface At { readonly tx: string; readonly n: number; readonly partition: number }
const following = async (copy: Replica, n: number) => {
  const app = await replicaOf(copy.told)
  await until(`the copy to be at ${n}`, 20_000, async () => (await copy.sql(`select from copies.mirrors where n = ${n}`)).length > 0)
  return app
}
const noted = ({ sql }: Pick<Replica, 'sql'>) => sql('select print, start from copies.lowtide_consumers where tx > 0')

test('another message at the same place is told, also one of the same id', away(async ({ place, told, last }) => {
  await place.sql(`update lowtide.lowtide_log set message = replace(message::text, '"entry":"a2"', '"entry":"b2"')::json where tx = ${last.tx}`)
  assert.match(await told(), new RegExp(`expected the message at sum-events/${last.partition}/${last.tx}\\.${last.n}, the last that 'mirror' has handled, found another one: .*lowtide consumers rebuild mirror$`))
}))

test('a place is looked at again when somebody takes its partition: a unit of the log that is gone may have come there last', away(async ({ place, copy }) => {
  const said: string[] = [], app = await replicaOf(copy.told, undefined, (_level, text) => { said.push(text) })
  try {
    await until('its partitions to be owned', 20_000, async () => (await copy.sql('select from copies.lowtide_consumers where owner is not null')).length === 4)
    await place.sql(`update lowtide.lowtide_log set message = replace(message::text, '"entry":"a2"', '"entry":"b2"')::json where channel = 'sum-events'`)
    await copy.sql('delete from copies.lowtide_instances')
    await until('the process that has them again to say what it found', 20_000, () => said.find(text => /found another one: .*lowtide consumers rebuild mirror$/.test(text))).catch((e: unknown) => { throw new Error(`${String(e)}; it said:\n${said.join('\n')}`) })
  } finally { await app.close() }
}))

test('a place without a message says nothing where retention has removed events, and all where it never has', away(async ({ place, copy, told }) => {
  await place.sql(`update lowtide.lowtide_retention set total = 2 where kind = 'events'; delete from lowtide.lowtide_log`)
  assert.is(await told(), 'it starts')
  await place.sql(`update lowtide.lowtide_retention set total = 0`)
  assert.match(await told(), /found none: .*lowtide consumers rebuild mirror$/)
  await place.sql(`update lowtide.lowtide_retention set total = 2 where kind = 'events'`)
  const app = await place.app('front')
  await right(app.send(Add({ key: 'a', n: 4, entry: 'a4' }), { wait: 'projected' }))
  await (await following(copy, 7)).close()
}))

test('a start of the server that comes before a place is told where no message is left to tell it; those behind it are many, and say nothing', away(async ({ place, told, last }) => {
  await place.sql(`update lowtide.lowtide_retention set total = 2 where kind = 'events'; delete from lowtide.lowtide_log`)
  await place.sql(`insert into lowtide.lowtide_starts (tx, server) select ${last.tx} + 1 + i, 'later ' || i from generate_series(1, 3) i`)
  assert.is(await told(), 'it starts')
  await place.sql(`insert into lowtide.lowtide_starts (tx, server) values (${last.tx}, 'after a backup')`)
  assert.match(await told(), new RegExp(`expected that the next start of the server comes behind sum-events/${last.partition}/${last.tx}\\.${last.n}, which 'mirror' has read before it, found that it comes first: .*lowtide consumers rebuild mirror$`))
}))

test('what a version before, or a rebuild, has not kept is kept from then on', away(async ({ place, copy }) => {
  const [kept] = await noted(copy)
  assert.match(String(kept!['print']), /^\d+\.0\.[0-9a-f]{16}$/)
  assert.equal(await place.sql(`select concat(tx, ' ', server) as start from lowtide.lowtide_starts`), [{ start: kept!['start'] }])
  await copy.sql('update copies.lowtide_consumers set print = null, start = null')
  await (await replicaOf(copy.told)).close()
  assert.equal(await noted(copy), [kept])
  await copy.sql('update copies.lowtide_consumers set print = null, start = null')
  const operator = await replicaOf(copy.told, 'front')
  await right(operator.rebuild(mirror))
  await operator.close()
  assert.equal(await noted(copy), [kept])

  const app = await place.app('front')
  await right(app.send(Add({ key: 'a', n: 4, entry: 'a4' }), { wait: 'projected' }))
  await (await following(copy, 7)).close()
  const [moved] = await noted(copy)
  await place.sql(`insert into lowtide.lowtide_starts (tx, server) select min(tx) + 1, 'between' from lowtide.lowtide_log where channel = 'sum-events'`)
  await copy.sql(`update copies.lowtide_consumers set print = '${kept!['print']}', start = '${kept!['start']}' where tx > 0`)
  await (await replicaOf(copy.told)).close()
  assert.is((await noted(copy))[0]!['print'], moved!['print'], 'what it finds there is of another place, for a process of that version has moved on')
}))

test.run()

import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { channel } from '@lowtide/core'
import { right, until, within } from '@lowtide/testing'
import * as assert from 'uvu/assert'
import { locking, ownershipOf } from '../store/locks.js'
import { paramText } from '../server/statement.js'
import { type Site, emits, node, numbers, open, owners, reader, shares, sites, sorted, upTo } from './fixture.js'

/** This file is also the program of a child: a process of its own that reads as 'views', says what it hears, and lives until it is killed. */
const childOf = process.env['LOWTIDE_TEST_CHILD']

const sharing = sites('sharing', () => ({ children: [] as ChildProcess[] }), ({ children }) => { for (const child of children) child.kill('SIGKILL') })
interface Said { readonly what: 'got' | 'revoked' | 'refused' | 'greeted'; readonly part: string; readonly fence?: string; readonly ids?: readonly string[] }
const start = ({ at, children }: { at: Site; children: ChildProcess[] }, lease = 1_000) => {
  const child = spawn(process.execPath, ['--enable-source-maps', fileURLToPath(import.meta.url)], { env: { ...process.env, LOWTIDE_TEST_CHILD: at.schema, LOWTIDE_TEST_LEASE: String(lease) }, stdio: ['ignore', 'pipe', 'inherit'] }), said: Said[] = []
  let rest = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop()!
    for (const line of lines) said.push(JSON.parse(line) as Said)
  })
  children.push(child)
  return { child, said, ids: () => said.filter(s => s.what === 'got').flatMap(s => s.ids!) }
}
const split = (at: Site, expected: readonly number[]) => until(`shares of ${expected.join(', ')}`, 8_000, async () => JSON.stringify(await shares(at, 'views')) === JSON.stringify(expected))

sharing('gives one, two and three members fair shares, as they come and go', async c => {
  const options = { partitions: 8 }, a = open(c, { options }), x = await reader(a, 'views', ['news'])
  await split(c.at, [8])
  const y = await reader(open(c, { options }), 'views', ['news'])
  await split(c.at, [4, 4])
  const z = await reader(open(c, { options }), 'views', ['news'])
  await split(c.at, [2, 3, 3])
  for (let i = 0; i < 200; i += 20) await right(a.transport.publish(emits('news', i, 20, 50)))
  await until('all', 5_000, () => x.got.length + y.got.length + z.got.length === 200)
  await y.close()
  await split(c.at, [4, 4])
  await z.close()
  await split(c.at, [8])
  await right(a.transport.publish(emits('news', 200, 50, 50)))
  await until('all', 5_000, () => x.got.length + y.got.length + z.got.length === 250)
  assert.equal(sorted(numbers([...x.ids(), ...y.ids(), ...z.ids()])), upTo(250))
  assert.equal([x, y, z].map(r => r.refused.length), [0, 0, 0], 'who gave up had ended')
})

sharing('tells of a move at once: a change of shares takes less than a lease', async c => {
  const options = { lease: 60_000, poll: 60_000 }, a = open(c, { options }), b = open(c, { options })
  await reader(a, 'views', ['news'])
  const y = await reader(b, 'views', ['news'])
  await split(c.at, [2, 2])
  await y.close()
  await split(c.at, [4])
})

sharing('gives partitions of a channel only to who reads it, beside a process that reads fewer channels of the consumer', async c => {
  const x = await reader(open(c), 'views', ['news'])
  await split(c.at, [4])
  const b = open(c), y = await reader(b, 'views', ['news', 'more'])
  await split(c.at, [2, 6])
  await right(b.transport.publish([...emits('news', 0, 40, 40), ...emits('more', 40, 40, 40)]))
  await until('all', 3_000, () => x.got.length + y.got.length === 80)
  assert.equal([...new Set(x.got.map(m => m.id))].filter(id => Number(id.slice(1)) >= 40), [], 'of the other channel')
  const z = await reader(open(c), 'views', ['news', 'more'])
  await until('shares of both channels', 8_000, async () => {
    const all = await owners(c.at, 'views'), of = (channel: string) => new Set(all.filter(o => o.channel === channel).map(({ owner }) => owner)).size
    return of('news') === 3 && of('more') === 2
  })
  await y.close()
  await z.close()
  await until('what nobody reads to be free', 8_000, async () => (await owners(c.at, 'views')).every(({ channel, owner }) => (owner === null) === (channel === 'more')))
})

sharing('frees what it took as it left, and had not begun to read', async c => {
  const x = await reader(open(c), 'views', ['news'])
  await split(c.at, [4])
  await c.at.query(`insert into :schema.lowtide_consumers (consumer, channel, partition, owner) select 'views', 'taken', 0, min(owner) from :schema.lowtide_consumers`)
  await x.close()
  assert.equal([...new Set((await owners(c.at, 'views')).map(({ owner }) => owner))], [null])
})

sharing('holds no intake back for a channel of a consumer that nobody who lives reads', async c => {
  const b = open(c, { options: { buffer: 16 } })
  await reader(open(c), 'views', ['news'])
  await (await reader(b, 'views', ['news', 'more'])).close()
  await within(5_000, 'all to come in', async () => {
    for (let i = 0; i < 100; i++) {
      await b.transport.room([channel('more')])
      await right(b.transport.publish(emits('more', i, 1)))
    }
  })
})

sharing('takes an instance that does not say which channels it reads, as one of the version before, for one that reads them all', async c => {
  await c.at.query(`insert into :schema.lowtide_instances (id, until, consumers) values ('before', now() + interval '1 minute', '{others,views}')`)
  await reader(open(c), 'views', ['news'])
  await until('its share', 3_000, async () => (await owners(c.at, 'views')).filter(({ owner }) => owner !== null).length === 2)
})

sharing('hands nothing more out of a partition that it gives up, also while a batch is out, and the fence rises', async c => {
  const a = open(c, { options: { partitions: 2 }, batch: 1 }), b = open(c, { options: { partitions: 2 } })
  let go = (): void => {}
  const gate = new Promise<void>(resolve => { go = resolve })
  await right(a.transport.publish(emits('news', 0, 20, 20)))
  const x = await reader(a, 'views', ['news'], { each: () => gate }), fences = new Map((await owners(c.at, 'views')).map(o => [String(o.partition), Number(o.fence)]))
  const y = await reader(b, 'views', ['news'])
  go()
  await split(c.at, [1, 1])
  await until('all', 5_000, () => new Set([...x.ids(), ...y.ids()]).size === 20)
  assert.is(x.got.length + y.got.length, 20, 'nothing came twice')
  assert.is(x.revoked.length, 1)
  for (const { partition, owner, fence } of await owners(c.at, 'views')) if (owner !== null && y.batches.some(b => b.partition === String(partition))) assert.ok(Number(fence) > fences.get(String(partition))!)
})

sharing('takes over at once from a process whose session has ended, however long its lease', async c => {
  const gone = start(c, 60_000)
  await split(c.at, [4])
  const x = await reader(open(c, { options: { lease: 60_000 } }), 'views', ['news'])
  await split(c.at, [2, 2])
  gone.child.kill('SIGKILL')
  await split(c.at, [4])
  assert.equal(x.revoked, [])
})

sharing('lives on its lease alone where its session cannot be told', async c => {
  const a = open(c, { deaf: true }), b = open(c, { deaf: true })
  await reader(a, 'views', ['news'])
  await reader(b, 'views', ['news'])
  await split(c.at, [2, 2])
  assert.equal((await c.at.query('select distinct session from :schema.lowtide_instances')), [{ session: null }])
})

sharing('takes over from a process that was killed when its lease is over', async c => {
  const gone = start(c)
  await split(c.at, [4])
  const a = open(c), x = await reader(a, 'views', ['news'])
  await split(c.at, [2, 2])
  await right(a.transport.publish(emits('news', 0, 40, 40)))
  await until('all', 3_000, () => x.got.length + gone.ids().length === 40)
  gone.child.kill('SIGKILL')
  const begun = performance.now()
  await right(a.transport.publish(emits('news', 40, 40, 40)))
  await split(c.at, [4])
  assert.ok(performance.now() - begun < 2_500, `took ${performance.now() - begun} ms`)
  await until('all', 3_000, () => new Set([...x.ids(), ...gone.ids()]).size === 80)
  await until('its row to go', 3_000, async () => (await c.at.query('select from :schema.lowtide_instances')).length === 1)
})

sharing('takes from a process that sleeps for longer than its lease; what that commits afterwards is refused, and it joins again', async c => {
  const sleeper = start(c)
  await split(c.at, [4])
  const a = open(c)
  await right(a.transport.publish(emits('news', 0, 8, 8)))
  await until('all', 3_000, () => sleeper.ids().length === 8)
  const old = new Map((await owners(c.at, 'views')).map(o => [o.partition, o.fence])), before = sleeper.said.length
  sleeper.child.kill('SIGSTOP')
  const x = await reader(a, 'views', ['news'])
  await split(c.at, [4])
  await right(a.transport.publish(emits('news', 8, 8, 8)))
  await until('the rest', 3_000, () => x.got.length === 8)
  for (const [partition, fence] of old) assert.equal(await c.at.query('update :schema.lowtide_consumers set n = n where consumer = $1 and partition = $2 and fence = $3 returning 1', ['views', partition, fence]), [], 'the old fence')
  sleeper.child.kill('SIGCONT')
  await until('it to hear of it', 5_000, () => sleeper.said.slice(before).filter(s => s.what === 'revoked').length === 4)
  await split(c.at, [2, 2])
  await right(a.transport.publish(emits('news', 16, 40, 40)))
  await until('all', 5_000, () => new Set([...x.ids(), ...sleeper.ids()]).size === 56)
  const ids = [...x.ids(), ...sleeper.ids()]
  assert.is(ids.length, 56, 'nothing counted twice')
})

sharing('drops all and begins anew when the server counts from a lower transaction', async c => {
  const shift = 1_000_000, a = open(c, { shift }), x = await reader(a, 'views', ['news']), copy = await reader(a, 'caches', ['news'], { broadcast: true })
  await right(a.transport.publish(emits('news', 0, 10, 10)))
  await until('all', 3_000, () => x.got.length === 10 && copy.got.length === 10)
  const instances = await c.at.query<{ id: string }>('select id from :schema.lowtide_instances')
  const fly = a.db.fly, lower = (text: string | null | undefined) => text == null ? null : String(Number(text) - 500_000)
  // what a restored server would say of itself, and no more than that
  Object.assign(a.db, { fly: async (steps: Parameters<typeof fly>[0]) => (await fly(steps)).map((landed, i) => steps[i]!.statement.text.startsWith('select i.id') ? { ...landed, rows: landed.rows.map(([id, names, xmax]) => [id!, names!, lower(xmax)]) } : landed) })
  await until('it to drop all', 3_000, () => x.revoked.length === 4)
  await until('its new name', 3_000, async () => { const [own, ...more] = await c.at.query<{ id: string }>('select id from :schema.lowtide_instances'); return more.length === 0 && own!.id !== instances[0]!.id })
  await right(a.transport.publish(emits('news', 10, 10, 10)))
  await until('all', 3_000, () => x.got.length === 20)
  assert.is(a.logged.filter(text => text.includes('counts transactions from a lower one')).length, 1)
})

sharing('waits for a commit of the one that had the partition before it takes it, and begins behind that', async c => {
  const a = open(c, { options: { partitions: 1 } }), raw = await c.at.raw(), taking = locking(c.at.schema)()
  await right(a.transport.publish(emits('news', 0, 10)))
  await c.at.query(`insert into :schema.lowtide_consumers (consumer, channel, partition, owner, fence) values ('views', 'news', 0, 'gone', 7)`)
  taking.shared(ownershipOf('views', 'news', 0))
  const { statement, params } = taking.step()
  await raw.query('begin')
  await raw.query(statement.text, params.map(paramText))
  await raw.query(`update :schema.lowtide_consumers c set tx = l.tx, n = l.n from :schema.lowtide_log l where l.message ->> 'id' = 'm5' and c.fence = 7`)
  const joining = reader(a, 'views', ['news'])
  await until('it to wait', 3_000, async () => (await c.at.query(`select from pg_locks l join pg_stat_activity s using (pid) where l.locktype = 'advisory' and not l.granted and s.application_name = $1`, [c.at.schema])).length === 1)
  const [before] = await c.at.query<{ until: string }>('select max(until)::text as until from :schema.lowtide_instances')
  await until('its lease to be renewed meanwhile, twice', 5_000, async () => (await c.at.query(`select from :schema.lowtide_instances where until > $1::timestamptz + interval '600 ms'`, [before!.until])).length === 1)
  await raw.query('commit')
  const x = await joining
  await until('the rest', 3_000, () => x.got.length === 4)
  assert.equal([x.ids(), x.batches.map(b => b.fence)], [['m6', 'm7', 'm8', 'm9'], ['8']])
})

sharing('refuses a second subscription of a consumer in one process, until the first is closed', async c => {
  const a = open(c), x = await reader(a, 'views', ['news'])
  let refused = ''
  try { await reader(a, 'views', ['news']) } catch (e) { refused = String(e) }
  assert.match(refused, /this process reads as that consumer already/)
  await x.close()
  await reader(a, 'views', ['news'])
  await split(c.at, [4])
})

if (childOf === undefined) sharing.run()
else {
  const say = (said: Said): void => { process.stdout.write(`${JSON.stringify(said)}\n`) }, one = node(childOf, { options: { lease: Number(process.env['LOWTIDE_TEST_LEASE']) } }), x = await reader(one, 'views', ['news'])
  let n = 0, refused = 0, revoked = 0
  setInterval(() => {
    for (const { id, partition } of x.got.slice(n)) { n++; say({ what: 'got', part: partition, ids: [id] }) }
    for (const { partition, fence } of x.refused.slice(refused)) { refused++; say({ what: 'refused', part: partition, fence }) }
    for (const part of x.revoked.slice(revoked)) { revoked++; say({ what: 'revoked', part }) }
  }, 2)
}

import { right, until, within } from '@lowtide/testing'
import * as assert from 'uvu/assert'
import { type Node, type Site, emits, message, numbers, open, owners, reader, sites, sorted, upTo } from './fixture.js'

const recovery = sites('recovery', () => ({}))
const terminate = ({ query, schema }: Site) => query('select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1', [schema])

recovery('goes on when every connection is ended, again and again', async c => {
  const a = open(c), b = open(c), one = await reader(b, 'views', ['news']), copy = await reader(a, 'caches', ['news'], { broadcast: true }), lost: string[] = []
  let from = 0, over = false
  const publishing = (async () => {
    while (!over) {
      const sent = emits('news', from++, 1)
      const result = await a.transport.publish(sent)()
      if (result._tag === 'Left') lost.push(sent[0]!.message.id) // it may stand or not
      await new Promise(resolve => { setTimeout(resolve, 2) })
    }
  })()
  for (let i = 0; i < 5; i++) {
    const before = one.got.length
    await terminate(c.at)
    await until('it to go on', 10_000, () => one.got.length > before + 20)
  }
  over = true
  await publishing
  const expected = upTo(from).filter(n => !lost.includes(`m${n}`))
  await until('all', 10_000, () => expected.every(n => one.ids().includes(`m${n}`)) && expected.every(n => copy.ids().includes(`m${n}`)))
  for (const { got } of [one, copy]) assert.is(new Set(got.map(m => m.id)).size, got.length, 'nothing counted twice')
  for (const key of upTo(5)) {
    const mine = numbers(one.got.filter(m => m.subject === `k${key}`).map(m => m.id))
    assert.equal(mine, sorted(mine))
  }
  assert.ok(!a.logged.concat(b.logged).some(text => /password|:secret/.test(text)))
})

/** What a failover to a copy that lagged leaves: the last transactions are gone, the checkpoint is as old, and their ids are used for another message. */
const goBack = async ({ query }: Site): Promise<void> => {
  const [last] = await query<{ tx: string }>('select max(tx) as tx from :schema.lowtide_log')
  await query('update :schema.lowtide_consumers c set (tx, n) = (select tx, n from :schema.lowtide_log where tx < $1 order by tx desc, n desc limit 1)', [last!.tx])
  await query('delete from :schema.lowtide_log where tx = $1', [last!.tx])
  await query(`insert into :schema.lowtide_log values ('news', 0, $1, 0, $2)`, [last!.tx, JSON.stringify(message('m99', 'k1'))])
}
const two = async (a: Node): Promise<void> => { for (let i = 0; i < 2; i++) await right(a.transport.publish(emits('news', i * 5, 5))) }

recovery('reads what took the place of what a failover lost, after every connection broke', async c => {
  const a = open(c, { options: { partitions: 1, poll: 60_000, lease: 60_000 } }), one = await reader(a, 'views', ['news'])
  await two(a)
  await until('all', 3_000, () => one.got.length === 10)
  await until('its session', 3_000, async () => (await c.at.query('select from :schema.lowtide_instances where session is not null')).length === 1)
  await goBack(c.at)
  await terminate(c.at)
  await until('the new message', 5_000, () => one.ids().includes('m99'))
  assert.equal(one.ids().slice(10), ['m99'])
})

recovery('reads what took the place of what a failover lost, after a round trip that broke', async c => {
  for (const [what, text] of [['the log', 'with now as'], ['owners', 'select i.id']] as const) {
    await c.at.query('delete from :schema.lowtide_log')
    const a = open(c, { deaf: true, options: { partitions: 1 } }), { fly } = a.db, one = await reader(a, 'views', ['news'])
    await two(a)
    await until('all', 3_000, () => one.got.length === 10)
    let broken = 0
    Object.assign(a.db, { fly: async (steps: Parameters<typeof fly>[0]) => {
      if (broken === 0 && steps.some(s => s.statement.text.startsWith(text))) { broken++; await goBack(c.at); throw new Error('Connection terminated unexpectedly') }
      return fly(steps)
    } })
    await until(`the new message, ${what}`, 5_000, () => one.ids().includes('m99'))
    assert.equal(one.ids().slice(10), ['m99'])
    await a.close()
  }
})

recovery('reads what took the place of what a failover lost, where no connection of its readers was in use', async c => {
  for (const texts of [['with now as'], ['select i.id'], ['with now as', 'select i.id']]) {
    await c.at.query('delete from :schema.lowtide_log')
    const a = open(c, { deaf: true, options: { partitions: 1 } }), { fly } = a.db, one = await reader(a, 'views', ['news'])
    await two(a)
    await until('all', 3_000, () => one.got.length === 10)
    let moved = false
    Object.assign(a.db, { fly: async (steps: Parameters<typeof fly>[0]) => {
      const at = steps.findIndex(s => texts.some(text => s.statement.text.startsWith(text))), column = steps[at]?.statement.text.startsWith('select i.id') === true ? 3 : 5
      if (at >= 0 && !moved) { moved = true; await goBack(c.at) }
      // what another server would say of itself
      return (await fly(steps)).map((landed, i) => i === at ? { ...landed, rows: landed.rows.map(cells => cells.with(column, '1')) } : landed)
    } })
    await until('the new message', 5_000, () => one.ids().includes('m99'))
    assert.equal(one.ids().slice(10), ['m99'])
    assert.is(a.logged.filter(line => line.includes('another server')).length, 1)
    await a.close()
  }
})

recovery('keeps what it has where only a lock was not had in time', async c => {
  const a = open(c, { options: { partitions: 1 } }), { fly } = a.db, one = await reader(a, 'views', ['news'])
  let refused = 0
  Object.assign(a.db, { fly: async (steps: Parameters<typeof fly>[0]) => {
    if (refused < 3 && steps.some(s => /^(with now as|select i\.id)/.test(s.statement.text))) { refused++; throw Object.assign(new Error('canceling statement due to lock timeout'), { code: '55P03', severity: 'ERROR' }) }
    return fly(steps)
  } })
  await until('refusals', 3_000, () => refused === 3)
  await right(a.transport.publish(emits('news', 0, 5)))
  await until('all', 5_000, () => one.got.length === 5)
  assert.equal([one.revoked, (await owners(c.at, 'views'))[0]!.fence], [[], '1'])
})

recovery('listens again on a new connection, and looks at everything once', async c => {
  const options = { poll: 60_000, lease: 60_000 }, a = open(c, { options }), b = open(c, { options }), one = await reader(a, 'views', ['news'])
  const listener = () => c.at.query<{ pid: number }>(`select pid from pg_stat_activity where application_name = $1 and query like 'listen%'`, [c.at.schema])
  const [first] = await until('a listener', 3_000, async () => { const found = await listener(); return found.length > 0 && found })
  await c.at.query('select pg_terminate_backend($1)', [first!.pid])
  await until('the end of it', 3_000, async () => !(await listener()).some(({ pid }) => pid === first!.pid))
  await right(b.transport.publish(emits('news', 0, 5)))
  await until('what was told meanwhile', 5_000, () => one.got.length === 5)
  await right(b.transport.publish(emits('news', 5, 5)))
  await until('what is told now', 3_000, () => one.got.length === 10)
  assert.ok(a.logged.some(text => text.includes('cannot listen for news')) && a.logged.some(text => text.includes('can listen for news again')), a.logged.join('\n'))
})

recovery('says once that the database is away and once that it is back, and leaves nothing behind when it closes', async c => {
  const a = open(c), one = await reader(a, 'views', ['news'])
  await c.at.query('alter table :schema.lowtide_log rename to lowtide_away')
  await until('trouble', 3_000, () => a.logged.some(text => text.includes('cannot read the log')))
  await c.at.query(`select pg_sleep(0.3)`)
  await c.at.query('alter table :schema.lowtide_away rename to lowtide_log')
  await right(a.transport.publish(emits('news', 0, 3)))
  await until('all', 5_000, () => one.got.length === 3)
  assert.equal([a.logged.filter(text => text.includes('cannot read the log')).length, a.logged.filter(text => text.includes('can read the log again')).length], [1, 1])
  await a.close()
  assert.equal([a.transport.sizes(), a.news.sizes()], [{ subscriptions: 0, owned: 0, readings: 0, out: 0, waiting: 0 }, { listeners: 0 }])
})

recovery('closes within grace while the database does not answer', async c => {
  const a = open(c, { options: { grace: 500 } }), raw = await c.at.raw()
  await reader(a, 'views', ['news'])
  await raw.query('begin')
  await raw.query('lock table :schema.lowtide_consumers, :schema.lowtide_instances, :schema.lowtide_log in access exclusive mode')
  await within(2_000, 'the end', a.transport.close)
  await raw.query('rollback')
  assert.ok((await owners(c.at, 'views')).length > 0)
})

recovery('tells watchers of this process and of others, coalesced', async c => {
  const a = open(c), b = open(c), heard: string[] = []
  for (const [name, n] of [['a', a], ['b', b]] as const) for (const what of ['outcome', 'applied', 'parked'] as const) n.news.watch(what, () => { heard.push(`${name} ${what}`) })
  await until('the listeners', 3_000, async () => heard.filter(h => h === 'b parked').length > 0 && heard.filter(h => h === 'a parked').length > 0)
  heard.length = 0
  for (let i = 0; i < 100; i++) a.news.tell({ log: [], outcome: true, applied: i === 50, parked: false })
  await until('the other one', 3_000, () => heard.includes('b outcome') && heard.includes('b applied'))
  assert.equal([...heard].sort(), ['a applied', 'a outcome', 'b applied', 'b outcome'])
})

recovery('tells others to look at everything where the news is longer than a payload may be', async c => {
  const a = open(c), b = open(c), heard: unknown[] = []
  b.news.onLog(news => { heard.push(news) })
  await until('the listener', 3_000, () => heard.length === 1)
  a.news.tell({ log: [{ channel: 'news', partition: 3, tx: 2 ** 40 }], outcome: false, applied: false, parked: false })
  await until('one', 3_000, () => heard.length === 2)
  a.news.tell({ log: Array.from({ length: 2_000 }, (_, partition) => ({ channel: 'news', partition, tx: 2 ** 50 })), outcome: false, applied: false, parked: false })
  await until('all', 3_000, () => heard.length === 3)
  assert.equal(heard, ['everything', { channel: 'news', partition: 3, tx: 2 ** 40 }, 'everything'])
})

recovery.run()

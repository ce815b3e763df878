import { Append, append, bell, journal, journals, listView, lists, ring, views } from '../functions.js'
import { law } from '../trial.js'
import { numbered } from './traffic.js'

export const graceful = law(11, 'graceful stop', {
  'what is in flight is answered, and what was accepted stands': async t => {
    for (let round = 0; round < 6; round++) {
      const list = t.id(`list${round}`), items = numbered(30), node = await t.start([append]), told = items.map(item => node.tell(Append({ list, item }), { id: t.id(`${round}${item}`) }))
      for (let turns = 0; turns < round; turns++) await node.state()
      await node.close()
      await t.until('all answers', async () => told.every(x => x.sent !== undefined))
      const accepted = items.filter((_, i) => told[i]!.sent!.verdict === 'accepted'), others = [...new Set(told.map(x => x.sent!.verdict))].filter(v => v !== 'accepted')
      t.ok(others.every(v => v === 'unavailable'), `a command was answered ${others.join(', ')}; expected accepted or unavailable`)
      t.equal((await t.row(lists, list))?.items ?? [], accepted, 'the list holds what was accepted')
    }
  },
  'what it was handling is finished, by it or by the next, and nothing twice': async t => {
    const names = numbered(5).map(t.id), items = numbered(20), writer = await t.start([append])
    let reader = await t.start([journal, listView])
    for (const item of items) {
      await Promise.all(names.map(list => writer.send(Append({ list, item }))))
      if (Number(item.slice(1)) % 4 !== 3) continue
      await reader.close()
      reader = await t.start([journal, listView])
    }
    await t.becomes(() => t.rows(journals), names.map(id => ({ id, items })), 'the journals')
    await t.becomes(() => t.rows(views), names.map(id => ({ id, items, count: items.length })), 'the views')
  },
  'what would be lost with the process is handled before it ends': async t => {
    const list = t.id('list'), items = numbered(20), node = await t.start([append, journal, ring])
    await Promise.all(items.map(item => node.send(Append({ list, item, does: ['ring'] }))))
    await node.close()
    if (t.guarantees.durability !== 'process') await t.start([journal, ring])
    await t.becomes(async () => (await t.row(journals, list))?.items, items, 'the journal')
    await t.becomes(async () => t.done(bell.port), items, 'the effects')
  },
  'close may be called again, and at once': async t => {
    const node = await t.start([append, journal])
    await node.send(Append({ list: t.id('list'), item: 'x' }))
    await Promise.all([node.close(), node.close(), node.close()])
    await node.close()
    t.equal(await node.state(), 'closing', 'what the intake is')
  },
  'intake says that it is closed': async t => {
    const node = await t.start([append])
    await node.close()
    t.equal((await node.send(Append({ list: t.id('list'), item: 'x' }))).verdict, 'unavailable', 'the answer')
    t.equal(await t.row(lists, t.id('list')), undefined, 'the list')
  },
  'nothing is left of it: no timer, no listener, no subscription': async t => {
    const node = await t.start([append, journal, listView, ring])
    await Promise.all(numbered(20).map(item => node.send(Append({ list: t.id('list'), item, does: ['ring'] }), { wait: 'projected' })))
    await node.close()
    const { timers, listeners, subscriptions, inFlight } = await node.measured()
    t.equal({ timers, listeners, subscriptions, inFlight }, { timers: 0, listeners: 0, subscriptions: 0, inFlight: 0 }, 'what is left')
  },
  'also while a handler fails again and again': async t => {
    const node = await t.start([append, journal], { options: { retries: 10_000, grace: 2_000 } }), begun = t.clock.now()
    t.outside.rule('poison', { say: 'throw' })
    await node.send(Append({ list: t.id('list'), item: 'x', later: 'poison' }))
    await t.until('an attempt', async () => t.outside.asked.length > 0)
    await node.close()
    t.ok(t.clock.now() - begun < 30_000, `close took ${t.clock.now() - begun} ms; expected an end after the grace of 2,000 ms`)
    t.outside.release('poison')
    await t.start([journal])
    await t.becomes(async () => (await t.row(journals, t.id('list')))?.items, ['x'], 'the journal of the next process')
  },
})

import { Append, Appended, append, bell, ear, hear, journal, journals, listView, lists, ring, views } from '../functions.js'
import { inOnePartition, law } from '../trial.js'
import { numbered } from './traffic.js'

export const shared = law(5, 'each handler sees every message, instances share them', {
  'all handlers of an event see all, and each of them once, however many instances there are': async t => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f'].map(t.id), items = numbered(8), first = await t.start([append, journal, listView, ring])
    await t.start([journal, listView, ring])
    await t.start([listView, ring])
    await Promise.all(names.map(async list => { for (const item of items) await first.send(Append({ list, item, later: 'seen', does: ['ring'] })) }))
    await t.becomes(() => t.rows(journals), names.map(id => ({ id, items })), 'the journals')
    await t.becomes(() => t.rows(views), names.map(id => ({ id, items, count: items.length })), 'the views')
    await t.becomes(async () => t.done(bell.port).length, 48, 'the number of effects')
    t.equal(new Set(t.outside.done.map(d => d.key)).size, 48, 'the number of different effects')
  },
  'a broadcast handler hears what comes from now on, at every instance': async t => {
    const list = t.id('list'), first = await t.start([append, hear])
    await first.send(Append({ list, item: 'early', does: ['hear'] }))
    await t.becomes(async () => t.done(ear.port), ['early'], 'what the first instance heard')
    await t.start([hear])
    await t.start([hear])
    await first.send(Append({ list, item: 'late', does: ['hear'] }))
    await t.becomes(async () => t.done(ear.port), ['early', 'late', 'late', 'late'], 'what three instances heard')
    t.equal(new Set(t.outside.done.map(d => d.key)).size, 4, 'the number of different effects')
  },
  'every listener gets a copy of its own, in order, from now on': async t => {
    const list = t.id('list'), items = numbered(10), a = await t.start([append]), b = await t.start([]), topic = Appended.channel.channel
    await a.send(Append({ list, item: 'early' }))
    for (const n of [a, b]) t.equal(await n.listen(topic), 'Right', 'the answer of listen')
    for (const item of items) await a.send(Append({ list, item }))
    for (const n of [a, b]) await t.becomes(async () => (await n.heard()).map(m => (m.data as { item: string }).item), items, 'what the listener heard')
  },
  'a handler that is deployed later sees what was said before, as far as the shell keeps it': async t => {
    const list = t.id('list'), items = numbered(4), first = await t.start([append, journal])
    for (const item of items) await first.send(Append({ list, item }))
    await t.becomes(async () => (await t.row(journals, list))?.items, items, 'the journal')
    await t.start([listView])
    if (t.guarantees.replay === 'none') await first.send(Append({ list, item: 'now' }))
    else await t.becomes(async () => (await t.row(views, list))?.count, items.length, 'the number of events in the view')
  },
})

export const committed = law(6, 'commit order is not sequence order', {
  'a reader misses nothing of writers that commit side by side': inOnePartition(async t => {
    const names = numbered(12).map(t.id), items = numbered(15), writers = [await t.start([append]), await t.start([append]), await t.start([append])]
    await t.start([journal, listView])
    await Promise.all(names.map(async (list, i) => { for (const item of items) await writers[i % 3]!.send(Append({ list, item })) }))
    t.equal((await t.rows(lists)).map(r => r.items), names.map(() => items), 'the items that were written')
    await t.becomes(async () => (await t.rows(journals)).map(r => r.items), names.map(() => items), 'the items that were read')
  }),
  'nor of writers that write to the same': async t => {
    const names = numbered(3).map(t.id), items = numbered(15), writers = [await t.start([append]), await t.start([append]), await t.start([append])]
    await t.start([journal])
    await Promise.all(names.flatMap(list => items.map((item, i) => writers[i % 3]!.send(Append({ list, item }), { timeout: 600_000 }))))
    const written = await t.rows(lists)
    t.equal(written.map(r => [...r.items].toSorted()), names.map(() => items), 'the items that were written')
    await t.becomes(async () => (await t.rows(journals)).map(r => r.items), written.map(r => r.items), 'the items that were read, in the order in which they were written')
  },
  'nor of one that stands still in the middle of its work': async t => {
    const names = numbered(3).map(t.id), slow = await t.start([append]), quick = await t.start([append])
    await t.start([journal])
    let n = 0
    for (let round = 0; round < 12; round++) {
      const late = slow.tell(Append({ list: names[round % 3]!, item: `slow${round}` }), { timeout: 3_600_000 })
      for (let turns = 0; turns < round; turns++) await quick.state() // each turn lets it go a little further
      await slow.pause()
      for (const list of names) { await quick.send(Append({ list, item: `quick${round}` })); n++ }
      await t.becomes(async () => (await t.rows(journals)).flatMap(r => r.items).filter(i => i.startsWith('quick')).length, n, 'the number of items read beside the writer that stands still')
      await slow.resume()
      await t.until('the late answer', async () => late.sent !== undefined)
      t.equal(late.sent!.verdict, 'accepted', 'the late answer')
    }
    await t.becomes(async () => (await t.rows(journals)).map(r => r.items), (await t.rows(lists)).map(r => r.items), 'the items that were read')
  },
})

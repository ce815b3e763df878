import { type AnyDecider, bodyOf } from '@lowtide/core'
import {
  Append, Claim, Install, Join, Leave, Noted, OpenAccount, PayByCard, PayInCash, Priced, Transfer,
  accounts, append, bell, claim, counters, install, join, journal, journals, leave, listView, lists, members, openAccount, payByCard, payInCash, priceList, prices, receipt, receipts, slots, tills, transfer, views,
} from '../functions.js'
import type { Node } from '../node.js'
import { type Trial, law } from '../trial.js'
import { around, everyCall, numbered } from './traffic.js'

const tables = [lists, journals, views, accounts, prices, slots, members, tills, receipts] as const
const everything = (t: Trial) => Promise.all(tables.map(t.rowsOf))
/** Rebuilds what each of these keeps; the rows must be as they were. */
const same = async (t: Trial, node: Node, handlers: readonly AnyDecider[]): Promise<void> => {
  const before = await everything(t)
  for (const h of handlers) {
    const verdict = await node.rebuild(h)
    if (t.guarantees.replay === 'none') t.ok(verdict !== 'accepted', `the rebuilding of '${h.name}' is refused where nothing can be replayed; found '${verdict}'`)
    else t.equal(verdict, 'accepted', `the answer to the rebuilding of '${h.name}'`)
    t.equal(await everything(t), before, `the rows after the rebuilding of '${h.name}'`)
  }
}

export const replayed = law(12, 'replay', {
  'rows made anew from history equal those that were live: projections, policies, decisions': async t => {
    const names = numbered(4).map(t.id), node = await t.start([...around, openAccount, transfer])
    for (const item of numbered(6)) await Promise.all(names.map(list => node.send(Append({ list, item }))))
    for (const id of names) await node.send(OpenAccount({ id, bank: t.prefix, balance: 100 }))
    for (let i = 0; i < 20; i++) await node.send(Transfer({ from: names[i % 4]!, to: names[(i + 1 + i % 2) % 4]!, amount: i }))
    await t.becomes(async () => (await t.rows(views)).map(r => r.count), names.map(() => 6), 'the views')
    await t.becomes(async () => (await t.rows(journals)).map(r => r.items.length), names.map(() => 6), 'the journals')
    await same(t, node, [listView, journal, append, transfer])
  },
  'a replay fires no effect, sends nothing and decides nothing': async t => {
    const list = t.id('list'), node = await t.start(around), items = numbered(5)
    for (const item of items) await node.send(Append({ list, item, later: 'asked', does: ['ring', 'tell'] }))
    await t.becomes(async () => [t.done(bell.port).length, (await t.row(journals, list))?.items.length], [5, 5], 'the effects and the journal')
    await t.becomes(async () => [(await t.row(counters, list))?.n, (await t.channel(Noted)).length], [5, 5], 'the counter and the notes')
    const types = around.flatMap(h => [...h.in, ...h.out])
    const told = async () => ({ asked: t.outside.asked.length, done: t.outside.done.length, messages: (await Promise.all(types.map(t.channel))).map(m => m.length) })
    const before = await told()
    await same(t, node, [listView, journal, append])
    await t.clock.pass(2_000)
    t.equal(await told(), before, 'questions, deeds and messages after the replay')
    t.equal(bodyOf('', await t.row(lists, list)).length > 0, true, 'the list is there')
  },
  'while it is written to': async t => {
    const names = numbered(4).map(t.id), node = await t.start([append, journal, listView]), other = await t.start([append])
    for (const item of numbered(10)) await Promise.all(names.map(list => node.send(Append({ list, item }))))
    const told = [node, other].flatMap(n => names.flatMap(list => numbered(10).map(item => n.tell(Append({ list, item: `more ${item}` }), { timeout: 600_000 }))))
    const verdicts = [await node.rebuild(listView), await node.rebuild(journal)]
    await t.until('all writes', async () => told.every(x => x.sent !== undefined))
    if (t.guarantees.replay !== 'none') t.equal(verdicts, ['accepted', 'accepted'], 'the answers')
    await t.becomes(async () => (await t.rows(views)).map(r => [r.items, r.count]), (await t.rows(lists)).map(r => [r.items, 30]), 'the views')
    await t.becomes(async () => (await t.rows(journals)).map(r => r.items), (await t.rows(lists)).map(r => r.items), 'the journals')
    await same(t, node, [listView, journal])
  },
  'unique values that moved in the past': async t => {
    const node = await t.start([claim])
    for (const n of ['a', 'b', 'c']) await node.send(Claim({ mine: t.id(n), other: t.id('none'), by: 'tag' }))
    await same(t, node, [claim])
    if (t.guarantees.references === 'unchecked') return
    const office = await t.start([join, leave]), email = `${t.prefix}@x`
    for (const n of ['a', 'b', 'c']) {
      t.equal((await office.send(Join({ id: t.id(n), email, team: null, blind: false }))).verdict, 'accepted', `joining of ${n}`)
      if (n !== 'c') await office.send(Leave({ id: t.id(n) }))
    }
    await same(t, office, [join])
    t.equal((await t.rows(members)).map(m => m.id), [t.id('c')], 'the members')
  },
  'an event that several handlers make is written by its maker alone, also where a projector shares their tables': async t => {
    if (t.guarantees.references === 'unchecked') return
    const till = t.id('till'), node = await t.start([install, payInCash, payByCard, receipt])
    await node.send(Install({ till }))
    for (const [n, Pay] of [PayInCash, PayByCard, PayByCard].entries()) await node.send(Pay({ id: t.id(String(n)), till }), { wait: 'projected' })
    t.equal([(await t.row(tills, till))?.payments, (await t.rows(receipts)).length], [3, 3], 'the payments and the receipts')
    await same(t, node, [receipt, payByCard])
  },
  'old versions are lifted': async t => {
    const [one, two] = ['1', '2'].map(t.id) as [string, string], node = await t.start([priceList])
    await node.publish(
      t.emit(Priced, { product: one, cents: 0, currency: '' }, { id: one, data: { product: one, price: 1.5 }, dataschema: 'Priced/1' }),
      t.emit(Priced, { product: two, cents: 0, currency: '' }, { id: two, data: { product: two, cents: 7 }, dataschema: 'Priced/2' }),
    )
    await t.becomes(async () => (await t.rows(prices)).map(r => r.cents), [150, 7], 'the prices')
    await same(t, node, [priceList])
  },
  'a process that dies while it rebuilds leaves the rows as they are': async t => {
    const list = t.id('list'), node = await t.start([append, listView, journal])
    for (const item of numbered(4)) await node.send(Append({ list, item }), { wait: 'projected' })
    await t.becomes(async () => (await t.row(journals, list))?.items.length, 4, 'the length of the journal')
    const before = await everything(t)
    await everyCall(t, async faults => {
      const worker = await t.start([], { faults })
      let done = worker.crashed()
      worker.instance.call('rebuild', [listView.name]).then(() => { done = true }, () => { done = true })
      await t.until('the end of the rebuilding, or of the process', async () => done || worker.crashed())
      t.equal(await everything(t), before, `the rows after the faults ${JSON.stringify(faults)}`)
      const crashed = worker.crashed()
      await worker.crash()
      return { crashed }
    })
    await node.send(Append({ list, item: 'after' }), { wait: 'projected' })
    t.equal((await t.row(views, list))?.count, 5, 'the number of events in the view')
  },
  'a rebuilt table serves on': async t => {
    const list = t.id('list'), node = await t.start([append, listView])
    await node.send(Append({ list, item: 'a' }), { wait: 'projected' })
    await same(t, node, [listView, append])
    await node.send(Append({ list, item: 'b' }), { wait: 'projected' })
    t.equal([(await t.row(views, list))?.count, (await t.row(lists, list))?.items], [2, ['a', 'b']], 'the view and the list')
  },
})

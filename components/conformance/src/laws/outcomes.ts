import { Append, Count, Join, OpenAccount, Transfer, append, appended, count, counters, join, listView, lists, members, openAccount, transfer } from '../functions.js'
import { another, law } from '../trial.js'
import { numbered } from './traffic.js'

export const sameOutcome = law(9, 'same id, same outcome', {
  'at the same instance, at another, and after all of them died': async t => {
    const list = t.id('list'), id = t.id('x'), a = await t.start([append]), b = await t.start([append]), front = await t.start([]), draft = Append({ list, item: 'x' })
    const first = await a.send(draft, { id })
    t.equal(first.verdict, 'accepted', 'the outcome')
    for (const n of [a, b, front]) t.equal((await n.send(draft, { id })).events, first.events, 'the events of the same id')
    for (const n of [a, b, front]) await n.crash()
    t.equal((await (await t.start([append])).send(draft, { id })).events, first.events, 'the events of the same id after a restart')
    t.equal((await t.row(lists, list))?.items, ['x'], 'the list')
  },
  'a rejection stays what it was, also when it would now be accepted': async t => {
    const a = t.id('a'), b = t.id('b'), node = await t.start([openAccount, transfer]), draft = Transfer({ from: a, to: b, amount: 5 })
    await node.send(OpenAccount({ id: a, bank: t.prefix, balance: 0 }))
    await node.send(OpenAccount({ id: b, bank: t.prefix, balance: 10 }))
    t.equal((await node.send(draft, { id: t.id('t') })).verdict, 'poor', 'the outcome')
    await node.send(Transfer({ from: b, to: a, amount: 10 }))
    t.equal((await node.send(draft, { id: t.id('t') })).verdict, 'poor', 'the outcome of the same id, now that there is money')
    t.equal((await node.send(draft, { id: t.id('u') })).verdict, 'accepted', 'the outcome of another id')
  },
  'another body under the same id is refused, at any instance': async t => {
    const list = t.id('list'), id = t.id('x'), a = await t.start([append]), b = await t.start([append]), front = await t.start([])
    await a.send(Append({ list, item: 'x' }), { id })
    for (const n of [a, b, front]) t.equal((await n.send(Append({ list, item: 'y' }), { id })).verdict, 'id-reused', 'the answer to another body')
    t.equal((await a.send(Append({ list, item: 'x' }), { id })).verdict, 'accepted', 'the answer to the first body')
    t.equal((await t.row(lists, list))?.items, ['x'], 'the list')
  },
  'another command under the same id is refused too': async t => {
    const list = t.id('list'), id = t.id('x'), node = await t.start([append, count])
    await node.send(Append({ list, item: 'x' }), { id })
    t.equal((await node.send(Count({ counter: list, by: 1 }), { id })).verdict, 'id-reused', 'the answer to another command')
    t.equal(await t.row(counters, list), undefined, 'the counter')
  },
  'twice at once with two bodies: one stands, the other is refused': async t => {
    const a = await t.start([append]), b = await t.start([append]), list = t.id('list')
    for (const n of numbered(t.cases(30))) {
      const [x, y] = await Promise.all([a.send(Append({ list, item: `${n}x` }), { id: t.id(n) }), b.send(Append({ list, item: `${n}y` }), { id: t.id(n) })])
      t.equal([x.verdict, y.verdict].toSorted(), ['accepted', 'id-reused'], `the outcomes under the id ${t.id(n)}`)
    }
    t.equal((await t.row(lists, list))?.items.length, t.cases(30), 'the length of the list')
  },
  'a body is compared as its schema reads it': async t => {
    if (t.guarantees.references === 'unchecked') return t.ok(true, 'there are no members without references')
    const node = await t.start([join]), id = t.id('m'), email = `Ann@${t.prefix}`
    const first = await node.send(Join({ id, email: `  ${email} `, team: null, blind: false }), { id })
    t.equal((await node.send(Join({ id, email: email.toLowerCase(), team: null, blind: false }), { id })).events, first.events, 'the events')
    return t.equal((await t.rows(members)).map(m => m.email), [email.toLowerCase()], 'the emails')
  },
  'what was not handled is not stored: the same id may run again': async t => {
    const list = t.id('list'), id = t.id('x'), node = await t.start([append]), draft = Append({ list, item: 'x', gate: 'poison' })
    t.outside.rule('poison', { say: 'throw' })
    t.equal((await node.send(draft, { id })).verdict, 'failed', 'the first answer')
    t.outside.release('poison')
    t.equal((await node.send(draft, { id })).verdict, 'accepted', 'the second answer')
    t.equal((await t.row(lists, list))?.items, ['x'], 'the list')
  },
  'the view is read afresh': async t => {
    const list = t.id('list'), id = t.id('x'), node = await t.start([append, listView]), draft = Append({ list, item: 'x' })
    await node.answer(appended, draft, { id })
    await node.send(Append({ list, item: 'y' }), { wait: 'projected' })
    t.equal(((await node.answer(appended, draft, { id })).answer as { value: { count: number } }).value.count, 2, 'the count in the answer of the same id')
  },
  'it survives what the shell promises to survive': async t => {
    const node = await t.start([append]), list = t.id('list'), id = t.id('x')
    await node.send(Append({ list, item: 'x' }), { id })
    await node.crash()
    await t.world.restart?.()
    const { durability } = t.guarantees, gone = durability === 'process', after = gone ? await another(t, 'same') : t // the next process begins with nothing
    const next = await (await after.start([append])).send(Append({ list, item: 'y' }), { id })
    t.equal(next.verdict, gone ? 'accepted' : 'id-reused', `the outcome after a restart, where durability is '${durability}'`)
  },
})

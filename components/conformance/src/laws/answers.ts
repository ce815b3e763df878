import { Append, OpenAccount, Transfer, account, append, appended, listView, lists, openAccount, opened, rich, transfer, view, views } from '../functions.js'
import { law } from '../trial.js'
import { numbered } from './traffic.js'

const some = (value: unknown) => ({ _tag: 'Some', value })

export const answered = law(8, 'answered or timed out', {
  'the outcome comes, whichever instance handles it; a rejection is an answer too': async t => {
    const front = await t.start([]), a = t.id('a'), b = t.id('b')
    await t.start([openAccount, transfer])
    for (const id of [a, b]) t.equal((await front.send(OpenAccount({ id, bank: t.prefix, balance: 5 }))).verdict, 'accepted', 'opening an account')
    const poor = await front.send(Transfer({ from: a, to: b, amount: 6 })), paid = await front.send(Transfer({ from: a, to: b, amount: 5 }))
    t.equal([poor.verdict, poor.outcome?.rejection?.message, poor.events], ['poor', 'the balance is 5', []], 'a transfer without the money')
    t.equal([paid.verdict, paid.events.map(e => e.data)], ['accepted', [{ from: a, to: b, amount: 5 }]], 'a transfer with it')
  },
  'what cannot be handled is told apart': async t => {
    const a = t.id('a'), b = t.id('b'), node = await t.start([openAccount, transfer, append])
    for (const id of [a, b]) await node.send(OpenAccount({ id, bank: t.prefix, balance: 5 }))
    t.equal((await node.send({ ...Transfer({ from: a, to: b, amount: 1 }), data: { from: a, to: b, amount: 'all' } })).verdict, 'invalid', 'data that does not fit')
    t.equal((await node.send({ kind: 'command', type: 'Tranfser', data: {} })).notHandled?.message.includes(`'Transfer'`), true, 'the nearest name for a command that nobody takes')
    t.equal((await node.send(Transfer({ from: a, to: b, amount: 1 }), { actor: 'stranger' })).verdict, 'forbidden', 'somebody who may not')
    t.equal((await node.query(account, { id: a }, { actor: 'stranger' })).verdict, 'forbidden', 'somebody who may not ask')
    t.equal((await node.send(Append({ list: t.id('l'), item: 'x'.repeat(300_000) }))).verdict, 'invalid', 'a message that is too large')
    t.equal((await node.send(Append({ list: t.id('l'), item: 'a\u0000b' }))).verdict, 'invalid', 'a text that not every store can keep')
    t.outside.rule('poison', { say: 'fail' })
    t.equal((await node.send(Append({ list: t.id('l'), item: 'x', gate: 'poison' }))).verdict, 'failed', 'a handler that fails')
  },
  'a handler that fails elsewhere is told too': async t => {
    const front = await t.start([])
    await t.start([append])
    t.outside.rule('poison', { say: 'throw' })
    t.equal((await front.send(Append({ list: t.id('l'), item: 'x', gate: 'poison' }))).verdict, 'failed', 'the answer')
  },
  'who loses every conflict is told that it is busy': async t => {
    const node = await t.start([append], { faults: { stale: 1_000_000 } })
    t.equal((await node.send(Append({ list: t.id('l'), item: 'x' }))).verdict, 'busy', 'the answer')
    t.equal((await (await t.start([])).send(Append({ list: t.id('l'), item: 'x' }))).verdict, 'busy', 'the answer to another process')
  },
  'nobody who handles it: a timeout, and nothing is left of it in the caller': async t => {
    const front = await t.start([]), before = await front.measured(), begun = t.clock.now(), n = t.cases(1_000)
    const sent = await Promise.all(Array.from({ length: n }, (_, i) => front.send(Append({ list: t.id(`${i}`), item: 'x' }), { id: t.id(`x${i}`), timeout: 2_000 })))
    t.equal([...new Set(sent.map(s => s.verdict))], ['timeout'], 'the answers')
    t.ok(t.clock.now() - begun < 10_000, `they came after ${t.clock.now() - begun} ms; expected about 2,000 ms`)
    const own = 2 // a process polls by itself
    const left = async (): Promise<unknown> => {
      const { timers, listeners, subscriptions } = await front.measured()
      return { timers: timers <= before.timers + own, listeners, subscriptions }
    }
    await t.becomes(left, { timers: true, listeners: before.listeners, subscriptions: before.subscriptions }, `what is left in the caller (of timers, at most ${own} more)`)
    await t.start([append])
    await t.becomes(async () => (await t.rows(lists)).length, n, 'the number of lists, once somebody handles the commands')
    const again = await front.send(Append({ list: t.id('0'), item: 'x' }), { id: t.id('x0') })
    t.equal([again.verdict, (await t.row(lists, t.id('0')))?.items], ['accepted', ['x']], 'the outcome that the same id learns later, and the list')
  },
  'an answer comes when the projection shows it, at any instance': async t => {
    const front = await t.start([]), list = t.id('list')
    await t.start([append])
    await t.start([listView])
    for (const [i, item] of numbered(10).entries()) {
      const got = await front.answer(appended, Append({ list, item }))
      t.equal([got.verdict, (got.answer as { value?: { count: number } }).value?.count], ['accepted', i + 1], 'the answer and its count')
    }
    const sent = await front.send(Append({ list, item: 'more' }), { wait: 'projected' })
    t.equal([sent.verdict, (await t.row(views, list))?.count], ['accepted', 11], 'the outcome, and the view when it is projected')
    t.equal((await front.query(view, { id: list })).answer, some({ id: list, items: [...numbered(10), 'more'], count: 11 }), 'the answer of the query')
  },
  'as soon as it is handled, where nothing has to be projected': async t => {
    const node = await t.start([openAccount]), id = t.id('a')
    t.equal((await node.answer(opened, OpenAccount({ id, bank: t.prefix, balance: 3 }))).answer, some({ id, bank: t.prefix, balance: 3, rate: '0' }), 'the answer')
    t.equal((await node.answer(opened, OpenAccount({ id, bank: t.prefix, balance: 3 }))).verdict, 'exists', 'the answer to a rejected command')
    t.equal((await node.query(rich, { bank: t.prefix, limit: 5 })).answer, [id], 'the answer of a query over an index')
  },
  'a projection that does not come is a timeout, one that is parked is told at once': async t => {
    const list = t.id('list'), node = await t.start([append])
    t.equal((await node.answer(appended, Append({ list, item: 'x' }), { timeout: 1_000 })).verdict, 'timeout', 'the answer while no projector runs')
    await t.start([listView])
    await node.send(Append({ list, item: 'bad', spoil: true }))
    const begun = t.clock.now(), got = await node.answer(appended, Append({ list, item: 'y' }), { timeout: 3_600_000 })
    if (t.guarantees.parkedKey === 'held') {
      t.equal(got.verdict, 'projection-parked', 'the answer behind a parked event')
      t.ok(t.clock.now() - begun < 30_000, `it came after ${t.clock.now() - begun} ms; expected at once`)
    } else t.equal(got.verdict, 'accepted', 'the answer past a parked event')
    t.equal((await node.answer(appended, Append({ list: t.id('other'), item: 'y' }))).verdict, 'accepted', 'the answer for another key')
  },
})

import {
  AccountOpened, Append, Appended, Claim, Claimed, Noted, OpenAccount, Transfer, Transferred,
  accounts, append, claim, journal, journals, listView, lists, openAccount, ring, slots, transfer,
} from '../functions.js'
import { type Trial, another, law } from '../trial.js'
import type { Faults } from '../world.js'
import { everyCall, numbered } from './traffic.js'

const bank = [openAccount, transfer]
const data = <D>(m: { readonly data: unknown }): D => m.data as D

/** What the events tell and what the rows hold, wherever a process was cut off. */
const agrees = async (t: Trial): Promise<void> => {
  const last = new Map<string, readonly string[]>(), noted = new Map<string, readonly string[]>(), balances = new Map<string, number>()
  for (const m of await t.channel(Appended)) last.set(m.subject, data<{ items: string[] }>(m).items)
  for (const m of await t.channel(Noted)) noted.set(m.subject, data<{ items: string[] }>(m).items)
  for (const m of await t.channel(AccountOpened)) balances.set(m.subject, data<{ balance: number }>(m).balance)
  for (const m of await t.channel(Transferred)) {
    const { from, to, amount } = data<{ from: string; to: string; amount: number }>(m)
    balances.set(from, balances.get(from)! - amount)
    balances.set(to, balances.get(to)! + amount)
  }
  const byName = <A>(map: ReadonlyMap<string, A>): readonly (readonly [string, A])[] => [...map].toSorted(([a], [b]) => a < b ? -1 : 1)
  t.equal((await t.rows(lists)).map(r => [r.id, r.items]), byName(last), 'the rows of a command, which its events tell')
  t.equal((await t.rows(journals)).map(r => [r.id, r.items]), byName(noted), 'the rows of a policy, which its events tell')
  t.equal((await t.rows(accounts)).map(r => [r.id, r.balance]), byName(balances), 'the balances, which the events tell')
}
const cutOff = async (t: Trial, faults: Faults): Promise<{ readonly crashed: boolean }> => {
  const handlers = [...bank, append, journal, listView, ring], worker = await t.start(handlers, { faults }), a = t.id('a'), b = t.id('b'), list = t.id('list')
  const drafts = [
    ...[a, b].map(id => OpenAccount({ id, bank: t.prefix, balance: 9 })),
    Append({ list, item: 'x', does: ['ring'] }), Transfer({ from: a, to: b, amount: 5 }), Append({ list, item: 'y' }),
  ]
  for (const [i, draft] of drafts.entries()) {
    const told = worker.tell(draft, { id: t.id(`c${i}`) })
    await t.until('an answer or the end of the process', async () => told.sent !== undefined || worker.crashed())
  }
  await t.until('the journal, or the end of the process', async () => worker.crashed() || (await t.row(journals, list))?.items.length === 2)
  await agrees(t)
  if (!worker.crashed()) return { crashed: false }
  const next = await t.start(handlers)
  for (const [i, draft] of drafts.entries()) t.equal((await next.send(draft, { id: t.id(`c${i}`) })).verdict, 'accepted', `command ${i} after ${JSON.stringify(faults)}`)
  await t.becomes(async () => (await t.row(journals, list))?.items, ['x', 'y'], 'the journal')
  await agrees(t)
  return { crashed: true }
}

export const atomic = law(3, 'atomic', {
  'rows, events and outcomes tell the same, whichever call a process dies at': async t => {
    await everyCall(t, async faults => {
      const other = await another(t)
      try { return await cutOff(other, faults) } finally { await other.close() }
    })
  },
  'nobody ever sees half of a unit': async t => {
    const ids = numbered(4).map(t.id), worker = await t.start(bank, { faults: { commit: { times: 2, when: 'before' } } })
    for (const id of ids) await worker.send(OpenAccount({ id, bank: t.prefix, balance: 50 }))
    const told = Array.from({ length: 60 }, (_, i) => worker.tell(Transfer({ from: ids[i % 4]!, to: ids[(i + 1 + i % 3) % 4]!, amount: 1 + i % 5 })))
    await t.until('all transfers', async () => {
      t.equal((await t.rows(accounts)).reduce((sum, r) => sum + r.balance, 0), 200, 'the money of all accounts at any moment')
      return told.every(x => x.sent !== undefined)
    })
    await agrees(t)
  },
  'a message that fails leaves nothing': async t => {
    const a = t.id('a'), b = t.id('b'), worker = await t.start(bank)
    for (const id of [a, b]) await worker.send(OpenAccount({ id, bank: t.prefix, balance: 10 }))
    t.equal((await worker.send(Transfer({ from: a, to: b, amount: 3, spoil: true }))).verdict, 'failed', 'the answer to a message whose last change does not fit')
    t.equal((await t.rows(accounts)).map(r => r.balance), [10, 10], 'the balances')
    t.equal(await t.channel(Transferred), [], 'the events')
  },
  'its neighbours in a batch do not see what it staged': async t => {
    const worker = await t.start(bank)
    for (let n = 0; n < 10; n++) {
      const [rich, poor, third] = ['rich', 'poor', 'third'].map(x => t.id(`${x}${n}`)) as [string, string, string]
      for (const id of [rich, poor, third]) await worker.send(OpenAccount({ id, bank: t.prefix, balance: id === rich ? 100 : 0 }))
      const [spoiled, neighbour] = await Promise.all([Transfer({ from: rich, to: poor, amount: 100, spoil: true }), Transfer({ from: poor, to: third, amount: 50 })].map(x => worker.send(x)))
      t.equal([spoiled?.verdict, neighbour?.verdict], ['failed', 'poor'], 'a transfer that fails, and one that its money would have paid')
    }
    t.equal(await t.channel(Transferred), [], 'the events')
  },
  'a unit holds rows of any keys, or of its own alone, as the shell promises': async t => {
    const a = t.id('a'), b = t.id('b'), worker = await t.start(bank)
    for (const id of [a, b]) await worker.send(OpenAccount({ id, bank: t.prefix, balance: 10 }))
    const global = t.guarantees.scope === 'global', sent = await worker.send(Transfer({ from: a, to: b, amount: 3 }))
    t.equal(sent.verdict, global ? 'accepted' : 'failed', `the answer where the scope is '${t.guarantees.scope}'`)
    t.equal((await t.rows(accounts)).map(r => r.balance), global ? [7, 13] : [10, 10], 'the balances')
  },
  'neighbours of a message that fails are handled': async t => {
    const ids = numbered(9).map(t.id), worker = await t.start(bank)
    await Promise.all(ids.map(id => worker.send(OpenAccount({ id, bank: t.prefix, balance: 10 }))))
    const sent = await Promise.all(ids.slice(0, 8).map((from, i) => worker.send(Transfer({ from, to: ids[8]!, amount: 1, spoil: i === 3 }))))
    t.equal(sent.map(s => s.verdict), ids.slice(0, 8).map((_, i) => i === 3 ? 'failed' : 'accepted'), 'the outcomes')
    t.equal((await t.row(accounts, ids[8]!))?.balance, 17, 'the balance')
  },
  'what a constraint forbids leaves nothing': async t => {
    const worker = await t.start([claim]), mine = t.id('a'), other = t.id('b')
    const sent = await Promise.all(['1', '2', '3'].map(n => worker.send(Claim({ mine, other, by: 'key' }), { id: t.id(n) })))
    t.equal(sent.map(s => s.verdict).toSorted(), ['accepted', 'constraint', 'constraint'], 'the outcomes')
    t.equal(sent.find(s => s.verdict === 'constraint')?.outcome?.rejection?.details, { constraint: 'slots.id' }, 'the name of the constraint')
    t.equal((await t.channel(Claimed)).length, 1, 'the number of events')
    t.equal((await t.rows(slots)).length, 1, 'the number of rows')
  },
})

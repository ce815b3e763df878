import { Append, append, bell, book, journal, journals, lists, ring } from '../functions.js'
import type { Node } from '../node.js'
import { type Trial, inOnePartition, law } from '../trial.js'
import { numbered, patient } from './traffic.js'

/** A shell that does not order promises so by refusing those who need it. */
const perKey = (run: (t: Trial) => Promise<void>) => async (t: Trial): Promise<void> => {
  if (t.guarantees.ordering === 'per key') return run(t)
  const refused = await t.start([book], { whole: true }).then(() => 'it started', (e: Error) => e.message)
  return t.ok(refused.includes('oneAtATime'), `a need for order is refused where nothing is ordered; found: ${refused}`)
}

export const ordered = law(4, 'ordered per key', {
  'commands of a key are handled in the order in which they came, whatever has to be tried again': perKey(async t => {
    const names = ['a', 'b', 'c'].map(t.id), items = numbered(20), front = await t.start([])
    t.outside.rule('fails', { say: 'fail', times: 2 })
    t.outside.rule('throws', { say: 'throw', times: 1 })
    await t.start([append])
    await t.start([append])
    for (const item of items) for (const list of names) front.tell(Append({ list, item, ...(t.random() < 0.2 && { gate: t.random() < 0.5 ? 'fails' : 'throws' }) }), patient)
    await t.until('all commands on their channel', async () => (await t.channel(Append)).length === names.length * items.length)
    const came = await t.channel(Append)
    await t.becomes(() => t.rows(lists), names.map(id => ({ id, items: came.filter(m => m.subject === id).map(m => (m.data as { item: string }).item) })), 'the lists')
  }),
  'events of a key are handled in the order of their channel, whatever has to be tried again': perKey(async t => {
    const names = ['a', 'b', 'c', 'd'].map(t.id), items = numbered(20), front = await t.start([append])
    t.outside.rule('fails', { say: 'fail', times: 2 })
    t.outside.rule('throws', { say: 'throw', times: 3 })
    await t.start([journal])
    await t.start([journal])
    const draft = (list: string, item: string) => Append({ list, item, ...(t.random() < 0.3 && { later: t.random() < 0.5 ? 'fails' : 'throws' }) })
    await Promise.all(names.map(async list => { for (const item of items) await front.send(draft(list, item)) }))
    await t.becomes(() => t.rows(journals), names.map(id => ({ id, items })), 'the journals')
  }),
  'also when all of them wait in the channel before the first is handled': inOnePartition(perKey(async t => {
    const names = ['a', 'b'].map(t.id), items = numbered(12), front = await t.start([append])
    t.outside.rule('throws', { say: 'throw', times: 2 })
    for (const item of items) for (const list of names) await front.send(Append({ list, item, ...(item === 'i003' && { later: 'throws' }) }))
    await t.start([journal])
    await t.becomes(() => t.rows(journals), names.map(id => ({ id, items })), 'the journals')
  })),
  'a command that one process sends to itself does not overtake one of its key that is tried again': perKey(async t => {
    const list = t.id('list'), worker = await t.start([append])
    for (const n of numbered(5)) {
      t.outside.rule(`${n} fails`, { say: 'fail' })
      const first = worker.tell(Append({ list, item: `${n} first`, gate: `${n} fails` }))
      await t.until('the first attempt', async () => t.outside.asked.some(a => a.name === `${n} fails`))
      const second = worker.tell(Append({ list, item: `${n} second` }))
      t.outside.release(`${n} fails`)
      await t.until('both outcomes', async () => first.sent !== undefined && second.sent !== undefined)
      t.equal([first.sent!.verdict, second.sent!.verdict], ['accepted', 'accepted'], 'the outcomes')
    }
    t.equal((await t.row(lists, list))?.items, numbered(5).flatMap(n => [`${n} first`, `${n} second`]), 'the list')
  }),
  'keys do not wait for each other': inOnePartition(perKey(async t => {
    const slow = t.id('slow'), fast = t.id('fast'), items = numbered(5), options = { retries: 10_000 }
    t.outside.rule('stuck', { say: 'fail' })
    const worker = await t.start([append, journal], { options })
    for (const item of items) for (const list of [slow, fast]) await worker.send(Append({ list, item, ...(list === slow && item === 'i000' && { later: 'stuck' }) }))
    await t.becomes(async () => (await t.row(journals, fast))?.items, items, 'the journal of the key beside the one that is stuck')
    t.equal(await t.row(journals, slow), undefined, 'the journal of the key that is stuck')
    t.outside.release('stuck')
    await t.becomes(async () => (await t.row(journals, slow))?.items, items, 'the journal of the key that was stuck')
  })),
  'while instances join, leave and die': perKey(async t => {
    const names = ['a', 'b', 'c', 'd', 'e'].map(t.id), items = numbered(24), front = await t.start([append]), running: Node[] = [await t.start([journal])]
    t.outside.rule('fails', { say: 'fail', times: 1 })
    for (const [i, item] of items.entries()) {
      await Promise.all(names.map(list => front.send(Append({ list, item, ...(t.random() < 0.2 && { later: 'fails' }) }))))
      if (i % 6 === 1) running.push(await t.start([journal]))
      if (i % 6 === 3) await running.shift()!.crash()
      if (i % 6 === 4) running.push(await t.start([journal]))
      if (i % 6 === 5) await running.shift()!.close()
    }
    await t.becomes(() => t.rows(journals), names.map(id => ({ id, items })), 'the journals')
  }),
  'effects of a key are done in their order': perKey(async t => {
    const list = t.id('list'), items = numbered(8), worker = await t.start([append, ring])
    for (const item of ['i001', 'i004']) t.outside.rule(`bell ${item}`, { say: 'throw', times: 2 })
    for (const item of items) await worker.send(Append({ list, item, does: ['ring'] }))
    await t.becomes(async () => t.done(bell.port), items, 'the effects')
  }),
})

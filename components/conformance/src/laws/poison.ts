import { Append, Appended, append, bell, journal, journals, listView, lists, ring, views } from '../functions.js'
import type { Node } from '../node.js'
import { type Trial, another, inOnePartition, law } from '../trial.js'
import { everyCall, healing, numbered } from './traffic.js'

const held = (t: Trial): boolean => t.guarantees.parkedKey === 'held'
/** A list whose second event is poison for the journal, and one beside it. */
const poisoned = async (t: Trial, items = numbered(4)): Promise<{ readonly worker: Node; readonly bad: string; readonly good: string; readonly items: readonly string[] }> => {
  const bad = t.id('bad'), good = t.id('good'), worker = await t.start([append, journal])
  t.outside.rule('poison', { say: 'throw' })
  for (const item of items) for (const list of [bad, good]) await worker.send(Append({ list, item, ...(list === bad && item === 'i001' && { later: 'poison' }) }))
  await t.becomes(async () => (await t.row(journals, good))?.items, items, 'the journal of the key beside the poisoned one')
  const rest = held(t) ? items.slice(2).map(() => 'waiting') : []
  await t.becomes(async () => (await worker.parked({ consumer: journal.name, key: bad })).map(p => p.state), ['parked', ...rest], 'what is parked of the poisoned key')
  t.equal((await t.row(journals, bad))?.items, held(t) ? ['i000'] : items.filter(i => i !== 'i001'), `the journal of the poisoned key, where a parked key is '${t.guarantees.parkedKey}'`)
  return { worker, bad, good, items }
}
const head = async (n: Node, key: string): Promise<string> => (await n.parked({ key, state: 'parked' }))[0]!.id

export const contained = law(7, 'poison is contained', {
  'retries are bounded, with full-jitter backoff': async t => {
    const names = numbered(6).map(t.id), options = { retries: 4, backoffBase: 100, backoffCap: 300 }, worker = await t.start([append, journal], { options })
    t.outside.rule('poison', { say: 'throw' })
    for (const list of names) await worker.send(Append({ list, item: 'x', later: 'poison' }))
    await t.until('all of them parked', async () => (await worker.parked({ consumer: journal.name })).length === names.length)
    const waits = names.map(list => t.outside.asked.filter(a => a.at === `journal ${list} x`).map(a => a.time)).map(times => times.slice(1).map((at, i) => at - times[i]!))
    t.equal(waits.map(w => w.length), names.map(() => 4), 'the number of attempts after the first')
    const bounds = [100, 200, 300, 300], slack = 500
    for (const w of waits) w.forEach((ms, i) => t.ok(ms <= bounds[i]! + slack, `attempt ${i + 2} came after ${ms} ms; expected at most ${bounds[i]!} ms`))
    t.ok(new Set(waits.map(w => Math.round(w[1]! / 5))).size > 1, `the waits of different messages differ: ${JSON.stringify(waits)}`)
    const [parked] = await worker.parked({ consumer: journal.name })
    t.equal([parked!.attempts, parked!.reason.includes('told to throw'), parked!.message?.type], [5, true, Appended.type], 'attempts, reason and message of what is parked')
  },
  'what comes after it on its key waits behind it or passes, as the shell promises; other keys go on': inOnePartition(async t => { await poisoned(t) }),
  'what comes later still waits too, in order': inOnePartition(async t => {
    const { worker, bad, items } = await poisoned(t), more = ['x', 'y', 'z']
    for (const item of more) await worker.send(Append({ list: bad, item }))
    if (!held(t)) return t.becomes(async () => (await t.row(journals, bad))?.items, [...items.filter(i => i !== 'i001'), ...more], 'the journal')
    await t.becomes(async () => (await worker.parked({ key: bad })).map(p => (p.message!.data as { item: string }).item), [...items.slice(1), ...more], 'what waits, in its order')
    return t.equal((await t.row(journals, bad))?.items, ['i000'], 'the journal')
  }),
  'redrive goes on in order': inOnePartition(async t => {
    const { worker, bad, items } = await poisoned(t)
    t.outside.release('poison')
    t.equal(await worker.redrive(await head(worker, bad)), 'accepted', 'the answer of redrive')
    await worker.send(Append({ list: bad, item: 'after' }))
    const all = [...items, 'after']
    await t.until('the journal to be whole', async () => (await t.row(journals, bad))?.items.length === all.length)
    if (held(t)) t.equal((await t.row(journals, bad))?.items, all, 'the journal')
    await t.becomes(() => worker.parked({ key: bad }), [], 'what is parked')
  }),
  'new messages of the key queue up behind a redrive': inOnePartition(async t => {
    const { worker, bad, items } = await poisoned(t, numbered(10))
    t.outside.release('poison')
    const more = numbered(10).map(i => `more ${i}`)
    await worker.redrive(await head(worker, bad))
    for (const item of more) await worker.send(Append({ list: bad, item }))
    await t.until('the journal to be whole', async () => (await t.row(journals, bad))?.items.length === 20)
    if (held(t)) t.equal((await t.row(journals, bad))?.items, [...items, ...more], 'the journal')
  }),
  'also whichever call a process dies at': inOnePartition(async t => {
    await everyCall(t, async faults => {
      const own = await another(t), { worker, bad, items } = await poisoned(own)
      await worker.crash()
      own.outside.release('poison')
      const front = await own.start([]), next = await own.start([journal], { faults })
      await front.redrive(await head(front, bad))
      const all = held(own) ? items : items.toSorted((a, b) => Number(a === 'i001') - Number(b === 'i001')), look = async () => (await own.row(journals, bad))?.items
      await healing(own, 'the end of the redrive', next, () => own.start([journal]), async () => (await look())?.length === all.length && (await front.parked({ key: bad })).length === 0)
      own.equal(await look(), all, `the journal after the faults ${JSON.stringify(faults)}`)
      const crashed = next.crashed()
      await own.close()
      return { crashed }
    })
  }),
  'a redrive that fails stays parked and holds the rest': inOnePartition(async t => {
    const { worker, bad } = await poisoned(t), id = await head(worker, bad), before = t.outside.asked.length
    await worker.redrive(id)
    await t.until('another attempt', async () => t.outside.asked.length > before)
    await t.becomes(async () => (await worker.parked({ key: bad })).map(p => p.state), held(t) ? ['parked', 'waiting', 'waiting'] : ['parked'], 'what is parked')
    t.equal(await head(worker, bad), id, 'the id of what is parked')
    await worker.send(Append({ list: bad, item: 'more' }))
    if (held(t)) await t.becomes(async () => (await worker.parked({ key: bad })).length, 4, 'the number of what waits')
    t.outside.release('poison')
    await worker.redrive(id)
    await t.becomes(async () => (await worker.parked({ key: bad })).length, 0, 'the number of what is parked after a second redrive')
  }),
  'discard gives it up, and the rest goes on': inOnePartition(async t => {
    const { worker, bad, items } = await poisoned(t)
    t.equal(await worker.discard(await head(worker, bad)), 'accepted', 'the answer of discard')
    await t.becomes(async () => (await t.row(journals, bad))?.items, items.filter(i => i !== 'i001'), 'the journal')
    await t.becomes(() => worker.parked({ key: bad }), [], 'what is parked')
    await worker.send(Append({ list: bad, item: 'after' }))
    await t.becomes(async () => (await t.row(journals, bad))?.items.at(-1), 'after', 'the last of the journal')
  }),
  'discarding the only one frees its key': inOnePartition(async t => {
    const { worker, bad } = await poisoned(t, numbered(2))
    await worker.discard(await head(worker, bad))
    await t.becomes(() => worker.parked({ key: bad }), [], 'what is parked')
    await worker.send(Append({ list: bad, item: 'after' }))
    await t.becomes(async () => (await t.row(journals, bad))?.items, ['i000', 'after'], 'the journal')
    t.equal(await worker.parked({ key: bad }), [], 'what is parked in the end')
  }),
  'a new owner holds the key, and redrives it': inOnePartition(async t => {
    const { worker, bad, items } = await poisoned(t)
    await worker.crash()
    const next = await t.start([append, journal])
    await next.send(Append({ list: bad, item: 'after' }))
    if (held(t)) await t.becomes(async () => (await next.parked({ key: bad })).map(p => p.state), ['parked', 'waiting', 'waiting', 'waiting'], 'what is parked')
    t.outside.release('poison')
    await next.redrive(await head(next, bad))
    await t.until('the journal to be whole', async () => (await t.row(journals, bad))?.items.length === 5)
    if (held(t)) t.equal((await t.row(journals, bad))?.items, [...items, 'after'], 'the journal')
  }),
  'a key that another owner has driven on is free': inOnePartition(async t => {
    const { worker, bad, items } = await poisoned(t), front = await t.start([append])
    await worker.pause()
    const other = await t.start([journal])
    await front.send(Append({ list: t.id('new'), item: 'x' }))
    await t.until('another owner', async () => await t.row(journals, t.id('new')) !== undefined)
    t.outside.release('poison')
    await front.redrive(await head(front, bad))
    await t.becomes(() => front.parked({ key: bad }), [], 'what is parked')
    await worker.resume()
    await front.send(Append({ list: bad, item: 'y' }))
    await t.until('the next event of the key', async () => (await t.row(journals, bad))?.items.length === items.length + 1)
    await other.crash()
    await front.send(Append({ list: bad, item: 'z' }))
    await t.until('the next event of the key, at its first owner', async () => (await t.row(journals, bad))?.items.length === items.length + 2)
    t.equal(await front.parked({ key: bad }), [], 'what is parked')
  }),
  'an operator may ask any instance': inOnePartition(async t => {
    const { worker, bad } = await poisoned(t), other = await t.start([])
    t.outside.release('poison')
    t.equal((await other.parked({ key: bad })).map(p => p.id), (await worker.parked({ key: bad })).map(p => p.id), 'the list as another instance sees it')
    await other.redrive(await head(other, bad))
    await t.becomes(async () => (await t.row(journals, bad))?.items.length, 4, 'the length of the journal')
  }),
  'a projection parks and holds its key too': async t => {
    const bad = t.id('bad'), good = t.id('good'), worker = await t.start([append, listView])
    for (const item of numbered(3)) for (const list of [bad, good]) await worker.send(Append({ list, item, spoil: list === bad && item === 'i001' }))
    await t.becomes(async () => (await t.row(views, good))?.count, 3, 'the view beside the poisoned one')
    await t.becomes(async () => (await worker.parked({ consumer: listView.name })).map(p => p.state), held(t) ? ['parked', 'waiting'] : ['parked'], 'what is parked')
    t.equal((await t.row(views, bad))?.count, held(t) ? 1 : 2, 'the view')
  },
  'an effect that never succeeds parks, and is done when it is redriven': async t => {
    const list = t.id('list'), worker = await t.start([append, ring])
    t.outside.rule('bell bad', { say: 'throw' })
    for (const item of ['bad', 'good']) await worker.send(Append({ list, item, does: ['ring'] }))
    await t.becomes(async () => (await worker.parked({ key: list })).map(p => p.state), held(t) ? ['parked', 'waiting'] : ['parked'], 'what is parked')
    t.equal(t.done(bell.port), held(t) ? [] : ['good'], 'the effects')
    t.outside.release('bell bad')
    await worker.redrive(await head(worker, list))
    await t.becomes(async () => t.done(bell.port).toSorted(), ['bad', 'good'], 'the effects after the redrive')
  },
  'a command never holds its key: it is answered, and listed': async t => {
    const list = t.id('list'), worker = await t.start([append])
    t.outside.rule('poison', { say: 'throw' })
    const sent = await Promise.all(['bad', 'good'].map(item => worker.send(Append({ list, item, ...(item === 'bad' && { gate: 'poison' }) }), { id: t.id(item) })))
    t.equal(sent.map(s => s.verdict), ['failed', 'accepted'], 'the answers')
    const parked = await worker.parked({ key: list })
    t.equal(parked.map(p => [p.state, p.attempts]), [['failed', 4]], 'what is listed')
    t.outside.release('poison')
    await worker.redrive(parked[0]!.id)
    await t.becomes(async () => (await t.row(lists, list))?.items, ['good', 'bad'], 'the list after the command was redriven')
    await t.becomes(() => worker.parked({ key: list }), [], 'what is listed')
  },
})

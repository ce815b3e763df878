import { Append, append, bell, journal, journals, lists, ring } from '../functions.js'
import { law } from '../trial.js'
import { everyCall, numbered, patient, traffic } from './traffic.js'
import { another } from '../trial.js'

export const effectsOnce = law(2, 'effects once', {
  'when every message is delivered twice': async t => {
    if (t.guarantees.delivery === 'effects once') { await traffic(t, { twice: true }); return }
    const list = t.id('list'), worker = await t.start([append, journal], { faults: { twice: true } })
    await worker.send(Append({ list, item: 'x' }))
    await t.becomes(async () => (await t.row(journals, list))?.items, ['x', 'x'], 'the journal of a shell that promises no more than at least once')
  },
  'when a commit stands and its answer is lost': async t => { await traffic(t, { commit: { times: 4, when: 'after' } }) },
  'whichever call to its shell a process dies at, with every message delivered twice': async t => {
    await everyCall(t, async ({ crash }) => {
      const other = await another(t)
      try { return await traffic(other, { crash: crash!, twice: true }, numbered(1)) } finally { await other.close() }
    })
  },
  'the same command at two instances at once': async t => {
    const list = t.id('list'), items = numbered(20), a = await t.start([append]), b = await t.start([append])
    const sent = await Promise.all(items.flatMap(item => [a, b].map(n => n.send(Append({ list, item }), { id: t.id(item) }))))
    t.equal(sent.map(s => s.verdict), Array(40).fill('accepted'), 'the outcomes')
    t.equal([...(await t.row(lists, list))!.items].toSorted(), items, 'each item is in the list, and once')
    t.equal((await t.channel(Append)).length <= 40, true, 'nothing is published more often than it was sent')
  },
  'a process that wakes after its work was given away changes nothing': async t => {
    const list = t.id('list'), items = numbered(6), front = await t.start([append]), sleeper = await t.start([journal])
    t.outside.rule('sleep', { say: 'hold' })
    for (const item of items) await front.send(Append({ list, item, ...(item === 'i002' && { later: 'sleep' }) }))
    await t.until('the handler in the middle of its work', async () => t.outside.waiting('sleep') > 0)
    await sleeper.pause()
    t.outside.release('sleep')
    await t.start([journal])
    await t.becomes(async () => (await t.row(journals, list))?.items, items, 'the journal while the first owner sleeps')
    await sleeper.resume()
    await front.send(Append({ list, item: 'last' }))
    await t.becomes(async () => (await t.row(journals, list))?.items, [...items, 'last'], 'the journal after it woke')
  },
  'an effect that may have been done is repeated under the same key': async t => {
    const list = t.id('list'), worker = await t.start([append, ring])
    t.outside.rule('bell twice', { say: 'fail', times: 2 })
    await worker.send(Append({ list, item: 'twice', does: ['ring'] }))
    await worker.send(Append({ list, item: 'once', does: ['ring'] }))
    await t.becomes(async () => t.done(bell.port), ['twice', 'twice', 'twice', 'once'], 'the effects')
    t.equal(new Set(t.outside.done.filter(d => d.list === list).map(d => d.key)).size, 2, 'the number of idempotency keys')
  },
  'within the window an id is remembered': async t => {
    const list = t.id('list'), options = { dedupWindow: 8_000 }, a = await t.start([append], { options }), b = await t.start([append], { options })
    const first = await a.send(Append({ list, item: 'x' }), { id: t.id('x') })
    await t.clock.pass(6_000)
    const second = await b.send(Append({ list, item: 'x' }), { id: t.id('x') })
    t.equal(second.events, first.events, 'the outcome just before the window ends')
    t.equal((await t.row(lists, list))?.items, ['x'], 'the list')
  },
  'a command that is older than the window is refused, for nobody can know whether it ran': async t => {
    const list = t.id('list'), options = { dedupWindow: 5_000 }, front = await t.start([], { options })
    const told = front.tell(Append({ list, item: 'late' }), { ...patient, id: t.id('late') })
    await t.until('the command on its channel', async () => (await t.channel(Append)).length === 1)
    await t.clock.pass(6_000)
    const worker = await t.start([append], { options })
    await t.until('the answer', async () => told.sent !== undefined)
    t.equal(told.sent!.verdict, 'too-old', 'the answer to a command that waited too long')
    t.equal(await t.row(lists, list), undefined, 'the list')
    t.equal((await worker.parked({ consumer: append.name })).map(p => p.state), ['failed'], 'the list of what was not handled')
  },
})

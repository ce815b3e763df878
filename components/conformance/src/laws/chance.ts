import { Append, Appended, Count, Counted, Noted, append, bell, journal, journals, lists } from '../functions.js'
import { type Trial, another, law } from '../trial.js'
import { around, numbered } from './traffic.js'

const items = numbered(4)
/** Commands with envelopes of their own, published, so that nothing of them comes from the process that sends them. */
const published = async (t: Trial, lost: number): Promise<unknown> => {
  const list = t.id('list'), node = await t.start(around, lost > 0 ? { faults: { commit: { times: lost, when: 'after' } } } : {})
  const envelope = (item: string, i: number) => ({ id: `${list} ${item}`, correlationid: list, time: `2030-01-01T00:00:0${i}.000Z`, actor: 'ann', tenant: 't1' })
  await node.publish(...items.map((item, i) => t.emit(Append, { list, item, later: 'fails', does: ['ring', 'tell'] }, envelope(item, i))))
  await t.becomes(async () => [(await t.row(journals, list))?.items, t.done(bell.port).length, (await t.channel(Counted)).length], [items, 4, 4], 'the journal, the effects and the counts')
  const messages = await Promise.all([Appended, Noted, Count, Counted].map(t.channel))
  const texts = messages.map(list => list.map(m => JSON.stringify(m)).toSorted()), rows = [await t.rows(lists), await t.rows(journals)]
  return JSON.stringify({ texts, rows, done: t.outside.done.map(d => [d.item, d.key]).toSorted() })
}

export const given = law(15, 'time and chance come from outside', {
  'the same messages give the same messages, rows and effects in another world, byte for byte': async t => {
    const first = await published(t, 0), other = await another(t, 'same')
    await other.clock.pass(86_400_000 * (other.effort < 1 ? 0 : 1))
    t.equal(await published(other, 0), first, 'what came of them a day later')
  },
  'also when they have to be tried again': async t => {
    const first = await published(t, 0), other = await another(t, 'same')
    other.outside.rule('fails', { say: 'throw', times: 2 })
    t.equal(await published(other, 5), first, 'what came of them with failures and lost answers')
  },
  'a command that runs again in another process makes the same events': async t => {
    const list = t.id('list'), other = await another(t, 'same'), draft = Append({ list, item: 'x' }), id = t.id('x')
    const a = await (await t.start([append])).send(draft, { id }), b = await (await other.start([append])).send(draft, { id })
    t.equal(a.events.map(e => e.id), b.events.map(e => e.id), 'the ids of the events')
    t.equal(a.events.map(e => e.causationid), [id], 'what caused them')
  },
  'now is the time at which the message entered, also when it is driven again': async t => {
    const list = t.id('list'), node = await t.start([append, journal])
    t.outside.rule('poison', { say: 'throw' })
    const sent = await node.send(Append({ list, item: 'x', later: 'poison' })), entered = sent.events[0]!.time
    t.equal((sent.events[0]!.data as { at: string }).at, entered, 'the time that the decision saw')
    await t.until('the event to be parked', async () => (await node.parked({ key: list })).length === 1)
    await t.clock.pass(3_000)
    t.outside.release('poison')
    await node.redrive((await node.parked({ key: list }))[0]!.id)
    await t.until('the note', async () => (await t.channel(Noted)).length === 1)
    const note = (await t.channel(Noted))[0]!
    t.equal([note.time, (note.data as { at: string }).at], [entered, entered], 'the time of what the policy made, and the time that it saw')
  },
  'an envelope carries who asked, for whom and why': async t => {
    const list = t.id('list'), node = await t.start(around)
    await node.send(Append({ list, item: 'x', does: ['tell'] }), { id: t.id('x'), actor: 'ann', tenant: 't1', traceparent: '00-1-2-01' })
    await t.until('the count', async () => (await t.channel(Counted)).length === 1)
    const chain = [...await t.channel(Appended), ...await t.channel(Count), ...await t.channel(Counted)]
    t.equal(chain.map(m => [m.correlationid, m.actor, m.tenant, m.traceparent]), chain.map(() => [t.id('x'), 'ann', 't1', '00-1-2-01']), 'correlation, actor, tenant and trace of all that came of it')
    t.equal(chain.map(m => m.causationid), [t.id('x'), chain[0]!.id, chain[1]!.id], 'what caused each of them')
  },
})

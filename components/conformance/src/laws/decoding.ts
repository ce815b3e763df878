import type { Emit, Message } from '@lowtide/core'
import { Priced, PricedLater, priceList, prices } from '../functions.js'
import { unreadable } from '../instance.js'
import { type Trial, inOnePartition, law } from '../trial.js'
import { numbered } from './traffic.js'

const later = new URL('../later.js', import.meta.url).href
const priced = (t: Trial, product: string, cents: number, o: Partial<Message> = {}): Emit => t.emit(Priced, { product, cents, currency: 'EUR' }, { id: `${product} ${cents}`, ...o })
const garbage = (t: Trial, key: string, n = 0): Emit => priced(t, t.id('x'), n, { id: t.id(`garbage ${key} ${n}`), type: unreadable, subject: key, data: '{"pro' })
const cents = async (t: Trial): Promise<readonly (readonly [string, number])[]> => (await t.rows(prices)).map(r => [r.id, r.cents])

export const decoded = law(7, 'what cannot be decoded is poison, what is newer is not', {
  'bytes that nobody can read are parked with their text, and hold the key that the transport knows': inOnePartition(async t => {
    const bad = t.id('bad'), good = t.id('good'), worker = await t.start([priceList])
    await worker.publish(priced(t, bad, 1), garbage(t, bad), priced(t, bad, 2), priced(t, good, 1))
    await t.becomes(() => cents(t), [[bad, t.guarantees.parkedKey === 'held' ? 1 : 2], [good, 1]], 'the prices')
    const look = () => worker.parked({ consumer: priceList.name })
    await t.becomes(async () => (await look()).map(p => [p.state, p.key, p.raw]), [['parked', bad, '{"pro'], ...(t.guarantees.parkedKey === 'held' ? [['waiting', bad, undefined]] : [])], 'what is parked')
    const parked = await look()
    t.ok(parked[0]!.reason.includes('JSON'), `the reason names what is wrong; found '${parked[0]!.reason}'`)
    await worker.discard(parked[0]!.id)
    await t.becomes(() => cents(t), [[bad, 2], [good, 1]], 'the prices after it was discarded')
  }),
  'without a key they hold nothing': inOnePartition(async t => {
    const good = t.id('good'), worker = await t.start([priceList])
    await worker.publish(garbage(t, '', 1), priced(t, good, 1), garbage(t, '', 2), priced(t, good, 2))
    await t.becomes(() => cents(t), [[good, 2]], 'the prices')
    await t.becomes(async () => (await worker.parked({ consumer: priceList.name })).map(p => p.state), ['parked', 'parked'], 'what is parked')
    for (const { id } of (await worker.parked({ consumer: priceList.name })).toReversed()) t.equal(await worker.discard(id), 'accepted', 'the answer of discard')
    await t.becomes(() => worker.parked({}), [], 'what is parked after it was discarded')
    t.equal(await cents(t), [[good, 2]], 'the prices')
  }),
  'data that does not fit its schema is parked at once, with the name of the field': async t => {
    const bad = t.id('bad'), worker = await t.start([priceList])
    await worker.publish(priced(t, bad, 1, { data: { product: bad, cents: 'many', currency: 'EUR' } }))
    await t.until('it to be parked', async () => (await worker.parked({ consumer: priceList.name })).length === 1)
    const [parked] = await worker.parked({ consumer: priceList.name })
    t.equal([parked!.state, parked!.attempts <= 1, parked!.reason.includes('cents')], ['parked', true, true], 'state, number of attempts and reason')
  },
  'older versions are lifted': async t => {
    const [one, two, three] = ['1', '2', '3'].map(t.id) as [string, string, string], worker = await t.start([priceList])
    await worker.publish(
      priced(t, one, 1, { data: { product: one, price: 1.5 }, dataschema: 'Priced/1' }), priced(t, two, 2, { data: { product: two, cents: 250 }, dataschema: 'Priced/2' }), priced(t, three, 350),
    )
    await t.becomes(() => t.rows(prices), [[one, 150], [two, 250], [three, 350]].map(([id, n]) => ({ id, cents: n, currency: 'EUR', note: '' })), 'the prices')
  },
  'listeners hear older versions lifted, and pass over what they cannot read': inOnePartition(async t => {
    const [one, two] = ['1', '2'].map(t.id) as [string, string], worker = await t.start([priceList])
    t.equal(await worker.listen(Priced.channel.channel), 'Right', 'the answer of listen')
    await worker.publish(
      priced(t, one, 1, { data: { product: one, price: 1.5 }, dataschema: 'Priced/1' }), priced(t, t.id('bad'), 1, { data: { product: 1 } }), garbage(t, t.id('worse')),
      t.emit(PricedLater, { product: t.id('newer'), cents: 1, currency: 'EUR', note: 'new' }), priced(t, two, 250),
    )
    await t.becomes(async () => (await worker.heard()).map(m => m.data), [{ product: one, cents: 150, currency: 'EUR' }, { product: two, cents: 250, currency: 'EUR' }], 'what the listener heard')
  }),
  'a newer version pauses its partition until a process knows it; nothing is parked': async t => {
    const names = numbered(12).map(t.id), first = names[0]!, old = await t.start([priceList])
    const newer = t.emit(PricedLater, { product: first, cents: 1, currency: 'EUR', note: 'new' })
    await old.publish(newer, priced(t, first, 2), ...names.slice(1).map(n => priced(t, n, 1)))
    await t.until('the prices of other partitions', async () => (await cents(t)).length > 0)
    t.equal((await cents(t)).filter(([id]) => id === first), [], 'the price that waits for a newer process')
    t.equal(await old.parked({}), [], 'what is parked')
    await old.crash()
    await t.start([priceList], { module: later })
    await t.becomes(() => cents(t), names.map((n, i) => [n, i === 0 ? 2 : 1]), 'the prices after the deploy')
  },
})

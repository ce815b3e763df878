import { Append, Appended, Bump, Count, Flood, Ping, Pinged, append, bump, count, counters, flood, journal, journals, lists, ping, pong } from '../functions.js'
import { law } from '../trial.js'
import { numbered } from './traffic.js'

const options = { buffer: 16 } as const

export const bounded = law(10, 'back-pressure', {
  'a consumer that is slow holds few messages': async t => {
    const lots = t.cases(600), names = numbered(20).map(t.id), writer = await t.start([append])
    const one = (i: number) => writer.send(Append({ list: names[i % 20]!, item: `${i}`, later: 'slow' }))
    for (let i = 0; i < lots; i += 60) await Promise.all(Array.from({ length: Math.min(60, lots - i) }, (_, n) => one(i + n)))
    t.outside.rule('slow', { say: 'hold' })
    const reader = await t.start([journal], { options })
    await t.until('the reader to be at work', async () => t.outside.waiting('slow') > 0)
    await t.clock.pass(2_000)
    const { mostInFlight } = await reader.measured(), most = t.partitions * 2 * options.buffer
    t.ok(mostInFlight <= most, `a reader held ${mostInFlight} of ${lots} messages; expected at most ${most}: two batches of a buffer, ${options.buffer}, in each of ${t.partitions} partitions`)
    t.outside.release('slow')
    await t.becomes(async () => (await t.rows(journals)).reduce((n, r) => n + r.items.length, 0), lots, 'the number of messages handled in the end')
  },
  'intake waits when the channel is full, also when its callers give up and others come': async t => {
    const lots = t.cases(300), front = await t.start([], { options }), worker = await t.start([append], { options }), list = t.id('stuck')
    t.outside.rule('slow', { say: 'hold' })
    const first = front.tell(Append({ list, item: 'first', gate: 'slow' }), { timeout: 600_000 })
    await t.until('the worker to be stuck', async () => t.outside.waiting('slow') > 0)
    const told = Array.from({ length: lots }, (_, i) => front.tell(Append({ list: t.id(`l${i % 10}`), item: `${i}`, gate: 'slow' }), { timeout: 500 }))
    await t.until('all of them answered', async () => told.every(x => x.sent !== undefined))
    await t.clock.pass(1_000) // who was let in too early may still be on the way to its channel
    const came = (await t.channel(Append)).length, allowed = 1 + 2 * options.buffer
    t.ok(came <= allowed, `the channel holds ${came} of ${lots} commands, which nobody handles; expected at most ${allowed}`)
    t.ok(told.every(x => x.sent!.verdict === 'timeout' || x.sent!.verdict === 'busy'), `found ${[...new Set(told.map(x => x.sent!.verdict))].join(', ')}; expected timeout or busy`)
    t.outside.release('slow')
    await t.until('the first of them', async () => first.sent !== undefined)
    t.equal((await front.send(Append({ list, item: 'last' }))).verdict, 'accepted', 'the answer when there is room again')
    t.equal((await t.rows(lists)).reduce((n, r) => n + r.items.length, 0), (await t.channel(Append)).length, 'what is handled is what was published, and nobody is published who gave up')
    t.equal((await worker.measured()).inFlight <= 1, true, 'nothing is in flight')
  },
  'who waits too long at a full intake is told': async t => {
    const front = await t.start([], { options })
    const sent = await Promise.all(Array.from({ length: 100 }, (_, i) => front.send(Append({ list: t.id(`l${i % 10}`), item: `${i}` }), { timeout: 1_000 })))
    t.ok(sent.every(s => s.verdict === 'timeout' || s.verdict === 'busy'), `found ${[...new Set(sent.map(s => s.verdict))].join(', ')}; expected timeout or busy`)
  },
  'a cycle of policies does not wait for itself': async t => {
    const balls = numbered(24).map(t.id), node = await t.start([ping, pong], { options: { ...options, buffer: 4 } })
    const sent = await Promise.all(balls.map(ball => node.send(Ping({ ball, left: 10 }), { timeout: 600_000 })))
    t.equal([...new Set(sent.map(s => s.verdict))], ['accepted'], 'the answers')
    await t.becomes(async () => (await t.channel(Pinged)).filter(m => (m.data as { left: number }).left === 0).length, balls.length, 'the number of balls that came to rest')
    t.equal((await t.channel(Pinged)).length, balls.length * 11, 'the number of events')
  },
  'a unit holds at most as many messages as the shell takes': async t => {
    const counter = t.id('c'), node = await t.start([count, bump], { options: { buffer: 4_096 } })
    await node.send(Count({ counter, by: 0 }))
    const lots = Math.min(3_000, t.cases(Math.max(1_500, Math.min(t.guarantees.unitLimit * 2, 3_000))))
    await Promise.all(Array.from({ length: lots }, () => node.send(Bump({ counter, by: 1 }), { timeout: 600_000 })))
    const { largestUnit, commits } = await node.measured()
    t.ok(largestUnit <= t.guarantees.unitLimit, `a unit held ${largestUnit} messages; expected at most ${t.guarantees.unitLimit}`)
    t.ok(commits < lots / 2, `${lots} commands that wait together took ${commits} commits; expected that they share them`)
    t.equal((await t.row(counters, counter))?.n, lots, 'the counter')
  },
  'the results of one message are capped': async t => {
    const counter = t.id('c'), node = await t.start([count, flood], { options: { fanOut: 10 } })
    await node.send(Count({ counter, by: 0 }))
    t.equal((await node.send(Flood({ counter, results: 10 }))).verdict, 'accepted', 'a message with as many results as are allowed')
    t.equal((await node.send(Flood({ counter, results: 11 }))).verdict, 'failed', 'a message with one more')
    t.equal((await t.row(counters, counter))?.n, 10, 'the counter')
  },
  'what everybody has handled is not waited for': async t => {
    const list = t.id('list'), node = await t.start([append, journal], { options })
    for (const item of numbered(60)) t.equal((await node.send(Append({ list, item }))).verdict, 'accepted', `the answer to ${item}`)
    await t.becomes(async () => (await t.row(journals, list))?.items.length, 60, 'the length of the journal')
    t.equal((await t.channel(Appended)).length, 60, 'the number of events')
  },
})

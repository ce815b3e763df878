import { Append, Book, Booked, Bump, Claim, Count, Disband, Found, Hire, Join, Leave, TakeLeave, append, book, bookings, bump, claim, count, counters, disband, doctors, found, hire, join, leave, lists, members, slots, takeLeave, teams } from '../functions.js'
import type { Node, Sent } from '../node.js'
import { type Trial, law } from '../trial.js'
import { numbered } from './traffic.js'

const races = 300
/** Pairs of decisions at two instances at once: some alone, most among many. */
const race = async (t: Trial, nodes: readonly [Node, Node], pair: (n: string, nodes: readonly [Node, Node]) => readonly [Promise<Sent>, Promise<Sent>]): Promise<readonly (readonly [string, Sent, Sent])[]> => {
  const all = numbered(t.cases(races)).map(t.id), results: (readonly [string, Sent, Sent])[] = []
  for (let i = 0, size = 1; i < all.length; i += size) {
    size = i < all.length / 4 ? 1 : 25
    results.push(...await Promise.all(all.slice(i, i + size).map(async n => { const [a, b] = pair(n, nodes); return [n, await a, await b] as const })))
  }
  return results
}
const verdicts = (a: Sent, b: Sent): readonly string[] => [a.verdict, b.verdict].toSorted()

export const holding = law(14, 'decisions hold', {
  'no update is lost': async t => {
    const names = numbered(5).map(t.id), nodes = [await t.start([append]), await t.start([append]), await t.start([append])], lots = t.cases(300)
    const sent = await Promise.all(Array.from({ length: lots }, (_, i) => nodes[i % 3]!.send(Append({ list: names[i % 5]!, item: `${i}` }), { timeout: 600_000 })))
    t.equal([...new Set(sent.map(s => s.verdict))], ['accepted'], 'the answers')
    const found = (await t.rows(lists)).flatMap(r => r.items)
    t.equal(found.toSorted((a, b) => Number(a) - Number(b)), Array.from({ length: lots }, (_, i) => `${i}`), 'all items of all lists')
  },
  'increments that read nothing lose nothing': async t => {
    const counter = t.id('c'), a = await t.start([count, bump]), b = await t.start([count, bump]), lots = t.cases(300)
    await a.send(Count({ counter, by: 0 }))
    await Promise.all(Array.from({ length: lots }, (_, i) => (i % 2 ? a : b).send(i % 5 ? Bump({ counter, by: 1 }) : Count({ counter, by: 1 }), { timeout: 600_000 })))
    t.equal((await t.row(counters, counter))?.n, lots, 'the counter')
  },
  'of two who may go only if the other stays, one stays: what a decision found is as it found it': async t => {
    const nodes = [await t.start([hire, takeLeave]), await t.start([takeLeave])] as const, ids = numbered(t.cases(races)).map(t.id)
    await Promise.all(ids.flatMap(n => ['a', 'b'].map(d => nodes[0].send(Hire({ doctor: n + d })))))
    for (const [n, a, b] of await race(t, nodes, (n, [x, y]) => [x.send(TakeLeave({ doctor: `${n}a`, colleague: `${n}b` })), y.send(TakeLeave({ doctor: `${n}b`, colleague: `${n}a` }))])) t.equal(verdicts(a, b), ['accepted', 'needed'], `the answers to both doctors of ${n}`)
    t.equal((await t.rows(doctors)).filter(d => d.onCall).length, ids.length, 'the number of doctors on call')
  },
  'of two slots that exclude each other one is taken: what a decision did not find is still absent': async t => {
    const nodes = [await t.start([claim]), await t.start([claim])] as const
    for (const [n, a, b] of await race(t, nodes, (n, [x, y]) => [x.send(Claim({ mine: `${n}a`, other: `${n}b`, by: 'key' })), y.send(Claim({ mine: `${n}b`, other: `${n}a`, by: 'key' }))])) t.equal(verdicts(a, b), ['accepted', 'other-taken'], `the answers to both who want ${n}`)
    t.equal((await t.rows(slots)).length, t.cases(races), 'the number of slots')
  },
  'also where it asked for a unique value': async t => {
    const nodes = [await t.start([claim]), await t.start([claim])] as const
    for (const [n, a, b] of await race(t, nodes, (n, [x, y]) => [x.send(Claim({ mine: `${n}a`, other: `${n}b`, by: 'tag' })), y.send(Claim({ mine: `${n}b`, other: `${n}a`, by: 'tag' }))])) t.equal(verdicts(a, b), ['accepted', 'other-taken'], `the answers to both who want ${n}`)
    t.equal((await t.rows(slots)).length, t.cases(races), 'the number of slots')
  },
  'a row that must not exist is inserted once': async t => {
    const nodes = [await t.start([claim]), await t.start([claim])] as const
    for (const [n, a, b] of await race(t, nodes, (n, [x, y]) => [x.send(Claim({ mine: n, other: `${n}!`, by: 'key' })), y.send(Claim({ mine: n, other: `${n}!`, by: 'key' }))])) t.equal(verdicts(a, b), ['accepted', 'constraint'], `the answers to both who want ${n}`)
  },
  'a unique value has one holder, whether or not anybody looked': async t => {
    if (t.guarantees.references === 'unchecked') return
    const nodes = [await t.start([join]), await t.start([join])] as const
    for (const blind of [true, false]) {
      for (const [n, a, b] of await race(t, nodes, (n, [x, y]) => [x.send(Join({ id: `${n}a${blind}`, email: `${n}${blind}`, team: null, blind })), y.send(Join({ id: `${n}b${blind}`, email: `${n}${blind}`, team: null, blind })) ])) {
        t.equal(verdicts(a, b), blind ? ['accepted', 'constraint'] : ['accepted', 'email-taken'], `the answers to both who want the email ${n}`)
        if (blind) t.equal([a, b].map(s => s.outcome?.rejection?.details).find(d => d !== undefined), { constraint: 'members.email' }, 'the name of the constraint')
      }
    }
    const emails = (await t.rows(members)).map(m => m.email)
    t.equal(new Set(emails).size, emails.length, 'the number of different emails')
  },
  'a unique value that is free again may be taken': async t => {
    if (t.guarantees.references === 'unchecked') return
    const a = await t.start([join, leave]), b = await t.start([join]), email = `${t.prefix}@x`
    for (const n of numbered(t.cases(40))) {
      await a.send(Join({ id: t.id(`${n}a`), email, team: null, blind: false }))
      const [left, joined] = await Promise.all([a.send(Leave({ id: t.id(`${n}a`) })), b.send(Join({ id: t.id(`${n}b`), email, team: null, blind: false }))])
      t.equal(left.verdict, 'accepted', 'leaving')
      t.equal((await t.rows(members)).map(m => m.id), joined.verdict === 'accepted' ? [t.id(`${n}b`)] : [], `the members after ${joined.verdict}`)
      await a.send(Leave({ id: t.id(`${n}b`) }))
    }
  },
  'a row that others refer to stays': async t => {
    if (t.guarantees.references === 'unchecked') {
      const refused = await t.start([join], { whole: true }).then(() => 'started', (e: Error) => e.message)
      return t.ok(refused.includes('references'), `tables with references are refused where they are not checked; found: ${refused}`)
    }
    const nodes = [await t.start([found, join, disband]), await t.start([join])] as const, all = numbered(t.cases(races)).map(t.id)
    await Promise.all(all.map(team => nodes[0].send(Found({ team }))))
    for (const [n, a, b] of await race(t, nodes, (team, [x, y]) => [x.send(Disband({ team })), y.send(Join({ id: `${team}m`, email: team, team, blind: true }))])) t.equal(verdicts(a, b), ['accepted', 'constraint'], `the answers to the end of ${n} and to a new member of it`)
    const there = new Set((await t.rows(teams)).map(x => x.id))
    return t.equal((await t.rows(members)).filter(m => !there.has(m.team!)), [], 'members of teams that are gone')
  },
  'one at a time, where a handler needs it: what a where would find later': async t => {
    if (t.guarantees.ordering === 'none') {
      const refused = await t.start([book], { whole: true }).then(() => 'started', (e: Error) => e.message)
      return t.ok(refused.includes('oneAtATime'), `the need is refused where nothing is ordered; found: ${refused}`)
    }
    const nodes = [await t.start([book]), await t.start([book])] as const
    for (const [n, a, b] of await race(t, nodes, (n, [x, y]) => [x.send(Book({ room: n, id: `${n}a`, start: 1, end: 5 })), y.send(Book({ room: n, id: `${n}b`, start: 4, end: 8 }))])) t.equal(verdicts(a, b), ['accepted', 'overlap'], `the answers to both who want the room ${n}`)
    t.equal([(await t.rows(bookings)).length, (await t.channel(Booked)).length], [t.cases(races), t.cases(races)], 'the number of bookings and of their events')
    return undefined
  },
})

import type { Draft } from '@lowtide/core'
import {
  Append, Book, Booked, Bump, Claim, Count, Disband, Found, Hire, Join, Leave, TakeLeave,
  append, book, bookings, bump, claim, count, counters, disband, doctors, found, hire, join, leave, lists, members, slots, takeLeave, teams,
} from '../functions.js'
import type { Node, Sent } from '../node.js'
import { type Trial, law } from '../trial.js'
import { numbered } from './traffic.js'

const races = 300
const contested = (t: Trial): readonly string[] => numbered(t.cases(races)).map(t.id)
/** Two commands for each of many things, at two instances at once: a quarter of the races run alone, the others among many. */
const race = async (t: Trial, [x, y]: readonly [Node, Node], expected: readonly string[], pair: (n: string) => readonly [Draft, Draft]): Promise<readonly Sent[]> => {
  const all = contested(t), one = async (n: string): Promise<readonly Sent[]> => {
    const [left, right] = pair(n), sent = await Promise.all([x.send(left), y.send(right)])
    t.equal(sent.map(s => s.verdict).toSorted(), expected, `the answers to ${JSON.stringify([left.data, right.data])}, sent at once`)
    return sent
  }
  const results: (readonly Sent[])[] = []
  for (let i = 0, size = 1; i < all.length; i += size) {
    size = i < all.length / 4 ? 1 : 25
    results.push(...await Promise.all(all.slice(i, i + size).map(one)))
  }
  return results.flat()
}

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
    const nodes = [await t.start([hire, takeLeave]), await t.start([takeLeave])] as const, ids = contested(t)
    await Promise.all(ids.flatMap(n => ['a', 'b'].map(d => nodes[0].send(Hire({ doctor: n + d })))))
    await race(t, nodes, ['accepted', 'needed'], n => [TakeLeave({ doctor: `${n}a`, colleague: `${n}b` }), TakeLeave({ doctor: `${n}b`, colleague: `${n}a` })])
    t.equal((await t.rows(doctors)).filter(d => d.onCall).length, ids.length, 'the number of doctors on call')
  },
  'of two slots that exclude each other one is taken: what a decision did not find is still absent': async t => {
    const nodes = [await t.start([claim]), await t.start([claim])] as const
    await race(t, nodes, ['accepted', 'other-taken'], n => [Claim({ mine: `${n}a`, other: `${n}b`, by: 'key' }), Claim({ mine: `${n}b`, other: `${n}a`, by: 'key' })])
    t.equal((await t.rows(slots)).length, contested(t).length, 'the number of slots')
  },
  'also where it asked for a unique value': async t => {
    const nodes = [await t.start([claim]), await t.start([claim])] as const
    await race(t, nodes, ['accepted', 'other-taken'], n => [Claim({ mine: `${n}a`, other: `${n}b`, by: 'tag' }), Claim({ mine: `${n}b`, other: `${n}a`, by: 'tag' })])
    t.equal((await t.rows(slots)).length, contested(t).length, 'the number of slots')
  },
  'a row that must not exist is inserted once': async t => {
    const nodes = [await t.start([claim]), await t.start([claim])] as const
    await race(t, nodes, ['accepted', 'constraint'], n => [Claim({ mine: n, other: `${n}!`, by: 'key' }), Claim({ mine: n, other: `${n}!`, by: 'key' })])
  },
  'a unique value has one holder, whether or not anybody looked': async t => {
    if (t.guarantees.references === 'unchecked') return
    const nodes = [await t.start([join]), await t.start([join])] as const
    await race(t, nodes, ['accepted', 'email-taken'], n => [Join({ id: `${n}a`, email: n, team: null, blind: false }), Join({ id: `${n}b`, email: n, team: null, blind: false })])
    const blind = await race(t, nodes, ['accepted', 'constraint'], n => [Join({ id: `${n}c`, email: `${n}!`, team: null, blind: true }), Join({ id: `${n}d`, email: `${n}!`, team: null, blind: true })])
    t.equal([...new Set(blind.flatMap(s => s.outcome?.rejection?.details ?? []).map(d => JSON.stringify(d)))], ['{"constraint":"members.email"}'], 'the name of the constraint')
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
    const nodes = [await t.start([found, join, disband]), await t.start([join])] as const
    await Promise.all(contested(t).map(team => nodes[0].send(Found({ team }))))
    await race(t, nodes, ['accepted', 'constraint'], team => [Disband({ team }), Join({ id: `${team}m`, email: team, team, blind: true })])
    const there = new Set((await t.rows(teams)).map(x => x.id))
    return t.equal((await t.rows(members)).filter(m => !there.has(m.team!)), [], 'members of teams that are gone')
  },
  'one at a time, where a handler needs it: what a where would find later': async t => {
    if (t.guarantees.ordering === 'none') {
      const refused = await t.start([book], { whole: true }).then(() => 'started', (e: Error) => e.message)
      return t.ok(refused.includes('oneAtATime'), `the need is refused where nothing is ordered; found: ${refused}`)
    }
    const nodes = [await t.start([book]), await t.start([book])] as const
    await race(t, nodes, ['accepted', 'overlap'], n => [Book({ room: n, id: `${n}a`, start: 1, end: 5 }), Book({ room: n, id: `${n}b`, start: 4, end: 8 })])
    t.equal([(await t.rows(bookings)).length, (await t.channel(Booked)).length], [contested(t).length, contested(t).length], 'the number of bookings and of their events')
    return undefined
  },
})

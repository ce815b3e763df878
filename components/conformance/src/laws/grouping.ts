import type { AnyDecider, Message } from '@lowtide/core'
import { batching } from '../batching.js'
import { Append, Appended, Count, Counted, Noted, OpenAccount, Transfer, Transferred, accounts, bell, counters, journals, lists, openAccount, transfer, views } from '../functions.js'
import { type Trial, another, law } from '../trial.js'
import { around, numbered, patient } from './traffic.js'

const handlers: readonly AnyDecider[] = [...around, openAccount, transfer]
const items = numbered(4)

/** Each handler in at least one of so many processes, and in others by chance. */
const assigned = (t: Trial, processes: number): readonly (readonly AnyDecider[])[] => {
  const home = handlers.map(() => Math.floor(t.random() * processes))
  return Array.from({ length: processes }, (_, p) => handlers.filter((_h, i) => home[i] === p || t.random() < 0.3))
}
/** What may differ between two runs: who came first of two keys, and when. Ids, data and order within a key may not. */
const byKey = (messages: readonly Message[]) => {
  const keys = [...new Set(messages.map(m => m.subject))].toSorted()
  return keys.map(key => [key, messages.filter(m => m.subject === key).map(m => [m.id, m.causationid, { ...m.data as object, at: '' }])])
}

/** The same messages, however the work is divided. Commands of one key are sent one after the other. */
const play = async (t: Trial, processes: readonly (readonly AnyDecider[])[], oneByOne: boolean): Promise<unknown> => {
  const nodes = [await t.start([])]
  for (const p of processes) nodes.push(await t.start(p))
  const names = ['a', 'b', 'c'].map(t.id), outcomes: Record<string, unknown> = {}
  const one = async (list: string, k: number): Promise<void> => {
    for (const [i, item] of items.entries()) {
      const via = nodes[Math.floor(t.random() * nodes.length)]!, id = `${list} ${item}`
      const sent = await via.send(Append({ list, item, does: i % 2 === 0 ? ['ring', 'tell'] : [] }), { ...patient, id })
      outcomes[id] = [sent.verdict, sent.events.map(e => [e.id, (e.data as { items: unknown }).items])]
    }
    const [x, y] = [`${list}x`, `${list}y`]
    const paid = Transfer({ from: x, to: y, amount: 7 + k })
    for (const [i, draft] of [OpenAccount({ id: x, bank: t.prefix, balance: 10 }), OpenAccount({ id: y, bank: t.prefix, balance: 0 }), paid, paid].entries()) {
      const sent = await nodes[Math.floor(t.random() * nodes.length)]!.send(draft, { ...patient, id: `${x} ${i}` })
      outcomes[`${x} ${i}`] = [sent.verdict, sent.events.map(e => e.id)]
    }
  }
  if (oneByOne) for (const [k, list] of names.entries()) await one(list, k)
  else await Promise.all(names.map(one))
  await t.becomes(async () => (await t.rows(counters)).map(r => r.n), names.map(() => 2), 'the counters')
  await t.becomes(async () => t.done(bell.port).length, 6, 'the number of effects')
  for (const table of [journals, views]) await t.becomes(async () => (await t.rowsOf(table)).map(r => r['items']), names.map(() => items), `the rows of ${table.name}`)
  const rows = await Promise.all([lists, journals, views, counters, accounts].map(t.rowsOf))
  const channels = await Promise.all([Appended, Noted, Count, Counted, Transferred].map(async type => [type.type, byKey(await t.channel(type))] as const))
  return { outcomes: Object.entries(outcomes).toSorted(([a], [b]) => a < b ? -1 : 1), rows, channels, done: t.outside.done.map(d => [d.list, d.item, d.key]).toSorted() }
}

export const grouped = law(13, 'grouping does not matter', {
  'a batch equals its messages, run one by one in its order, whatever they read and write': async t => {
    const { batches, overlap, cut, conflict } = await batching(tables => t.world.bench(tables), { runs: t.cases(200), seed: t.seed })
    for (const [what, n, least] of [['overlap', overlap, 0.3], ['a cut', cut, 0.1], ['a conflict', conflict, 0.1]] as const) {
      const some = least * batches - (t.effort < 1 ? 2 * Math.sqrt(least * batches) : 0) // of few, chance may take some
      t.ok(n > some, `${n} of ${batches} batches had ${what}; expected about ${least * 100} % or more, else the cases prove little`)
    }
  },
  'any assignment of handlers to one, two or three processes gives the same outcomes, rows, messages and effects as one by one': async t => {
    const reference = await play(t, [handlers], true)
    for (let n = 0; n < Math.max(3, t.cases(12)); n++) {
      const processes = assigned(t, 1 + n % 3), other = await another(t, 'same')
      const found = await play(other, processes, false)
      t.equal(found, reference, `what came of the processes ${JSON.stringify(processes.map(p => p.map(h => h.name)))}`)
      await other.close()
    }
  },
})

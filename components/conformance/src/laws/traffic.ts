import type { AnyDecider } from '@lowtide/core'
import { Append, append, bell, count, counters, journal, journals, listView, lists, ring, tell, views } from '../functions.js'
import type { Node, Sent } from '../node.js'
import type { Trial } from '../trial.js'
import type { Faults } from '../world.js'

/** Handlers of every kind around a list: a command, policies with rows, with commands, with effects, a projector. */
export const around: readonly AnyDecider[] = [append, journal, listView, ring, tell, count]
/** Long enough for whatever happens meanwhile. */
export const patient = { timeout: 3_600_000 } as const
export const numbered = (n: number): readonly string[] => Array.from({ length: n }, (_, i) => `i${String(i).padStart(3, '0')}`)

/** Runs until the condition holds; a worker that dies is followed by another. */
export const healing = async (t: Trial, what: string, worker: Node, next: () => Promise<Node>, condition: () => Promise<unknown>): Promise<Node> => {
  let now = worker
  await t.until(what, async () => {
    if (now.crashed()) now = await next()
    return condition()
  })
  return now
}

/** One after the other and side by side: items for two lists, sent by one instance and handled by another, which may have faults. */
export const traffic = async (t: Trial, faults: Faults, items = numbered(3)): Promise<{ readonly crashed: boolean; readonly sent: readonly Sent[] }> => {
  const names = [t.id('a'), t.id('b')], front = await t.start([])
  const worker = await t.start(around, { faults })
  const told = names.flatMap(list => items.map(item => front.tell(Append({ list, item, does: ['ring', 'tell'] }), { ...patient, id: `${list} ${item}` })))
  const all = names.length * items.length
  await t.until('all commands on their channel', async () => (await t.channel(Append)).length === all)
  const came = new Map(names.map(id => [id, [] as string[]])) // callers that do not wait for each other come in any order
  for (const m of await t.channel(Append)) came.get(m.subject)!.push((m.data as { item: string }).item)
  const whole = names.map(id => ({ id, items: came.get(id)! }))
  const now = { lists: [] as unknown, journals: [] as unknown, views: [] as unknown, counters: [] as unknown, rung: [] as unknown, answered: 0 }
  const look = async (): Promise<typeof now> => Object.assign(now, {
    lists: await t.rows(lists), journals: await t.rows(journals), views: await t.rows(views), counters: await t.rows(counters),
    rung: [...new Map(t.outside.done.filter(d => d.port === bell.port).map(d => [d.key, `${d.list} ${d.item}`])).values()].toSorted(), // once a key
    answered: told.filter(x => x.sent?.verdict === 'accepted').length,
  })
  const expected = {
    lists: whole, journals: whole, views: whole.map(({ id, items }) => ({ id, items, count: items.length })), counters: names.map(id => ({ id, n: items.length })),
    rung: names.flatMap(list => items.map(item => `${list} ${item}`)).toSorted(), answered: all,
  }
  const text = JSON.stringify(expected)
  try {
    await healing(t, 'all that was accepted to be handled', worker, () => t.start(around), async () => JSON.stringify(await look()) === text)
  } catch { t.equal(await look(), expected, `after the faults ${JSON.stringify(faults)} all is handled, and once`) }
  return { crashed: worker.crashed(), sent: told.flatMap(x => x.sent ?? []) }
}

/** Calls that are left out at most, where not all of them are tried. */
const widest = 24
/** The same with a power cut before and after each call, until the calls of a run are fewer. Answers with the last one that a process died at. */
export const everyCall = async (t: Trial, run: (faults: Faults) => Promise<{ readonly crashed: boolean }>): Promise<number> => {
  let last = 0
  for (let call = t.effort < 1 ? Math.ceil(t.random() * 12) : 1, crashed = true; crashed; call += t.effort < 1 ? Math.ceil(t.random() * Math.min(widest, 2 / t.effort)) : 1) {
    if (call > 5_000) throw new Error('the process never comes to an end without a power cut')
    crashed = false
    const both = ['before', 'after'] as const
    for (const when of t.effort < 1 ? [both[t.random() < 0.5 ? 0 : 1]!] : both) {
      if ((await run({ crash: { call, when } })).crashed) { crashed = true; last = call }
    }
  }
  return last
}

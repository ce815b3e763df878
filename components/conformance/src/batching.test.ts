import { type Check, type Conflict, type Fact, type Job, type Mark, type Row, type Slot, type Store, accept, atOf, channel, event, executor, keyOf, policy } from '@lowtide/core'
import { message, model } from '@lowtide/testing'
import * as E from 'fp-ts/lib/Either.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { z } from 'zod'
import { type Bench, batching } from './batching.js'
import { tables } from './programs.js'

const test = suite('the law of batching')

/** As little as a store can be: the naive model's rows, a version a row, checked and then written. */
const plain = async (skip: 'rows' | 'absence'): Promise<Bench> => {
  let versions = new Map<string, number>(), last = 0
  const rows = model(tables), marks = new Map<string, Mark>()
  const byName = new Map(tables.map(t => [t.name, t])), markId = (m: Pick<Mark, 'consumer' | 'id'>): string => `${m.consumer}/${m.id}`
  const fact = (table: string, row: Row): Fact => ({ row, version: versions.get(keyOf(table, atOf(byName.get(table)!.key, row)))! })
  const get = (table: string, key: Row): Row | undefined => rows.rows()[table]!.find(r => r['id'] === key['id'])
  const holds = (c: Check): boolean => c.index === undefined ? (skip === 'rows' && c.version !== undefined) || (skip === 'absence' && c.version === undefined) || versions.get(c.key) === c.version
    : skip === 'absence' || !rows.rows()[c.table]!.some(r => byName.get(c.table)!.unique[c.index]!.every(f => r[f] === c.columns[f]))
  const store: Pick<Store, 'fetch' | 'commit' | 'seen'> = {
    fetch: asked => async () => E.right(asked.map(l => {
      const found: unknown = rows.answer(l)
      return (Array.isArray(found) ? found : (found as { value?: Row }).value ? [(found as { value: Row }).value] : []).map((r: Row) => fact(l.lookup, r))
    })),
    seen: asked => async () => E.right(asked.flatMap(m => marks.get(markId(m)) ?? [])),
    commit: unit => async () => {
      const conflict: Conflict = {
        seen: unit.marks.flatMap(m => marks.get(markId(m)) ?? []), fenced: [], broken: [],
        stale: [...unit.checks.filter(c => !holds(c)).map(c => c.key), ...unit.writes.filter(w => w.op === 'insert' ? versions.has(w.key) : w.op !== 'add' && w.op !== 'put' && versions.get(w.key) !== w.version).map(w => w.key)],
      }
      if (conflict.seen.length + conflict.stale.length > 0) return E.right({ conflict })
      const before = rows.rows(), old = new Map(versions), stale: string[] = []
      for (const op of ['remove', 'update', 'add', 'insert', 'put'] as const) for (const w of unit.writes) if (w.op === op) {
        const t = byName.get(w.table)!
        const row: Row | undefined = 'row' in w ? w.row : undefined
        const broken = rows.apply({ change: w.table, alter: w.op === 'remove' ? { op: 'remove', at: w.at, key: w.columns } : w.op === 'add' ? { op: 'increment', at: w.at, key: w.columns, by: w.by } : { op: 'put', at: w.at, row: row! } })
        if (broken !== undefined) t.unique.forEach((u, i) => { const after = row ?? get(w.table, w.columns)!; if (broken === `${w.table}.${u.join('+')}`) stale.push(keyOf(w.table, atOf(u, w.op === 'add' ? Object.fromEntries(Object.entries(after).map(([f, v]) => [f, typeof v === 'number' ? v + (w.by[f] ?? 0) : v])) : after), i)) })
        if (w.op === 'remove') versions.delete(w.key); else if (w.op !== 'add' || get(w.table, w.columns)) versions.set(w.key, ++last)
      }
      const dangling = rows.dangling(), undo = (): void => { rows.restore(before); versions = old }
      if (stale.length > 0) { undo(); return E.right({ conflict: { ...conflict, stale } }) }
      if (dangling !== undefined) {
        const [table, field] = dangling.split('.') as [string, string], t = byName.get(table)!
        const bad = rows.rows()[table]!.filter(r => r[field] !== null && !get(t.references[field]!, { id: r[field] })).map(r => keyOf(t.references[field]!, String(r[field])))
        const removed = bad.filter(k => unit.writes.some(w => w.key === k && w.op === 'remove'))
        undo()
        return E.right({ conflict: { ...conflict, stale: bad.filter(k => !removed.includes(k)), broken: removed.map(key => ({ key, constraint: dangling })) } })
      }
      for (const m of unit.marks) marks.set(markId(m), m)
      return E.right({ marks: unit.marks })
    },
  }
  return { store: store as Store, rows: async t => rows.rows()[t]!, close: async () => {} }
}

for (const skip of ['rows', 'absence'] as const) test(`it sees a store that skips the check of ${skip}`, async () => {
  let seen = ''
  try { await batching(() => plain(skip), { runs: 3000 }) } catch (e) { seen = e instanceof Error ? e.message : String(e) }
  assert.ok(seen.includes('one by one'), seen === '' ? 'it saw nothing' : seen)
})

test('who lost a partition and has it again loses what came under the old fence, and nothing else', async () => {
  const Heard = event('Heard', { channel: channel('heard'), key: d => d.key, schema: z.object({ key: z.string() }) }), hear = policy({ meta: { name: 'hear', in: [Heard] }, operate: () => accept() })
  const track = (fence: string): Slot['track'] => ({ open: [], of: { consumer: 'hear', channel: 'heard', partition: '0', fence } }), [before, now] = [track('1'), track('2')], moved: string[] = []
  const store: Pick<Store, 'fetch' | 'commit' | 'seen'> = {
    fetch: () => async () => E.right([]), seen: () => async () => E.right([]),
    commit: unit => async () => {
      const fenced = unit.checkpoints.filter(c => c.fence !== '2')
      if (fenced.length > 0) return E.right({ conflict: { stale: [], broken: [], seen: [], fenced } })
      moved.push(...unit.checkpoints.map(c => `${c.position}: ${unit.marks.map(m => m.id).join(' ')}`))
      return E.right({ marks: unit.marks })
    },
  }
  const told = new Map<string, string>()
  const job = (track: Slot['track'], position: string, id: string): Job => {
    const slot = { at: { channel: 'heard', partition: '0', position }, done: false, track }, m = message(Heard, { key: id }, { id })
    track.open.push(slot)
    return { handler: hear, message: m, key: `hear ${m.subject} ${track.of.fence}`, slot, do: 'run', attempts: 0, losses: 0, broke: 0, settle: r => { told.set(`${id} under ${track.of.fence}`, E.isRight(r) ? 'done' : r.left.fenced ? 'fenced' : r.left.failure) } }
  }
  await executor({ store, tables: new Map(), bindings: {}, ports: new Map(), log: () => {}, fanOut: 10, unitLimit: 100, source: name => name, instance: '' })([job(before, '1', 'a'), job(now, '2', 'b'), job(now, '3', 'c')], () => true)
  assert.equal([...told], [['a under 1', 'fenced'], ['b under 2', 'done'], ['c under 2', 'done']])
  assert.equal(moved, ['3: b c'])
})

test.run()

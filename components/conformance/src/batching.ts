import { type AnyTable, type Job, type Message, type Row, type Settled, type Store, contextOf, executor } from '@lowtide/core'
import { message, model } from '@lowtide/testing'
import * as E from 'fp-ts/lib/Either.js'
import fc from 'fast-check'
import { type Program, Run, type Salvo, type Sent, type Step, changeOf, found, runProgram, salvos, setup, tables } from './programs.js'

/** A store with these tables, all empty, and a plain look at their rows. */
export interface Bench { readonly store: Store; rows(table: string): Promise<readonly Row[]>; close(): Promise<void> }
/** How often the cases did what they are for; shares of all batches. */
export interface Bite { batches: number; overlap: number; cut: number; conflict: number }
type Fate = 'failed' | { readonly rejection?: unknown; readonly events?: readonly unknown[] }

const silent = (): void => {}
const fateOf = (r: Settled): Fate => E.isLeft(r) ? 'failed' : r.right?.outcome?.rejection ? { rejection: { ...r.right.outcome.rejection, message: '' } } : { events: (r.right?.outcome?.events ?? []).map(e => ({ id: e.id, data: e.data })) }

/** The one-by-one reference: one message at a time, on the naive model. */
const reference = () => {
  const rows = model(tables), done = new Map<string, Fate>()
  const one = (m: Sent): Fate => {
    const before = done.get(m.id)
    if (before !== undefined) return before
    const fate = ((): Fate => {
      try {
        const lookups = runProgram.lookup(m), first = Object.fromEntries(Object.entries(lookups.first).map(([n, l]) => [n, rows.answer(l)]))
        const second = Object.fromEntries(Object.entries(lookups.next(first as never)).map(([n, l]) => [n, rows.answer(l)]))
        const decision = runProgram.operate(contextOf(m, runProgram.name, silent), m, { ...first, ...second })
        if (E.isLeft(decision)) return { rejection: { ...decision.left, message: '' } }
        const data = decision.right[0]!.data, broken = rows.run(data.changes.map(c => changeOf(c as Step)))
        return broken === undefined ? { events: [{ data }] } : { rejection: { code: 'constraint', message: '', details: { constraint: broken } } }
      } catch { return 'failed' }
    })()
    if (fate !== 'failed') done.set(m.id, fate)
    return fate
  }
  return { rows, one, knows: (m: Sent): boolean => done.has(m.id) }
}

const touches = ({ reads, changes }: Program): Set<string> => new Set([...changes.map(c => `${c.table}/${c.id}`), ...reads.flatMap(r => r.read === 'get' ? `${r.table}/${r.id}` : r.read === 'owner' ? `lt_things/${r.id}` : r.read === 'where' ? 'lt_notes' : [])])
const overlaps = (programs: readonly Program[]): boolean => programs.some((p, i) => programs.slice(0, i).some(q => q.changes.some(c => touches(p).has(`${c.table}/${c.id}`) || (c.table === 'lt_notes' && touches(p).has('lt_notes')))))

/** One random history on one store: every salvo is one batch, with a rival's commit in its middle; then the same one by one. */
const history = async ({ store, rows }: Bench, list: readonly Salvo[], bite: Bite): Promise<void> => {
  const naive = reference(), sent: Sent[] = []
  const alone = async (steps: readonly Step[], id: string): Promise<void> => {
    const m = message(Run, { key: id, reads: [], guard: 'none', fails: false, changes: [...steps] }, { id })
    await executor({ store, tables: byName, bindings: {}, ports: new Map(), log: silent, fanOut: 10, unitLimit: 100, source: name => `rival/${name}`, instance: '' })([jobOf(m, silent)], () => true)
  }
  await alone(setup, 'setup')
  naive.rows.run(setup.map(changeOf))
  for (const [s, salvo] of list.entries()) {
    const batch = salvo.shots.map(({ again, program }, i): Sent => (again !== undefined && sent[again]) || message(Run, program, { id: `m-${s}-${i}` }))
    sent.push(...batch)
    let commits = 0, conflicts = 0, good = 0
    // without a conflict the batch keeps its order; with one, what lost is decided after what did not touch it: then each commit keeps its own
    const segments: ({ at: number; fate: Fate }[] | readonly Step[])[] = []
    let segment: { at: number; fate: Fate }[] = []
    const next = (): void => { segment = []; segments.push(segment) }
    next()
    const rival = async (steps: readonly Step[]): Promise<void> => {
      await alone(steps, `rival-${s}`)
      segments.push(steps)
    }
    const watched: Store = {
      ...store,
      commit: unit => async () => {
        commits++
        if (salvo.rival && commits === salvo.rival.before) await rival(salvo.rival.steps)
        const r = await store.commit(unit)()
        if (E.isRight(r) && 'conflict' in r.right && r.right.conflict) conflicts++
        else good++
        next()
        return r
      },
    }
    const fates = new Map<number, Fate>()
    const jobs = batch.map((m, at) => jobOf(m, r => { fates.set(at, fateOf(r)); segment.push({ at, fate: fateOf(r) }) }))
    await executor({ store: watched, tables: byName, bindings: {}, ports: new Map(), log: silent, fanOut: 10, unitLimit: 100, source: name => `lt/${name}`, instance: '' })(jobs, () => true)
    bite.batches++
    if (overlaps(batch.map(m => m.data))) bite.overlap++
    if (good > 1 && conflicts === 0) bite.cut++
    if (conflicts > 0) bite.conflict++

    const blank = (f: Fate): string => JSON.stringify(f === 'failed' ? f : f.events ? { events: f.events.map(e => (e as { data: unknown }).data) } : f)
    const settled: number[] = []
    const strict = conflicts === 0 && salvo.rival === undefined && !batch.some(m => m.data.fails)
    for (const part of strict ? [segments.flat() as { at: number; fate: Fate }[]] : segments) {
      if (part.some(x => 'op' in x)) { naive.rows.run((part as readonly Step[]).map(changeOf)); continue }
      for (const { at, fate } of (part as { at: number; fate: Fate }[]).toSorted((a, b) => a.at - b.at)) {
        if (!naive.knows(batch[at]!)) settled.push(at) // what was done before is answered at once
        const expected = naive.one(batch[at]!)
        if (blank(expected) !== blank(fate)) throw new Error(`batch ${s}, message ${at} (${JSON.stringify(batch[at]!.data)}): one by one it gives\n  ${blank(expected)}\nin the batch\n  ${blank(fate)}`)
      }
    }
    for (const key of ['a', 'b', 'c', 'd']) {
      const order = settled.filter(at => batch[at]!.subject === key)
      if (order.some((at, i) => i > 0 && at < order[i - 1]!)) throw new Error(`batch ${s}: the messages of key '${key}' were settled in the order ${order.join(', ')}; one by one they keep theirs`)
    }
    if (fates.size !== batch.length) throw new Error(`batch ${s}: ${batch.length} messages went in, ${fates.size} came out`)
    for (const t of tables) {
      const found = JSON.stringify(sorted(await rows(t.name))), expected = JSON.stringify(sorted(naive.rows.rows()[t.name]!))
      if (found !== expected) throw new Error(`after batch ${s} table '${t.name}' holds\n  ${found}\none by one it holds\n  ${expected}`)
    }
  }
}
const sorted = (rows: readonly Row[]): readonly unknown[] => rows.map(r => Object.entries(r).sort(([a], [b]) => a < b ? -1 : 1)).sort((a, b) => JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)
const byName: ReadonlyMap<string, AnyTable> = new Map(tables.map(t => [t.name, t]))
const jobOf = (m: Message, settle: (r: Settled) => void): Job => ({ handler: runProgram, message: m, key: m.subject, do: 'run', attempts: 0, losses: 0, broke: 0, settle })

/**
 * The law of batching: a batch equals its messages run one by one in its order, whatever is staged, cut, lost to a rival or delivered again.
 * A counterexample shrinks and prints the seed that repeats it. Answers how often the cases bit.
 */
export const batching = async (make: (tables: readonly AnyTable[]) => Promise<Bench>, o: { readonly runs: number; readonly seed?: number | undefined; readonly path?: string | undefined }): Promise<Bite> => {
  const bite: Bite = { batches: 0, overlap: 0, cut: 0, conflict: 0 }
  await fc.assert(fc.asyncProperty(salvos, async list => {
    const bench = await make(tables)
    try { await history(bench, list, bite) } finally { await bench.close() }
  }), { numRuns: o.runs, includeErrorInReport: true, examples: o.path === undefined ? found.map(list => [list]) : [], ...(o.seed !== undefined && { seed: o.seed }), ...(o.path !== undefined && { path: o.path }) })
  return bite
}

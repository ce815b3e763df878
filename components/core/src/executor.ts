import * as E from 'fp-ts/lib/Either.js'
import { type Decided, type Executing, type Job, type Slot, asksOf, decide, markId } from './decide.js'
import { fetcher, isThen } from './fetch.js'
import { overlay, trace } from './overlay.js'
import type { Failure } from './port.js'
import type { Checkpoint, Conflict, Emit, Mark, Parked, Unit } from './shell.js'
import type { Lookup, Then } from './table.js'

/** Conflicts in a row that one message may lose before it counts as an attempt. */
const patience = 20
const sameMark = (a: Pick<Mark, 'consumer' | 'id'>) => (b: Pick<Mark, 'consumer' | 'id'>): boolean => a.id === b.id && a.consumer === b.consumer, owns = ({ handler, slot }: Job, c: Checkpoint): boolean => c.consumer === handler.name && c.channel === slot?.track.of.channel && c.partition === slot.track.of.partition && c.fence === slot.track.of.fence // it may be its own again, under another fence

/** Where a partition's checkpoint goes once these are done too: to the end of what is done without a gap. Without any the fence must hold all the same: who lost the partition has lost what came before. */
export const checkpointOf = ({ open, of }: Slot['track'], slots: ReadonlySet<Slot>): Checkpoint => {
  const gap = open.findIndex(s => !s.done && !slots.has(s))
  return { ...of, position: open[(gap < 0 ? open.length : gap) - 1]?.at.position }
}
/** All that these decisions commit, folded. */
const unitOf = (decided: readonly Decided[], rows: ReturnType<typeof overlay>): Unit => {
  const emits: Emit[] = [], marks: Mark[] = [], parks: Parked[] = [], unparks: string[] = [], done: Decided[] = []
  let slots: Set<Slot> | undefined // and not at once: most batches are of one command
  for (const d of decided) {
    if (d.failure) continue
    const { job: { slot, parked, redrive, handler, do: what }, mark } = d
    done.push(d)
    for (const e of d.emits) emits.push(mark ? e : { ...e, again: true })
    if (mark) marks.push(mark)
    if (what === 'park') parks.push(parked!); else if (redrive !== undefined) unparks.push(redrive)
    if (slot && handler.settings.each !== 'instance') (slots ??= new Set()).add(slot)
  }
  const { checks, writes } = rows.fold(done) // no object spread here: measured at 15 % of a command's time
  return { checks, writes, emits, marks, parks, unparks, checkpoints: slots === undefined ? [] : [...new Set([...slots].map(s => s.track))].map(t => checkpointOf(t, slots!)) }
}

/** Who cannot stand: touched what no longer holds, was done already, or built on one of these, or shares its key. What belongs to another owner now takes nobody with it: it never comes back here, and the rest is decided again without it. */
const losersOf = (decided: readonly Decided[], { stale, broken, seen, fenced }: Conflict): ReadonlySet<Decided> => {
  const losers = new Set<Decided>(), wrote = new Set([...stale, ...broken.map(b => b.key)]), touched = new Set(wrote), pages = new Set<string>(), keys = new Set<string>()
  for (const d of decided) {
    const { reads, wrote: writes } = d.trace
    const gone = fenced.some(c => owns(d.job, c)), out = !gone && ((d.mark && seen.some(sameMark(d.mark))) || keys.has(d.job.key) || reads.some(r => wrote.has(r.key)) || writes.some(k => touched.has(k) || pages.has(k.slice(0, k.indexOf('\u0000')))))
    if (gone || out) losers.add(d)
    if (!out) continue
    keys.add(d.job.key)
    for (const k of writes) { wrote.add(k); touched.add(k) }
    for (const r of reads) touched.add(r.key)
    for (const table of d.trace.pages) pages.add(table)
  }
  return losers.size > 0 ? losers : new Set(decided)
}

/** How many jobs from the head may share a unit: not the same id twice, not two effects of one key, none that wants to be alone. */
const headOf = (queue: readonly Job[]): number => {
  if (queue.length === 1) return 1
  const handled = new Map<string, Set<string>>()
  for (let i = 0; i < queue.length; i++) {
    const j = queue[i]!, id = j.handler.kind === 'effect' ? j.key : j.message.id, ids = handled.get(j.handler.name) ?? new Set()
    if ((i > 0 && j.alone) || (j.do === 'run' && ids.has(id))) return i
    if (j.alone) return 1
    handled.set(j.handler.name, ids.add(id))
  }
  return queue.length
}

/**
 * Runs jobs as one batch: fetch, decide in order over an overlay, commit one unit. A batch equals its messages run one by one; where the overlay
 * cannot say, it is cut: commit first, then go on. A conflict names keys: who touched them, and who built on those, decide again on fresh data;
 * the rest decide again in memory, on the same rows, and commit.
 */
export const executor = (env: Executing) => {
  const parents = new Set([...env.tables.values()].flatMap(t => Object.values(t.references)))

  const finish = (job: Job, mark: Mark | undefined): void => {
    if (job.slot) job.slot.done = true
    while (job.slot?.track.open[0]?.done) job.slot.track.open.shift()
    job.settle(E.right(job.seen ?? mark))
  }
  /** Handled before: all that is left is to move the checkpoint over it, or to take it off the parked list. */
  const again = (job: Job, seen: Mark, later: Set<Job>): void => {
    if (job.slot === undefined && job.redrive === undefined) return finish(job, seen)
    later.add(Object.assign(job, { do: 'skip' as const, seen }))
  }
  /** Where the failure names nobody, one by one. */
  const failAll = (jobs: readonly Job[], failure: Failure, later: Set<Job>): void => { for (const j of jobs) if (failure.retry || jobs.length === 1) j.settle(E.left(failure)); else { j.alone = true; later.add(j) } }
  /** A loser goes again, knowing the rows that surprised it; one that broke a constraint goes alone, and the second time the answer stands. */
  const lose = ({ job, mark, trace: t }: Decided, { stale, broken, seen, fenced }: Conflict, unit: Unit, later: Set<Job>): void => {
    const before = mark && seen.find(sameMark(mark)), broke = stale.some(k => t.wrote.includes(k) || t.reads.some(r => r.key === k)) ? undefined : broken.find(b => t.wrote.includes(b.key))
    if (fenced.some(c => owns(job, c))) return job.settle(E.left({ failure: 'the partition has another owner now', retry: false, fenced: true }))
    if (before) return again(job, before, later)
    if (++job.losses > patience) return job.settle(E.left({ failure: `busy: '${job.handler.name}' lost ${patience} conflicts in a row`, retry: true, busy: true }))
    job.also = [...unit.writes, ...unit.checks].filter(w => stale.includes(w.key) && t.wrote.includes(w.key) && w.columns !== undefined && !('index' in w)).map(w => ({ lookup: w.table, ask: { op: 'get', at: w.at, key: w.columns } }))
    if (broke) { job.alone = true; job.broke++; job.constraint = broke.constraint }
    later.add(job)
  }

  /** Fetches what the lookups of these jobs ask for, as far as it can be foreseen. What throws here throws again when it decides. */
  const prefetch = (jobs: readonly Job[], source: ReturnType<typeof fetcher>): Promise<Failure | undefined> => {
    const foreseen = <A>(look: () => A, none: A): A => { try { return look() } catch { return none } }
    const wanted: Lookup[] = [], chained: Then[] = []
    for (const j of jobs) {
      const l = j.do === 'run' ? foreseen(() => asksOf(j), {}) : {}, first = isThen(l) ? l.first : l
      if (isThen(l)) chained.push(l)
      for (const name in first) wanted.push(first[name]!)
      if (j.also) wanted.push(...j.also)
    }
    const fetched = source.fetch(wanted)
    if (chained.length === 0) return fetched
    const { read } = overlay(source.known, env.tables, parents)
    return fetched.then(failure => failure ?? source.fetch(chained.flatMap(l => foreseen(() => Object.values(l.next(source.answers(l.first, trace(), read) as never)), []))))
  }

  /** Decides in order until something has to be committed first; `needs` are facts without which it cannot be told. */
  const decideAll = (todo: readonly Job[], source: ReturnType<typeof fetcher>) => {
    const rows = (env.overlay ?? overlay)(source.known, env.tables, parents), decided: Decided[] = [], needs: Lookup[] = [], behind: Job[] = []
    let failed: Set<string> | undefined
    for (let i = 0; i < todo.length; i++) {
      const job = todo[i]!
      if (failed?.has(job.key)) { behind.push(job); continue } // its key waits
      const d = decide(env, job, i, rows, source)
      rows.keep()
      if (d.trace.needs.length > 0) { needs.push(...d.trace.needs); continue } // goes on, to learn what the others need
      if (d.trace.cut) { behind.push(...todo.slice(i)); break }
      if (d.failure) (failed ??= new Set()).add(job.key)
      decided.push(d)
      if (d.trace.alone) { behind.push(...todo.slice(i + 1)); break }
    }
    return { rows, decided, needs, behind }
  }

  /** Commits the head of the queue; what it returns is still to do, in order. */
  const round = async (queue: readonly Job[]): Promise<readonly Job[]> => {
    const size = headOf(queue), later = new Set<Job>(size < queue.length ? queue.slice(size) : undefined), source = fetcher(env)
    let todo = size === queue.length ? queue : queue.slice(0, size), failure = await prefetch(todo, source)
    while (failure === undefined && todo.length > 0) {
      const { rows, decided, needs, behind } = decideAll(todo, source)
      if (needs.length > 0) { failure = await source.fetch(needs); continue }
      for (const j of behind) later.add(j) // and stays there: what is decided again may not let it overtake
      if (behind.length > 0) todo = decided.map(d => d.job)
      const unit = unitOf(decided, rows), empty = unit.marks.length + unit.parks.length + unit.unparks.length + unit.emits.length + unit.checkpoints.length === 0
      const committed = empty ? E.right({ marks: [] }) : await env.store.commit(unit)()
      if (E.isLeft(committed)) { failure = committed.left; break }
      if ('conflict' in committed.right && committed.right.conflict) {
        const losers = losersOf(decided, committed.right.conflict)
        for (const d of losers) lose(d, committed.right.conflict, unit, later)
        todo = decided.filter(d => !losers.has(d)).map(d => d.job)
        continue
      }
      const { marks } = committed.right, fails: Decided[] = []
      let next = 0
      for (const d of decided) if (d.failure) fails.push(d); else finish(d.job, d.mark && marks![next++])
      const stand = fails.length > 0 ? await env.store.seen(fails.map(d => markId(d.job)))() : E.right([]) // an accepted message that comes again may look like a failure
      for (const { job, failure: f } of fails) {
        const before = E.isRight(stand) ? stand.right.find(sameMark(markId(job))) : undefined
        if (before) again(job, before, later); else job.settle(E.isLeft(stand) ? stand : E.left(f!))
      }
      todo = []
    }
    if (failure !== undefined) failAll(todo, failure, later)
    return later.size === 0 ? [] : queue.filter(j => later.has(j))
  }
  /** `admit` sees each job before its round and may keep it for later. Where batches are cut, the next one looks less far ahead. */
  return async (jobs: readonly Job[], admit: (job: Job) => boolean): Promise<void> => {
    for (let queue = jobs.toReversed(), span = env.unitLimit; queue.length > 0;) { // the next one stands last: to copy the rest at each cut would cost the square
      const head = queue.splice(-span).toReversed().filter(admit), left = await round(head)
      for (let i = left.length - 1; i >= 0; i--) queue.push(left[i]!)
      span = Math.min(env.unitLimit, Math.max(1, left.length > 0 ? head.length - left.length : 2 * span))
    }
  }
}

import * as E from 'fp-ts/lib/Either.js'
import * as O from 'fp-ts/lib/Option.js'
import { type AnyDecider, type Ctx, type Rejection, accept } from './handler.js'
import { type AnyType, type Draft, type Message, bodyOf, envelop, idOf } from './message.js'
import { type Facts, type Trace, facts, overlay, trace } from './overlay.js'
import type { AnyPort, Failure } from './port.js'
import { type Schema, parse } from './schema.js'
import type { Bindings, Checkpoint, Conflict, Emit, Fact, Mark, Outcome, Parked, Position, Runtime, Store, TableLookup, Unit } from './shell.js'
import type { AnyTable, Lookup, Lookups, Then } from './table.js'

/** A place in a partition, until all before it is behind the checkpoint. */
export interface Slot { readonly position: Position; done: boolean; readonly track: { readonly open: Slot[]; readonly of: Omit<Checkpoint, 'position'> } }
/** A message on its way through a handler. `do`: run it, park it, or only move the checkpoint over it. */
export interface Job {
  readonly handler: AnyDecider; readonly message: Message; readonly key: string; readonly slot?: Slot | undefined
  do: 'run' | 'park' | 'skip'; parked?: Parked | undefined; /** Runs although its key waits: the first of that key. */ first?: boolean; redrive?: string
  attempts: number; losses: number; alone?: boolean; broke: number; constraint?: string; also?: readonly Lookup[]
  settle(result: E.Either<Failure & { readonly busy?: boolean; readonly fenced?: boolean }, Mark | undefined>): void
}
export interface Executing {
  readonly store: Pick<Store, 'fetch' | 'commit' | 'seen'>; readonly tables: ReadonlyMap<string, AnyTable>; readonly bindings: Bindings
  readonly log: Runtime['log']; readonly fanOut: number; readonly unitLimit: number; readonly source: string
}
interface Decided { readonly job: Job; readonly trace: Trace; readonly emits: readonly Emit[]; readonly mark?: Mark | undefined; readonly failure?: Failure | undefined }
const left = (failure: string, retry: boolean): Failure => ({ failure, retry })
const textOf = (e: unknown): string => e instanceof Error ? e.message : String(e)
const markId = (job: Job): Pick<Mark, 'consumer' | 'id'> => ({ consumer: job.handler.kind === 'command' ? '' : job.handler.name, id: job.message.id })
/** Conflicts that one message may lose before it counts as an attempt. */
const losses = 20

export const contextOf = (message: Message, name: string, log: Runtime['log']): Ctx => ({
  now: message.time, actor: message.actor, tenant: message.tenant, id: label => idOf(message.id, name, label),
  log: (text, fields) => log('info', text, { handler: name, message: message.id, correlationid: message.correlationid, ...fields }),
})
/** The handler that acts on the world for a port: its lookup is the deed, its decision that it is done. */
export const performer = (port: AnyPort): AnyDecider => ({
  kind: 'effect', name: `effect-${port.port}`, in: [port.message!], out: [], tables: [], ports: [port], settings: {}, write: {},
  lookup: m => ({ done: { lookup: port.port, ask: { op: 'effect', at: m.id, args: m.data } } }), operate: () => accept(),
})

/** Answers lookups of tables and ports together, one round trip a stage, and remembers what it learned. */
export const fetcher = ({ store, tables, bindings }: Pick<Executing, 'store' | 'tables' | 'bindings'>, ports: readonly AnyPort[]) => {
  const known: Facts = facts(), asked = new Map<string, E.Either<Failure, unknown>>(), had = new Set<string>()
  const idOfLookup = ({ lookup, ask }: Lookup): string => `${lookup}\u0000${ask.op}\u0000${ask.op === 'by' ? ask.index : ''}\u0000${ask.at}`
  const parsed = (schema: Schema, value: unknown, what: string): E.Either<Failure, unknown> => E.mapLeft((i: readonly { path: string; message: string }[]) => left(`${what}: ${i.map(x => `${x.path} ${x.message}`.trim()).join('; ')}`, false))(parse(schema, value))
  const askPort = async ({ lookup, ask }: Lookup): Promise<E.Either<Failure, unknown>> => {
    const binding = bindings[lookup], shape = ports.find(p => p.port === lookup)?.shape
    if (ask.op === 'effect') {
      const done = await store.seen([{ consumer: `effect-${lookup}`, id: ask.at }])()
      return E.isLeft(done) ? done : done.right.length > 0 ? E.right(undefined) : binding!.effect!(ask.args, ask.at)()
    }
    const args = parsed(shape!.ask!.args, (ask as { args?: unknown }).args, `the arguments of port '${lookup}'`)
    if (E.isLeft(args)) return args
    const answer = await binding!.ask!(args.right)()
    return E.isLeft(answer) ? answer : parsed(shape!.ask!.answer, answer.right, `the answer of port '${lookup}'`)
  }
  const fetch = async (wanted: readonly Lookup[]): Promise<Failure | undefined> => {
    const fresh = wanted.filter(l => l.ask.op !== 'nothing' && l.ask.op !== 'noRows' && !had.has(idOfLookup(l)) && had.add(idOfLookup(l)))
    const rows = fresh.filter((l): l is Lookup & TableLookup => l.ask.op === 'get' || l.ask.op === 'by' || l.ask.op === 'where')
    const [found] = await Promise.all([rows.length > 0 ? store.fetch(rows)() : E.right<Failure, readonly (readonly Fact[])[]>([]), ...fresh.filter(l => l.ask.op === 'ask' || l.ask.op === 'effect').map(async l => {
      asked.set(idOfLookup(l), await askPort(l).catch((e: unknown) => E.left(left(`port '${l.lookup}' threw: ${textOf(e)}`, true))))
    })])
    if (E.isLeft(found)) return found.left
    rows.forEach((l, i) => known.learn(tables.get(l.lookup)!, l, found.right[i]!))
    return undefined
  }
  /** The answers that handlers see, read through an overlay. A failed port throws its failure. */
  const answers = (lookups: Lookups, t: Trace, read: (l: TableLookup, t: Trace) => readonly unknown[]): { [name: string]: unknown } => Object.fromEntries(Object.entries(lookups).map(([name, l]) => {
    if (l.ask.op === 'nothing') return [name, O.none]
    if (l.ask.op === 'noRows') return [name, []]
    if (l.ask.op === 'ask' || l.ask.op === 'effect') {
      const got = asked.get(idOfLookup(l))
      if (got === undefined) t.needs.push(l)
      else if (E.isLeft(got)) throw got.left
      return [name, got && E.isRight(got) ? got.right : undefined]
    }
    const found = read(l as TableLookup, t)
    return [name, l.ask.op === 'where' ? found : O.fromNullable(found[0])]
  }))
  return { known, fetch, answers }
}
export const isThen = (l: Lookups | Then): l is Then => typeof l['next'] === 'function'

/**
 * Runs jobs as one batch: fetch, decide in order over an overlay, commit one unit. A batch equals its messages run one by one; where the overlay
 * cannot say, it is cut. A conflict names keys: who touched them, and who built on those, decide again on fresh data; the rest decides again in memory and commits.
 */
export const executor = (env: Executing) => {
  const parents = new Set([...env.tables.values()].flatMap(t => Object.values(t.references)))
  const emit = (job: Job, draft: Draft, index: number): Emit => {
    const { handler: h, message: m } = job, type: AnyType | undefined = draft.kind === 'effect' ? h.ports.find(p => p.port === draft.type)?.message : h.out.find(t => t.type === draft.type)
    if (type === undefined) throw new TypeError(`handler '${h.name}' made '${draft.type}', which stands neither in its out nor in its effects`)
    const data = type.kind === 'event' ? E.right(draft.data) : parse(type.schema, draft.data)
    const made = E.isLeft(data) ? data : envelop(type, data.right, {
      id: idOf(m.id, h.name, index, h.settings.each === 'instance' ? env.source : ''), source: env.source, time: m.time, correlationid: m.correlationid, causationid: m.id, tenant: m.tenant, actor: m.actor, traceparent: m.traceparent,
    }, draft.kind === 'effect' ? draft.key ?? m.subject : undefined)
    if (E.isLeft(made)) throw new TypeError(`handler '${h.name}' made '${draft.type}' with ${made.left.map(i => `${i.path}: ${i.message}`).join('; ')}`)
    return { channel: type.channel.channel, message: made.right }
  }

  const decide = (job: Job, index: number, ov: ReturnType<typeof overlay>, { answers }: ReturnType<typeof fetcher>): Decided => {
    const { handler: h, message: m } = job, t = trace(), stopped = (): boolean => t.needs.length > 0 || t.cut, none: Decided = { job, trace: t, emits: [] }
    const rejected = (rejection: Rejection): Decided => h.kind === 'command' ? { ...none, mark: { ...markId(job), body: bodyOf(m.type, m.data), time: m.time, outcome: { commandId: m.id, rejection } } } : { ...none, failure: left(`'${h.name}' cannot write what '${m.type}' asks for: ${rejection.message}`, false) }
    const constraint = (name: string): Decided => rejected({ code: 'constraint', message: `the constraint ${name} forbids it`, details: { constraint: name } })
    if (job.do !== 'run') return none
    if (job.broke > 1) return constraint(job.constraint!)
    try {
      const first = h.lookup?.(m) ?? {}
      let data = answers(isThen(first) ? first.first : first, t, ov.read)
      if (isThen(first) && !stopped()) data = { ...data, ...answers(first.next(data as never), t, ov.read) }
      if (stopped()) return none
      const decision = h.operate?.(contextOf(m, h.name, env.log), m, data) ?? accept()
      if (E.isLeft(decision)) return rejected(decision.left)
      if (decision.right.length > env.fanOut) throw new TypeError(`handler '${h.name}' made ${decision.right.length} results of one message; expected at most ${env.fanOut} (option fanOut)`)
      const emits = decision.right.map((d, i) => emit(job, d, i))
      const events = h.kind === 'projector' ? [m] : emits.filter((_, i) => decision.right[i]!.kind === 'event').map(e => e.message)
      for (const event of events) for (const { change, alter } of h.write[event.type]?.(event) ?? []) {
        if (!h.tables.some(x => x.name === change)) throw new TypeError(`handler '${h.name}' writes table '${change}', which is not in its uses`)
        ov.apply(env.tables.get(change)!, alter, index, t)
      }
      ov.settle(t)
      if (stopped()) { ov.undo(); return none }
      if (t.broken !== undefined) { ov.undo(); t.wrote.clear(); return constraint(t.broken) }
      return { ...none, emits, mark: h.settings.each === 'instance' ? undefined : { ...markId(job), body: h.kind === 'command' ? bodyOf(m.type, m.data) : '', time: m.time, outcome: h.kind === 'command' ? { commandId: m.id, events } : undefined } }
    } catch (e) {
      ov.undo()
      return { ...none, failure: typeof e === 'object' && e !== null && 'failure' in e ? e as Failure : left(textOf(e), true) }
    }
  }

  const unitOf = (decided: readonly Decided[], ov: ReturnType<typeof overlay>): Unit => {
    const done = decided.filter(d => d.failure === undefined), slots = new Set(done.map(d => d.job.slot))
    const checkpoints = [...new Set(done.flatMap(d => d.job.slot?.track ?? []))].flatMap(({ open, of }) => {
      const gap = open.findIndex(s => !s.done && !slots.has(s)), last = open[(gap < 0 ? open.length : gap) - 1]
      return last ? [{ ...of, position: last.position }] : []
    })
    return { ...ov.fold(done.map(d => d.trace)), emits: done.flatMap(d => d.emits), marks: done.flatMap(d => d.mark ?? []), parks: done.flatMap(d => d.job.do === 'park' ? d.job.parked ?? [] : []), unparks: done.flatMap(d => d.job.redrive !== undefined && d.job.do === 'run' ? d.job.redrive : []), checkpoints }
  }

  /** Who cannot stand: touched what is stale, is done already, or built on one who did. */
  const losers = (decided: readonly Decided[], { stale, broken, seen, fenced }: Conflict): ReadonlySet<Decided> => {
    const bad = new Set<Decided>(), wrote = new Set<string>([...stale, ...broken.map(b => b.key)]), read = new Set<string>(wrote), keys = new Set<string>()
    for (const d of decided) {
      const reads = [...d.trace.reads.keys()], writes = [...d.trace.wrote]
      if (seen.some(s => s.id === d.mark?.id && s.consumer === d.mark.consumer) || fenced.some(f => f.consumer === d.job.handler.name && f.channel === d.job.slot?.track.of.channel && f.partition === d.job.slot.track.of.partition)
        || keys.has(d.job.key) || reads.some(k => wrote.has(k)) || writes.some(k => wrote.has(k) || read.has(k))) {
        bad.add(d); keys.add(d.job.key)
        for (const k of writes) wrote.add(k)
        for (const k of reads) read.add(k)
      }
    }
    return bad.size > 0 ? bad : new Set(decided)
  }

  /** Commits the head of the queue; what it returns goes on, in its order. */
  const round = async (queue: readonly Job[]): Promise<readonly Job[]> => {
    const ids = new Set<string>()
    let size = 0
    for (const j of queue) { // the same id twice, or two effects of one key, cannot be one unit
      const id = j.do !== 'run' ? String(size) : j.handler.kind === 'effect' ? j.key : `${j.handler.name}\u0000${j.message.id}`
      if (size >= env.unitLimit || ids.has(id) || (j.alone === true && size > 0)) break
      ids.add(id); size++
      if (j.alone === true) break
    }
    let todo = queue.slice(0, size)
    const order = new Map(queue.map((j, i) => [j, i])), later = new Set(queue.slice(size)), source = fetcher(env, [...new Set(todo.flatMap(j => j.handler.ports))])
    const failAll = (jobs: readonly Job[], failure: Failure): void => {
      if (failure.retry || jobs.length === 1) for (const j of jobs) j.settle(E.left(failure))
      else for (const j of jobs) { j.alone = true; later.add(j) } // it names nobody: one by one
    }
    const stages = todo.filter(j => j.do === 'run').map(j => { try { return j.handler.lookup?.(j.message) ?? {} } catch { return {} } }) // what throws here throws again in `decide`
    let failure = await source.fetch([...stages.flatMap(s => Object.values(isThen(s) ? s.first : s)), ...todo.flatMap(j => j.also ?? [])])
    const plain = overlay(source.known, env.tables, parents)
    if (failure === undefined && stages.some(isThen)) failure = await source.fetch(stages.filter(isThen).flatMap(s => { try { return Object.values(s.next(source.answers(s.first, trace(), plain.read) as never)) } catch { return [] } }))
    while (failure === undefined && todo.length > 0) {
      const ov = overlay(source.known, env.tables, parents), decided: Decided[] = [], needs: Lookup[] = [], failed = new Set<string>()
      for (const [i, job] of todo.entries()) {
        if (failed.has(job.key)) { later.add(job); continue }
        const d = decide(job, i, ov, source)
        ov.keep()
        if (d.trace.cut && d.trace.needs.length === 0) { for (const j of todo.slice(i)) later.add(j); break }
        needs.push(...d.trace.needs)
        if (d.trace.needs.length > 0) continue
        if (d.failure) failed.add(job.key)
        decided.push(d)
        if (d.trace.alone) { for (const j of todo.slice(i + 1)) later.add(j); break }
      }
      if (needs.length > 0) { for (const j of todo) later.delete(j); failure = await source.fetch(needs); continue }
      const unit = unitOf(decided, ov), empty = unit.marks.length + unit.parks.length + unit.emits.length + unit.checkpoints.length === 0
      const committed = empty ? E.right({ marks: [] as readonly Mark[] }) : await env.store.commit(unit)()
      if (E.isLeft(committed)) { failAll(decided.map(d => d.job), committed.left); break }
      if ('conflict' in committed.right && committed.right.conflict) {
        const { conflict } = committed.right, bad = losers(decided, conflict)
        for (const { job, mark, trace: t } of bad) {
          const seen = conflict.seen.find(s => s.id === mark?.id && s.consumer === mark.consumer), broken = conflict.broken.find(b => t.wrote.has(b.key))
          if (conflict.fenced.some(f => f.partition === job.slot?.track.of.partition && f.channel === job.slot.track.of.channel && f.consumer === job.handler.name)) job.settle(E.left({ ...left('the partition has another owner now', false), fenced: true }))
          else if (seen) { finish(job, seen); if (job.slot) { job.do = 'skip'; later.add(job) } }
          else if (job.losses++ >= losses) job.settle(E.left({ ...left(`'${job.handler.name}' lost ${losses} conflicts in a row`, true), busy: true }))
          else {
            job.also = unit.writes.filter(w => conflict.stale.includes(w.key) && t.wrote.has(w.key)).map(w => ({ lookup: w.table, ask: { op: 'get', at: w.at, key: w.columns } }))
            if (broken) { job.alone = true; job.broke++; job.constraint = broken.constraint }
            later.add(job)
          }
        }
        const again = new Set([...bad].map(d => d.job))
        todo = todo.filter(j => !again.has(j) && !later.has(j))
        continue
      }
      const marks = new Map(committed.right.marks!.map(m => [`${m.consumer}\u0000${m.id}`, m]))
      for (const d of decided) if (!d.failure) finish(d.job, d.mark && marks.get(`${d.mark.consumer}\u0000${d.mark.id}`))
      const fails = decided.filter(d => d.failure), stand = fails.length > 0 ? await env.store.seen(fails.map(d => markId(d.job)))() : E.right([])
      for (const { job, failure: f } of fails) { // an accepted message that comes again may look like a failure: ask the inbox first
        const seen = E.isRight(stand) ? stand.right.find(s => s.id === job.message.id) : undefined
        if (seen) { finish(job, seen); if (job.slot) { job.do = 'skip'; later.add(job) } } else job.settle(E.left(f!))
      }
      break
    }
    if (failure !== undefined) { failAll(todo, failure) }
    return [...later].sort((a, b) => order.get(a)! - order.get(b)!)
  }
  const finish = (job: Job, mark: Mark | undefined): void => {
    if (job.slot) { job.slot.done = true; const { open } = job.slot.track; while (open[0]?.done) open.shift() }
    job.settle(E.right(mark))
  }
  /** `admit` sees each job before each round and may keep it for later. */
  return async (jobs: readonly Job[], admit: (job: Job) => boolean): Promise<void> => {
    for (let queue = jobs.filter(admit); queue.length > 0;) queue = (await round(queue)).filter(admit)
  }
}
export type { Outcome }

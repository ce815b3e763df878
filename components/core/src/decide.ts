import * as E from 'fp-ts/lib/Either.js'
import { failureOf, type fetcher, isThen } from './fetch.js'
import { type AnyDecider, type Ctx, type Rejection, accept } from './handler.js'
import { type Draft, type Message, bodyOf, envelop, idOf } from './message.js'
import { type Trace, type overlay, trace } from './overlay.js'
import type { AnyPort, Failure } from './port.js'
import { parse } from './schema.js'
import type { Bindings, Checkpoint, Emit, Mark, Parked, Position, Runtime, Store } from './shell.js'
import type { AnyTable, Lookup, Lookups, Then } from './table.js'

/** A place in a partition, until all before it is behind the checkpoint. */
export interface Slot { readonly position: Position; done: boolean; readonly track: { readonly open: Slot[]; readonly of: Omit<Checkpoint, 'position'> } }
export type Settled = E.Either<Failure & { readonly busy?: boolean; readonly fenced?: boolean }, Mark | undefined>
/** A message on its way through a handler. */
export interface Job {
  readonly handler: AnyDecider; readonly message: Message; readonly key: string; readonly slot?: Slot | undefined
  /** Run it, park it (as `parked` says), or only move the checkpoint over it. */
  do: 'run' | 'park' | 'skip'; parked?: Parked | undefined
  /** Runs although its key waits: it is the one that the others wait for. */
  first?: boolean
  /** The id of the parked message that this is; taken off the list when done. */
  redrive?: string
  attempts: number
  /** What the executor has learned of it: its lookups, conflicts lost, rows to know first, the constraint it broke and how often, whether it wants a unit of its own, its mark of an earlier run. */
  losses: number; asks?: Lookups | Then; also?: readonly Lookup[]; constraint?: string; broke: number; alone?: boolean; seen?: Mark
  settle(result: Settled): void
}
export interface Executing {
  readonly store: Pick<Store, 'fetch' | 'commit' | 'seen'>; readonly tables: ReadonlyMap<string, AnyTable>; readonly bindings: Bindings
  readonly log: Runtime['log']; readonly fanOut: number; readonly unitLimit: number
  /** The deployment's name; an event's source is it and the handler's name. */
  readonly source: string
  /** Tells instances apart where each has its own copy. */
  readonly instance: string
  /** In its place, for those who prove that a broken one is noticed. */
  readonly overlay?: typeof overlay
}
/** One message, decided in memory: what it touched, and what it asks to commit, unless it failed. */
export interface Decided { readonly job: Job; readonly trace: Trace; readonly emits: readonly Emit[]; readonly mark?: Mark | undefined; readonly failure?: Failure | undefined }

/** A handler is pure: it is asked once what it looks up. */
export const asksOf = (job: Job): Lookups | Then => job.asks ??= job.handler.lookup?.(job.message) ?? {}
/** Commands have one space of ids, whichever handler takes them. */
export const markId = ({ handler, message }: Job): Pick<Mark, 'consumer' | 'id'> => ({ consumer: handler.kind === 'command' ? '' : handler.name, id: message.id })
export const contextOf = (message: Message, name: string, log: Runtime['log']): Ctx => ({
  now: message.time, actor: message.actor, tenant: message.tenant, id: label => idOf(message.id, name, label),
  log: (text, fields) => log('info', text, { handler: name, message: message.id, correlationid: message.correlationid, ...fields }),
})
/** The handler that acts on the world for a port: its lookup is the deed, its decision that it is done. */
export const performer = (port: AnyPort): AnyDecider => ({
  kind: 'effect', name: `effect-${port.port}`, in: [port.message!], out: [], tables: [], ports: [port], settings: {}, write: {},
  lookup: m => ({ done: { lookup: port.port, ask: { op: 'effect', at: m.id, args: m.data } } }), operate: () => accept(),
})

const envelopeOf = (env: Executing, { handler: h, message: m }: Job, draft: Draft, index: number): Emit => {
  const type = draft.kind === 'effect' ? h.ports.find(p => p.port === draft.type)?.message : h.out.find(t => t.type === draft.type)
  if (type === undefined) throw new TypeError(`handler '${h.name}' made '${draft.type}', which stands neither in its out nor in its effects`)
  const id = idOf(m.id, h.name, index, h.settings.each === 'instance' ? env.instance : '')
  const data = type.kind === 'event' ? E.right(draft.data) : parse(type.schema, draft.data)
  const made = E.isLeft(data) ? data : envelop(type, data.right, {
    id, source: `${env.source}/${h.name}`, time: m.time, correlationid: m.correlationid, causationid: m.id, tenant: m.tenant, actor: m.actor, traceparent: m.traceparent,
  }, draft.kind === 'effect' ? draft.key ?? m.subject : undefined)
  if (E.isLeft(made)) throw new TypeError(`handler '${h.name}' made '${draft.type}' with ${made.left.map(i => `${i.path}: ${i.message}`).join('; ')}`)
  return { channel: type.channel.channel, message: made.right }
}

/** Runs one handler over what was fetched and staged: lookup, operate, write. What fails stages nothing. */
export const decide = (env: Executing, job: Job, index: number, rows: ReturnType<typeof overlay>, { answers }: ReturnType<typeof fetcher>): Decided => {
  const { handler: h, message: m } = job, t = trace(), nothing: Decided = { job, trace: t, emits: [] }
  const stopped = (): boolean => t.needs.length > 0 || t.cut
  const marked = (outcome: Mark['outcome']): Mark => ({ ...markId(job), body: h.kind === 'command' ? bodyOf(m.type, m.data) : '', time: m.time, outcome })
  const rejected = (rejection: Rejection): Decided => h.kind === 'command' ? { ...nothing, mark: marked({ commandId: m.id, rejection }) }
    : { ...nothing, failure: { failure: `'${h.name}' cannot write what '${m.type}' asks for: ${rejection.message}`, retry: false } }
  const constraint = (name: string): Decided => rejected({ code: 'constraint', message: `the constraint ${name} forbids it`, details: { constraint: name } })

  if (job.do !== 'run') return nothing
  if (job.broke > 1) return constraint(job.constraint!)
  try {
    const lookups = asksOf(job)
    let data = answers(isThen(lookups) ? lookups.first : lookups, t, rows.read)
    if (isThen(lookups) && !stopped()) data = { ...data, ...answers(lookups.next(data as never), t, rows.read) }
    if (stopped()) return nothing
    const decision = h.operate?.(contextOf(m, h.name, env.log), m, data) ?? accept()
    if (E.isLeft(decision)) return rejected(decision.left)
    const drafts = decision.right
    if (drafts.length > env.fanOut) throw new TypeError(`handler '${h.name}' made ${drafts.length} results of one message; expected at most ${env.fanOut} (option fanOut)`)
    const emits = drafts.map((draft, i) => envelopeOf(env, job, draft, i))
    const events = emits.flatMap((e, i) => drafts[i]!.kind === 'event' ? e.message : [])
    for (const event of h.kind === 'projector' ? [m] : events) for (const { change, alter } of h.write[event.type]?.(event) ?? []) {
      if (t.broken !== undefined) break
      const table = h.tables.find(x => x.name === change)
      if (table === undefined) throw new TypeError(`handler '${h.name}' writes table '${change}', which is not in its uses`)
      rows.apply(table, alter, index, t)
    }
    rows.settle(t)
    if (stopped() || t.broken !== undefined) {
      rows.undo()
      t.wrote.clear()
      return t.broken === undefined || stopped() ? nothing : constraint(t.broken)
    }
    return { ...nothing, emits, mark: h.settings.each === 'instance' ? undefined : marked(h.kind === 'command' ? { commandId: m.id, events } : undefined) }
  } catch (e) {
    rows.undo()
    t.wrote.clear()
    return { ...nothing, failure: failureOf(e) }
  }
}

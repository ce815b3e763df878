import * as E from 'fp-ts/lib/Either.js'
import { type Fetching, failureOf, type fetcher, isThen } from './fetch.js'
import { type AnyDecider, type Ctx, type Rejection, accept } from './handler.js'
import { type Draft, type Message, bodyOf, envelop, idOf } from './message.js'
import { type Trace, type overlay, none, trace } from './overlay.js'
import type { Failure } from './port.js'
import { parse, seal } from './schema.js'
import type { Checkpoint, Emit, Mark, Parked, Reach, Runtime, Store } from './shell.js'
import type { Lookup, Lookups, Then } from './table.js'

/** A place in a partition, until all before it is behind the checkpoint. */
export interface Slot { readonly at: Reach; done: boolean; readonly track: { readonly open: Slot[]; readonly of: Omit<Checkpoint, 'position'> } }
export type Settled = E.Either<Failure & { readonly busy?: boolean; readonly fenced?: boolean }, Mark | undefined>
/** A message on its way through a handler. */
export interface Job {
  readonly handler: AnyDecider; readonly message: Message; readonly key: string; readonly slot?: Slot | undefined
  /** Run it, park it (as `parked` says), or only move the checkpoint over it. */
  do: 'run' | 'park' | 'skip'; parked?: Parked | undefined
  /** Runs although its key waits: it is the one that the others wait for. */
  first?: boolean
  /** The id of the parked message that this is; taken off the list when done. */
  redrive?: string | undefined
  attempts: number
  /** What the executor has learned of it: its lookups, conflicts lost, rows to know first, the constraint it broke and how often, whether it wants a unit of its own, its mark of an earlier run. */
  losses: number; asks?: Lookups | Then | undefined; also?: readonly Lookup[]; constraint?: string; broke: number; alone?: boolean; seen?: Mark
  settle(result: Settled): void
}
export interface Executing extends Fetching {
  readonly store: Pick<Store, 'fetch' | 'commit' | 'seen'>; readonly log: Runtime['log']; readonly fanOut: number; readonly unitLimit: number
  /** What a handler's events have as their source: the deployment's name and the handler's, one text for all of them. */
  readonly source: (handler: string) => string
  /** Tells instances apart where each has its own copy. */
  readonly instance: string
  /** In its place, for those who prove that a broken one is noticed. */
  readonly overlay?: typeof overlay
}
/** One message, decided in memory: what it touched, and what it asks to commit, unless it failed. */
export interface Decided { readonly job: Job; readonly trace: Trace; readonly emits: readonly Emit[]; readonly mark?: Mark | undefined; readonly failure?: Failure | undefined }

const isEvent = (draft: Draft): boolean => draft.kind === 'event', stopped = (t: Trace): boolean => t.needs.length > 0 || t.cut
/** A handler is pure: it is asked once what it looks up. */
export const asksOf = (job: Job): Lookups | Then => job.asks ??= job.handler.lookup?.(job.message) ?? {}
/** Commands have one space of ids, whichever handler takes them. */
export const markId = ({ handler: { kind, name }, message, slot }: Job): Pick<Mark, 'consumer' | 'id' | 'at'> => ({ consumer: kind === 'command' ? '' : name, id: message.id, at: kind === 'policy' || kind === 'projector' ? slot?.at : undefined })
export const contextOf = (message: Message, name: string, log: Runtime['log']): Ctx => ({
  now: message.time, actor: message.actor, tenant: message.tenant, id: label => idOf(message.id, name, label),
  log: (text, fields) => log('info', text, { handler: name, message: message.id, correlationid: message.correlationid, ...fields }),
})
const envelopeOf = (env: Executing, { handler: h, message: m }: Job, draft: Draft, index: number): Emit => {
  const type = draft.kind === 'effect' ? h.ports.find(p => p.port === draft.type)?.message : h.out.find(t => t.type === draft.type)
  if (type === undefined) throw new TypeError(`handler '${h.name}' made '${draft.type}', which stands neither in its out nor in its effects`)
  const id = idOf(m.id, h.name, index, h.settings.each === 'instance' ? env.instance : '')
  const data = type.kind === 'event' ? E.right(draft.data) : parse(type.schema, draft.data)
  const made = E.isLeft(data) ? data : envelop(type, data.right, {
    id, source: env.source(h.name), time: m.time, correlationid: m.correlationid, causationid: m.id, tenant: m.tenant, actor: m.actor, traceparent: m.traceparent,
  }, draft.kind === 'effect' ? draft.key ?? m.subject : undefined)
  if (E.isLeft(made)) throw new TypeError(`handler '${h.name}' made '${draft.type}' with ${made.left.map(i => `${i.path}: ${i.message}`).join('; ')}`)
  return { channel: type.channel.channel, message: made.right }
}

const marked = (job: Job, outcome: Mark['outcome']): Mark => {
  const { consumer, id, at } = markId(job), { message: m } = job, command = consumer === ''
  return { consumer, id, at, body: command ? bodyOf(m.type, m.data) : '', time: m.time, outcome: command ? outcome : undefined }
}
const plain = (job: Job, t: Trace): Decided => ({ job, trace: t, emits: none, mark: undefined, failure: undefined })
const rejected = (job: Job, t: Trace, rejection: Rejection): Decided => {
  const { handler: h, message: m } = job, d = plain(job, t)
  if (h.kind === 'command') return { ...d, mark: marked(job, { commandId: m.id, rejection: seal(rejection, 'rejection') }) }
  return { ...d, failure: { failure: `'${h.name}' cannot write what '${m.type}' asks for: ${rejection.message}`, retry: false } }
}
const forbidden = (job: Job, t: Trace, name: string): Decided => rejected(job, t, { code: 'constraint', message: `the constraint ${name} forbids it`, details: { constraint: name } })

/** Runs one handler over what was fetched and staged: lookup, operate, write. What fails stages nothing. */
export const decide = (env: Executing, job: Job, index: number, rows: ReturnType<typeof overlay>, { answers }: ReturnType<typeof fetcher>): Decided => {
  const { handler: h, message: m } = job, t = trace()
  if (job.do !== 'run') return plain(job, t)
  if (job.broke > 1) return forbidden(job, t, job.constraint!)
  try {
    const lookups = asksOf(job)
    let data = answers(isThen(lookups) ? lookups.first : lookups, t, rows.read)
    if (isThen(lookups) && !stopped(t)) data = { ...data, ...answers(lookups.next(data as never), t, rows.read) }
    if (stopped(t)) return plain(job, t)
    const decision = h.operate?.(contextOf(m, h.name, env.log), m, data) ?? accept()
    if (E.isLeft(decision)) return rejected(job, t, decision.left)
    const drafts = decision.right
    if (drafts.length > env.fanOut) throw new TypeError(`handler '${h.name}' made ${drafts.length} results of one message; expected at most ${env.fanOut} (option fanOut)`)
    const emits = drafts.map((draft, i) => envelopeOf(env, job, draft, i)), events = (drafts.every(isEvent) ? emits : emits.filter((_, i) => isEvent(drafts[i]!))).map(e => e.message)
    for (const event of h.kind === 'projector' ? [m] : events) for (const { change, alter } of h.write[event.type]?.(event) ?? none) {
      const table = h.tables.find(x => x.name === change)
      if (table === undefined) throw new TypeError(`handler '${h.name}' writes table '${change}', which is not in its uses`)
      if (t.broken === undefined) rows.apply(table, alter, index, t)
    }
    rows.settle(t)
    if (!stopped(t) && t.broken === undefined) return { job, trace: t, emits, mark: h.settings.each === 'instance' ? undefined : marked(job, { commandId: m.id, events }), failure: undefined }
    rows.undo()
    t.wrote = none
    return stopped(t) ? plain(job, t) : forbidden(job, t, t.broken!)
  } catch (e) {
    rows.undo()
    t.wrote = none
    return { ...plain(job, t), failure: failureOf(e) }
  }
}

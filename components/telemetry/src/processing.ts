import { type Attributes, type Span, SpanKind, SpanStatusCode, type Tracer, context, trace } from '@opentelemetry/api'
import type { Attempt, Attempted, Observe } from '@lowtide/run'
import type { Instruments } from './metrics.js'
import { originOf } from './trace.js'

interface Group { readonly handler: string; readonly channel: string; readonly begun: Attempt[]; readonly ended: Attempted[] }
/** What is told of one batch in events of its span, at most: the default limit of SDKs. */
const most = 128
/** By handler and channel: to the conventions a handler is a consumer group. */
const groupsOf = (batch: readonly Attempt[]): ReadonlyMap<string, Group> => {
  const groups = new Map<string, Group>()
  for (const one of batch) {
    const id = `${one.handler}\u0000${one.channel}`, group = groups.get(id)
    if (group) group.begun.push(one); else groups.set(id, { handler: one.handler, channel: one.channel, begun: [one], ended: [] })
  }
  return groups
}
const broken: ReadonlySet<Attempted['end']> = new Set(['again', 'parked', 'waiting', 'failed', 'fenced'])

/** A span for each handler of a batch, around fetch, decide and commit; the numbers of what became of its messages. */
export const processing = (tracer: Tracer, counted: Instruments, system: string): NonNullable<Observe['executing']> => {
  const common = ({ handler, channel }: Group): Attributes => ({ 'messaging.system': system, 'messaging.destination.name': channel, 'messaging.operation.name': 'process', 'messaging.operation.type': 'process', 'messaging.consumer.group.name': handler })

  const begin = (group: Group): Span => {
    const { channel, begun } = group, [only] = begun as [Attempt], { parent, links } = originOf(begun.map(({ message }) => message.traceparent))
    return tracer.startSpan(`process ${channel}`, {
      kind: SpanKind.CONSUMER, links,
      attributes: { ...common(group), ...(begun.length > 1 ? { 'messaging.batch.message_count': begun.length } : { 'messaging.message.id': only.message.id, 'messaging.message.conversation_id': only.message.correlationid }) },
    }, parent)
  }
  const tell = (span: Span, { begun, ended }: Group): string | undefined => {
    const worst = ended.find(({ end }) => broken.has(end))
    if (begun.length === 1 && ended[0]) span.setAttributes({ 'lowtide.outcome': ended[0].end, ...(ended[0].end === 'rejected' && { 'lowtide.rejection': ended[0].why }) })
    else for (const { end, why, message } of ended.filter(({ end }) => end !== 'handled').slice(0, most)) span.addEvent(`lowtide.${end}`, { 'messaging.message.id': message.id, ...(end === 'rejected' && { 'lowtide.rejection': why }) })
    if (worst === undefined) return undefined
    span.setAttribute('error.type', worst.end)
    span.setStatus({ code: SpanStatusCode.ERROR, ...(worst.why !== undefined && { message: worst.why }) })
    return worst.end
  }
  const count = (group: Group, error: string | undefined, took: number): void => {
    const all = common(group), { ended } = group, now = Date.now()
    counted.process.record(took, error === undefined ? all : { ...all, 'error.type': error })
    if (ended.length === 0) return
    counted.batch.record(ended.length, all)
    const sum = (of: (one: Attempted) => number): number => ended.reduce((n, one) => n + of(one), 0), first = sum(one => one.before === 0 ? 1 : 0), retries = sum(one => one.before > 0 && (one.end === 'handled' || one.end === 'rejected' || one.end === 'again') ? 1 : 0), conflicts = sum(one => one.conflicts)
    if (first > 0) counted.consumed.add(first, all)
    if (retries > 0) counted.retries.add(retries, all)
    if (conflicts > 0) counted.conflicts.add(conflicts, all)
    for (const { end, why, message } of ended) {
      if (end === 'rejected') counted.rejections.add(1, { ...all, 'lowtide.rejection': why })
      if (end === 'parked' || end === 'waiting' || end === 'failed') counted.parked.add(1, { ...all, 'lowtide.outcome': end })
      const age = (now - Date.parse(message.time)) / 1_000
      if ((end === 'handled' || end === 'rejected') && age >= 0) counted.age.record(age, all)
    }
  }

  return async (batch, run) => {
    const groups = groupsOf(batch), begun = performance.now(), spans = [...groups.values()].map(group => ({ group, span: begin(group) }))
    for (const { group } of spans) counted.inFlight.add(group.begun.length, common(group))
    let failed = false
    try {
      const ended = await context.with(trace.setSpan(originOf([]).parent, spans[0]!.span), run)
      for (const one of ended) groups.get(`${one.handler}\u0000${one.channel}`)?.ended.push(one)
    } catch { failed = true } // the lane hears of it
    const took = (performance.now() - begun) / 1_000
    for (const { group, span } of spans) {
      counted.inFlight.add(-group.begun.length, common(group))
      const error = tell(span, group) ?? (failed ? '_OTHER' : undefined)
      if (failed) span.setStatus({ code: SpanStatusCode.ERROR })
      count(group, error, took)
      span.end()
    }
  }
}

import { type Context, ROOT_CONTEXT, type Span, type SpanContext, TraceFlags, context, isSpanContextValid, trace } from '@opentelemetry/api'
import { isTraceparent } from '@lowtide/run'

// From the envelope's `traceparent` to spans and back. The envelope has no tracestate: what a vendor keeps there ends at the first hop.

const spanContextOf = (text: string | undefined): SpanContext | undefined => {
  if (!isTraceparent(text)) return undefined
  const [, traceId = '', spanId = '', flags = ''] = text.split('-'), found = { traceId, spanId, traceFlags: parseInt(flags, 16) & TraceFlags.SAMPLED, isRemote: true }
  return isSpanContextValid(found) ? found : undefined
}
/** What a span writes into an envelope; nothing where no SDK made it one. */
export const traceparentOf = (span: Span): string | undefined => {
  const { traceId, spanId, traceFlags } = span.spanContext()
  return isSpanContextValid(span.spanContext()) ? `00-${traceId}-${spanId}-${(traceFlags & TraceFlags.SAMPLED) === 0 ? '00' : '01'}` : undefined
}

/** The span that is active at the caller, unless a `traceparent` of another trace is given: who gives one means it. */
export const callersContext = (given: string | undefined): Context => {
  const active = context.active(), remote = spanContextOf(given)
  return remote === undefined || trace.getSpanContext(active)?.traceId === remote.traceId ? active : trace.setSpanContext(active, remote)
}

/** Links of one span, at most: the default limit of SDKs. */
const most = 128
interface Origin { readonly parent: Context; readonly links: { readonly context: SpanContext }[] }
/**
 * Where messages come from. Those of one trace parent have it as their parent; many of them are linked to. Never the active span: whoever
 * woke a lane is not the cause of what others put into it.
 */
export const originOf = (traceparents: readonly (string | undefined)[]): Origin => {
  const distinct = [...new Set(traceparents)], found = distinct.flatMap(text => { const one = spanContextOf(text); return one ? [one] : [] })
  if (distinct.length === 1 && found[0] !== undefined) return { parent: trace.setSpanContext(ROOT_CONTEXT, found[0]), links: [] }
  return { parent: ROOT_CONTEXT, links: found.slice(0, most).map(one => ({ context: one })) }
}

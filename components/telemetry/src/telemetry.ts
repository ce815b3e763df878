import { type Attributes, type Meter, SpanKind, SpanStatusCode, type Tracer, context, metrics, trace } from '@opentelemetry/api'
import type { Observe } from '@lowtide/run'
import { instruments } from './metrics.js'
import { processing } from './processing.js'
import { callersContext, originOf, traceparentOf } from './trace.js'

export interface TelemetryOptions {
  /** `messaging.system` of spans and metrics; default `lowtide`. */
  readonly system?: string
  /** Default: that of the SDK that is registered with the API. */
  readonly tracer?: Tracer
  /** Default: that of the SDK that is registered with the API before this is called. */
  readonly meter?: Meter
}
const scope = '@lowtide/telemetry'

/**
 * Spans and metrics of a process, by the names of OpenTelemetry's conventions for messaging: `send`, `process`, `publish`, `relay`. A command's envelope
 * carries the trace of its `send`, and so does all that comes of it, in whichever process.
 *
 * @example await run(deployment({ … }), { observe: telemetry() })
 */
export const telemetry = ({ system = 'lowtide', tracer = trace.getTracer(scope), meter = metrics.getMeter(scope) }: TelemetryOptions = {}): Required<Observe> => {
  const counted = instruments(meter)
  const common = (name: string, channel: string | undefined): Attributes => ({ 'messaging.system': system, 'messaging.operation.name': name, 'messaging.operation.type': 'send', ...(channel !== undefined && { 'messaging.destination.name': channel }) })

  return {
    sending: async ({ type, channel, traceparent }, run) => {
      const attributes = common('send', channel), parent = callersContext(traceparent), begun = performance.now()
      const span = tracer.startSpan(`send ${channel}`, { kind: SpanKind.PRODUCER, attributes: { ...attributes, 'lowtide.message.type': type } }, parent)
      let error: string | undefined = '_OTHER'
      try {
        const { commandId, rejection, notHandled } = await context.with(trace.setSpan(parent, span), () => run(traceparentOf(span)))
        if (commandId !== undefined) span.setAttributes({ 'messaging.message.id': commandId, 'messaging.message.conversation_id': commandId })
        if (rejection !== undefined) span.setAttributes({ 'lowtide.outcome': 'rejected', 'lowtide.rejection': rejection })
        error = notHandled
      } finally {
        if (error !== undefined) span.setAttribute('error.type', error).setStatus({ code: SpanStatusCode.ERROR })
        const told = error === undefined ? attributes : { ...attributes, 'error.type': error }
        counted.sent.add(1, told)
        counted.operation.record((performance.now() - begun) / 1_000, told)
        span.end()
      }
    },

    executing: processing(tracer, counted, system),

    publishing: async (messages, run, by) => {
      const channels = new Set(messages.map(m => m.channel)), [channel] = channels.size === 1 ? channels : [], name = by === undefined ? 'publish' : 'relay', attributes = common(name, channel), begun = performance.now()
      const { parent, links } = originOf(messages.map(({ message }) => message.traceparent)), [first] = messages
      const span = tracer.startSpan(channel === undefined ? name : `${name} ${channel}`, {
        kind: SpanKind.CLIENT, links, // the messages have their trace already
        attributes: { ...attributes, ...(by !== undefined && { 'lowtide.relay': by }), ...(messages.length === 1 ? { 'messaging.message.id': first!.message.id, 'messaging.message.conversation_id': first!.message.correlationid } : { 'messaging.batch.message_count': messages.length }) },
      }, parent)
      let error: string | undefined = '_OTHER'
      try {
        const failure = await context.with(trace.setSpan(parent, span), run)
        error = failure && (failure.unavailable ? 'unavailable' : 'failed')
        if (failure) span.setStatus({ code: SpanStatusCode.ERROR, message: failure.failure })
      } finally {
        if (error !== undefined) span.setAttribute('error.type', error)
        const told = error === undefined ? attributes : { ...attributes, 'error.type': error }
        if (by !== undefined && messages.length > 0) counted.sent.add(messages.length, told) // a command was counted when it was sent
        counted.operation.record((performance.now() - begun) / 1_000, told)
        span.end()
      }
    },
  }
}

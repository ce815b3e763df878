import { type Shell, accept, channel, command, commandHandler, event, policy, port, projector, query, reject, resolver, table, text } from '@lowtide/core'
import { type Front, type Observe, deployment } from '@lowtide/run'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { SpanKind, context } from '@opentelemetry/api'
import { AggregationTemporality, InMemoryMetricExporter, MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics'
import { BasicTracerProvider, InMemorySpanExporter, type ReadableSpan, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import * as O from 'fp-ts/lib/Option.js'
import * as TE from 'fp-ts/lib/TaskEither.js'
import { z } from 'zod'
import { telemetry } from './telemetry.js'

// Parcels: a command, its event, a view of it, a policy that sends a command and has an effect on the world. And a real SDK that keeps what it is told.

const data = z.object({ parcel: z.string(), note: z.string() }), commands = channel('parcel-commands'), events = channel('parcel-events'), labels = channel('label-commands')
export const Ship = command('Ship', { channel: commands, key: d => d.parcel, schema: data, rejections: ['shipped-already'] })
export const Shipped = event('Shipped', { channel: events, version: 1, key: d => d.parcel, schema: data })
export const Label = command('Label', { channel: labels, key: d => d.parcel, schema: z.object({ parcel: z.string() }) })
const parcels = table('parcels', { columns: { id: text, note: text }, key: 'id' }), views = table('parcel_views', { columns: { id: text, note: text }, key: 'id' })
const mail = port('mail', { effect: z.object({ to: z.string() }) })
const torn = (note: string): void => { if (note === 'torn') throw new Error('the paper is torn') }

export const ship = commandHandler({
  meta: { name: 'ship', in: Ship, out: [Shipped], uses: [parcels] },
  lookup: ({ data }) => ({ there: parcels.get(data.parcel) }),
  operate: (ctx, { data }, { there }) => { ctx.log('looked at a parcel'); return O.isSome(there) ? reject('shipped-already', 'it is on its way') : accept(Shipped(data)) },
  write: { Shipped: ({ data }) => [parcels.insert({ id: data.parcel, note: data.note })] },
})
export const label = commandHandler({ meta: { name: 'label', in: Label, out: [] }, operate: (_ctx, { data }) => { torn(data.parcel); return accept() }, write: {} })
export const view = projector({ meta: { name: 'view', in: [Shipped], uses: [views] }, write: { Shipped: ({ data }) => { torn(data.note); return [views.put({ id: data.parcel, note: data.note })] } } })
export const notify = policy({ meta: { name: 'notify', in: [Shipped], out: [Label], effects: [mail] }, operate: (_ctx, { data }) => accept(Label({ parcel: data.parcel }), mail.effect({ to: data.note })) })
export const shipped = resolver({ meta: { of: Ship, from: [Shipped], after: view, uses: [views] }, lookup: ({ Shipped: [one] }) => ({ found: views.get(one.data.parcel) }), answer: ({ found }) => found })
const parcel = query({ meta: { name: 'Parcel', args: z.object({ id: z.string() }), uses: [views] }, lookup: ({ id }) => ({ found: views.get(id) }), answer: ({ found }) => found })
export const functions = { ship, label, view, notify, shipped, parcel }

export const mails: string[] = []
export const parcelsOf = (shell: Shell, fronts: readonly Front[] = []) => deployment({
  name: 'parcels', functions: [functions], shell, processes: { front: fronts, worker: [ship, label, view, notify] },
  ports: { mail: { effect: ({ to }) => { mails.push(to); return TE.right(undefined) } } },
  options: { timeout: 20_000, poll: 50, partitions: 4, lease: 1_000, retries: 2, backoffBase: 1, backoffCap: 5 },
})

context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
/** What is compared of a span, also across processes. */
export interface Told { readonly name: string; readonly kind: string; readonly trace: string; readonly id: string; readonly parent: string | undefined; readonly links: readonly string[]; readonly attributes: { readonly [name: string]: unknown }; readonly events: readonly string[]; readonly error: boolean; readonly pid: number }
const told = (s: ReadableSpan): Told => ({
  name: s.name, kind: SpanKind[s.kind], trace: s.spanContext().traceId, id: s.spanContext().spanId, parent: s.parentSpanContext?.spanId, links: s.links.map(l => l.context.spanId), attributes: s.attributes, events: s.events.map(e => e.name), error: s.status.code === 2, pid: process.pid,
})
/** An SDK of its own for each test, so that tests share a process. */
export const sdk = () => {
  const spans = new InMemorySpanExporter(), tracers = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] }), kept = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE), meters = new MeterProvider({ readers: [new PeriodicExportingMetricReader({ exporter: kept, exportIntervalMillis: 3_600_000 })] })
  const observe: Required<Observe> = telemetry({ tracer: tracers.getTracer('test'), meter: meters.getMeter('test') })
  return {
    observe, tracer: tracers.getTracer('test'),
    spans: (): readonly Told[] => spans.getFinishedSpans().map(told),
    /** The points of a metric: attributes and value, a histogram's count and sum. */
    points: async (name: string): Promise<readonly { readonly attributes: { readonly [name: string]: unknown }; readonly value: number; readonly sum: number }[]> => {
      kept.reset()
      await meters.forceFlush()
      return kept.getMetrics().flatMap(r => r.scopeMetrics).flatMap(s => s.metrics).filter(m => m.descriptor.name === name).flatMap(m => m.dataPoints.map(({ attributes, value }) => typeof value === 'number' ? { attributes, value, sum: value } : { attributes, value: value.count, sum: 'sum' in value ? value.sum ?? NaN : NaN }))
    },
    close: async (): Promise<void> => { await tracers.shutdown(); await meters.shutdown() },
  }
}

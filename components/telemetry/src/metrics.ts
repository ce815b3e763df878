import type { Meter } from '@opentelemetry/api'

/** The buckets that the conventions advise for durations in seconds. */
const seconds = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]

/** The messaging conventions' instruments, and ours. */
export const instruments = (meter: Meter) => ({
  operation: meter.createHistogram('messaging.client.operation.duration', { unit: 's', description: 'Duration of send (until its answer), publish and relay.', advice: { explicitBucketBoundaries: seconds } }),
  process: meter.createHistogram('messaging.process.duration', { unit: 's', description: 'Duration of a batch: fetch, decide, commit.', advice: { explicitBucketBoundaries: seconds } }),
  sent: meter.createCounter('messaging.client.sent.messages', { unit: '{message}', description: 'Commands that callers sent, and messages that relays carried outside.' }),
  consumed: meter.createCounter('messaging.client.consumed.messages', { unit: '{message}', description: 'Messages that reached a handler, each once in a process.' }),
  batch: meter.createHistogram('lowtide.batch.size', { unit: '{message}', description: 'Messages of one handler in one batch.', advice: { explicitBucketBoundaries: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512] } }),
  conflicts: meter.createCounter('lowtide.conflicts', { unit: '{conflict}', description: 'Conflicts lost: so often a message was decided again on fresh data.' }),
  retries: meter.createCounter('lowtide.retries', { unit: '{attempt}', description: 'Attempts after one that failed.' }),
  rejections: meter.createCounter('lowtide.rejections', { unit: '{message}', description: 'Commands that the business refused, by code.' }),
  parked: meter.createCounter('lowtide.parked', { unit: '{message}', description: 'Messages that were parked, wait behind one, or were answered failed.' }),
  inFlight: meter.createUpDownCounter('lowtide.in_flight', { unit: '{message}', description: 'Messages in batches under way.' }),
  age: meter.createHistogram('lowtide.message.age', { unit: 's', description: 'From when a message entered (for what it caused: the command) to when it is handled.', advice: { explicitBucketBoundaries: [...seconds, 30, 60, 300, 3_600] } }),
})
export type Instruments = ReturnType<typeof instruments>

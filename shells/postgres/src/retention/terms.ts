import type { Options, Plan } from '@lowtide/core'

/** What is removed, and when. Marks and outcomes go after the option `dedupWindow`; what is parked never does. */
export interface RetentionOptions {
  /** Milliseconds from one run to the next, of all instances together, a tenth more or less; `false`: only `lowtide retention run` removes anything. Default 60,000. */
  readonly every?: number | false
  /** Milliseconds after which a row of the outbox goes that no relay has still to send; `false`: never. Default 604,800,000 (7 days). */
  readonly outbox?: number | false
  /** Milliseconds after which events go from the log, of all channels or of those named, once every consumer of the channel has passed them; at least `dedupWindow`. Default: never, for a rebuild reads them all. */
  readonly events?: number | { readonly [channel: string]: number }
  /** Milliseconds after which the record of a command goes that was answered `failed`. Default: never. */
  readonly failed?: number
}
export const kinds = ['outcomes', 'marks', 'outbox', 'events', 'failed'] as const
export type Kind = typeof kinds[number]
/** Ages in force, in milliseconds; nothing where a kind stays for good. */
export interface Terms {
  readonly every: number | false
  readonly after: { readonly [K in Exclude<Kind, 'events'>]: number | undefined }
  readonly events: number | undefined
  /** Of a channel of the log. */ eventsOf(channel: string): number | undefined
}

const day = 24 * 3_600_000
export const defaults = { every: 60_000, outbox: 7 * day } as const
/**
 * How much longer a mark stays than `dedupWindow`. Whether a command is too old is asked when it arrives, by the clock of its process and the time
 * that its sender wrote; it may then wait a while for its commit. The margin is what clocks may differ by, and what that may take.
 */
const margin = 0.1
export const keptFor = ({ dedupWindow }: Pick<Options, 'dedupWindow'>): number => Math.ceil(dedupWindow * (1 + margin))

export const termsOf = ({ every = defaults.every, outbox = defaults.outbox, events, failed }: RetentionOptions, options: Pick<Options, 'dedupWindow'>): Terms => {
  const window = keptFor(options), atLeast = (ms: number | undefined): number | undefined => ms === undefined ? undefined : Math.max(ms, window)
  return {
    every, after: { outcomes: window, marks: window, outbox: outbox === false ? undefined : outbox, failed },
    events: atLeast(typeof events === 'number' ? events : undefined),
    eventsOf: channel => atLeast(typeof events === 'object' ? Object.hasOwn(events, channel) ? events[channel] : undefined : events),
  }
}

/** What is wrong with the options of a deployment; nothing, where they hold. */
export const wrongTerms = ({ every, outbox, events, failed }: RetentionOptions, { channels, options: { dedupWindow } }: Pick<Plan, 'channels' | 'options'>): readonly string[] => {
  const ms = (name: string, value: number | false | undefined, least = 1): string | undefined =>
    value === undefined || (value === false && (name === 'every' || name === 'outbox')) || (Number.isSafeInteger(value) && Number(value) >= least) ? undefined
      : `retention.${name}: expected whole milliseconds, at least ${least}${least === dedupWindow ? ' (the option dedupWindow: an outcome refers to its events)' : ''}, found ${value}`
  const known = channels.map(({ channel }) => channel), named = typeof events === 'object' ? Object.entries(events) : []
  return [
    ms('every', every), ms('outbox', outbox), ms('failed', failed), typeof events === 'object' ? undefined : ms('events', events, dedupWindow),
    ...named.map(([channel, value]) => known.includes(channel) ? ms(`events['${channel}']`, value, dedupWindow) : `retention.events: there is no channel '${channel}'; known: ${known.toSorted().join(', ') || 'none'}`),
  ].filter(fault => fault !== undefined)
}

import type { Options, Runtime, Transport } from '@lowtide/core'
import * as E from 'fp-ts/lib/Either.js'
import { broadcast } from './broadcast.js'
import type { Database } from '../server/database.js'
import { failure, failureOf } from '../server/failure.js'
import { logOf } from './log.js'
import { membership } from './membership.js'
import type { Newsroom } from './newsroom.js'
import type { Outbox } from './outbox.js'
import { ownership } from './ownership.js'
import { reached } from './position.js'
import { publisher } from './publish.js'
import { type Moved, readers } from './readers.js'
import { type Reader, reading } from './reading.js'
import { room } from './room.js'

/** The log of another service: it is read, and never written. */
export interface From { readonly db: Pick<Database, 'at' | 'fly' | 'schema'>; readonly shift: number; readonly newsroom: Pick<Newsroom, 'onLog'>; /** For people. */ readonly where: string; /** What of it can be seen. */ readonly told: { readonly starts: boolean; readonly removed: boolean }; started(start: string | null): void; /** The server may be another than it was, or a checkpoint of a log that is gone: asked before the next read. */ moved(): void }
export interface TransportGiven {
  readonly db: Database; readonly runtime: Runtime; readonly options: Options; readonly newsroom: Newsroom
  /** For leases alone: behind callers they would run out. Default: `db`. */
  readonly keeper?: Database
  /** Another database, whose log is read; `db` holds who reads what, and how far. */
  readonly from?: From | undefined
  /** Added to each transaction's id: one number for a database, 0 where its log was begun on it. */
  readonly shift: number
  /** Of each channel; one number for a database. */
  readonly partitions: number
  /** Deliveries in a batch, at most, and never more than the option `buffer`; default 500. */
  readonly batch?: number
  /** What leaves the database, where something does. */
  readonly outbox?: Outbox | undefined
}
export interface LogTransport extends Transport {
  /** So many messages were committed to a channel by others than `publish`. */
  wrote(channel: string, count: number): void
  sizes(): { readonly subscriptions: number; readonly owned: number; readonly readings: number; readonly out: number; readonly waiting: number }
  /** Closes what is open, in `grace`; the newsroom and the database are for the caller to close, in this order. */
  close(): Promise<void>
  /** Stops as a killed process does: nothing is given up, the lease runs out. */
  kill(): void
}

const sum = (sizes: readonly { readonly readings: number; readonly out: number }[]) => sizes.reduce((a, b) => ({ readings: a.readings + b.readings, out: a.out + b.out }))
/** Channels on the log: partitions with fenced owners, news as hints, polling underneath. */
export const transport = ({ db, keeper = db, runtime, options, newsroom, shift, partitions, batch = 500, outbox, from }: TransportGiven): LogTransport => {
  const source = from?.db ?? db, log = logOf(source, from?.shift ?? shift, from?.told), intake = room({ db, newsroom, runtime, options }), write = publisher(db, log, partitions, outbox)
  const subscriptions = new Set<{ close(): Promise<void>; moved?(how: Moved): void }>()
  const given = { db: source, runtime, options, limit: Math.min(batch, options.buffer), moved: (how: Moved, by?: string): void => {
    from?.moved()
    members.moved(how, by)
    for (const { moved } of subscriptions) moved?.(how)
  } }
  const reads = readers({ ...given, log, ...from !== undefined && { started: from.started } }), relays = outbox && readers({ ...given, log: outbox.reads }), all = relays === undefined ? [reads] : [reads, relays]
  const of = ({ consumer }: Reader) => relays !== undefined && consumer.outbox === true ? relays : reads
  const members = membership({
    ownership: ownership(keeper, shift, options.lease), newsroom, runtime, options, partitions, end: one => of(one.by).remove(one),
    begin: (by, { channel, partition, fence, after }) => {
      from?.moved() // what its last owner had in hand when the server became another may have moved it since that was asked
      const one = reading({ by, channel, partition, fence, after, prints: from !== undefined, runtime, options, wake: of(by).wake })
      of(by).add(one)
      return one
    },
  })
  let closing: Promise<void> | undefined, stopNews: (() => void) | undefined
  const isClosed = failure('this shell is closed; open it again')

  const joined = async (by: Reader) => {
    await members.join(by)
    let left: Promise<void> | undefined
    return { close: (): Promise<void> => left ??= members.leave(by) }
  }
  const subscribed = async (by: Reader): Promise<{ close(): Promise<void> }> => {
    stopNews ??= (from?.newsroom ?? newsroom).onLog(news => { for (const { heard } of all) heard(news) })
    const one = by.consumer.broadcast ? await broadcast(by, { db: source, log, readers: reads, runtime, options, partitions }) : await joined(by)
    const subscription = { ...one, close: (): Promise<void> => one.close().finally(() => { subscriptions.delete(subscription) }) }
    subscriptions.add(subscription)
    return subscription
  }
  const stop = (): void => {
    members.kill()
    for (const { close } of all) close()
    intake.close()
    stopNews?.()
  }
  const close = async (): Promise<void> => {
    await Promise.all([...subscriptions].map(subscription => subscription.close()))
    stop()
  }
  return {
    publish: messages => async () => {
      if (closing !== undefined) return E.left(isClosed)
      if (messages.length === 0) return E.right(undefined)
      if (from !== undefined) return E.left(failure(`cannot publish to ${[...new Set(messages.map(m => `'${m.channel}'`))].join(', ')}: expected a channel of this deployment, found one that it only reads, from ${from.where}; send it in the deployment that handles it`))
      const written = await write(messages)
      if (E.isLeft(written)) return written
      for (const { channel } of messages) intake.wrote(channel, 1)
      newsroom.tell({ log: written.right, outcome: false, applied: false, parked: false })
      return E.right(undefined)
    },
    subscribe: (consumer, on) => async () => {
      if (closing !== undefined) return E.left(isClosed)
      if (!consumer.broadcast && members.has(consumer.name)) return E.left(failure(`cannot subscribe '${consumer.name}': this process reads as that consumer already; close that subscription first`))
      try {
        const subscription = await subscribed({ consumer, on })
        if (closing === undefined) return E.right(subscription)
        await subscription.close()
        return E.left(isClosed)
      } catch (e) { return E.left(failureOf(`subscribe '${consumer.name}'`, e)) }
    },
    room: channels => closing === undefined && from === undefined ? intake.wait(channels) : undefined,
    reached,
    wrote: intake.wrote,
    sizes: () => ({ subscriptions: subscriptions.size, owned: members.sizes().owned, ...sum(all.map(one => one.sizes())), ...intake.sizes() }),
    close: () => closing ??= close(),
    kill: () => { closing ??= Promise.resolve(); stop() },
  }
}

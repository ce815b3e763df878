import type { Runtime, Shell } from '@lowtide/core'
import { changed } from './around.js'

/** What an instance holds at a moment, and the most that it ever held. */
export interface Measured {
  /** Deliveries handed out and not yet behind a checkpoint, in all partitions. */
  readonly inFlight: number; readonly mostInFlight: number
  /** The most messages in one unit, and the most results. */
  readonly largestUnit: number; readonly mostEmits: number
  /** Timers that are still to go off, listeners of the store, subscriptions. */
  readonly timers: number; readonly listeners: number; readonly subscriptions: number
  readonly commits: number
}

/** Counts what goes in and out of an instance, nearest to it, so that it also sees what somebody between it and the shell does. */
export const meter = () => {
  let mostInFlight = 0, largestUnit = 0, mostEmits = 0, timers = 0, listeners = 0, subscriptions = 0, commits = 0
  const handed = new Map<string, { readonly fence: string; readonly open: string[] }>()
  const inFlight = (): number => [...handed.values()].reduce((n, { open }) => n + open.length, 0)
  const place = (consumer: string, channel: string, partition: string): string => `${consumer}\u0000${channel}\u0000${partition}`
  const runtime = (r: Runtime): Runtime => ({
    ...r,
    after: (ms, call) => {
      let on = true
      const off = (): void => { if (on) { on = false; timers-- } }
      timers++
      const stop = r.after(ms, () => { off(); call() })
      return () => { off(); stop() }
    },
  })
  const shell = (inner: Shell): Shell => changed(inner, o => ({
    ...o,
    store: {
      ...o.store,
      watch: (what, listener) => {
        let on = true
        listeners++
        const stop = o.store.watch(what, listener)
        return () => { if (on) { on = false; listeners-- } stop() }
      },
      commit: unit => async () => {
        commits++
        largestUnit = Math.max(largestUnit, unit.marks.length + unit.parks.length)
        mostEmits = Math.max(mostEmits, unit.emits.length)
        const committed = await o.store.commit(unit)()
        if (committed._tag === 'Right' && committed.right.conflict === undefined) for (const c of unit.checkpoints) {
          const open = handed.get(place(c.consumer, c.channel, c.partition))?.open, at = c.position === undefined ? -1 : open?.lastIndexOf(c.position) ?? -1
          if (at >= 0) open!.splice(0, at + 1)
        }
        return committed
      },
    },
    transport: {
      ...o.transport,
      subscribe: (consumer, on) => async () => {
        const subscribed = await o.transport.subscribe(consumer, {
          revoked: (channel, partition) => { handed.delete(place(consumer.name, channel, partition)); on.revoked(channel, partition) },
          batch: b => {
            if (consumer.broadcast) return on.batch(b)
            const at = place(consumer.name, b.channel, b.partition), known = handed.get(at), held = known?.fence === b.fence ? known : { fence: b.fence, open: [] }
            handed.set(at, held)
            held.open.push(...b.deliveries.map(d => d.position))
            mostInFlight = Math.max(mostInFlight, inFlight())
            return on.batch(b)
          },
        })()
        if (subscribed._tag === 'Left') return subscribed
        let open = true
        subscriptions++
        return { ...subscribed, right: { close: async () => { await subscribed.right.close(); if (open) { open = false; subscriptions-- } } } }
      },
    },
  }))
  return { runtime, shell, measured: (): Measured => ({ inFlight: inFlight(), mostInFlight, largestUnit, mostEmits, timers, listeners, subscriptions, commits }) }
}

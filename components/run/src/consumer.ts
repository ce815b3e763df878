import { type AnyDecider, type Batch, type Consumer, type Message, type Options, type Parked, type Runtime, type Settled, type Slot, type Store, type Transport } from '@lowtide/core'
import * as E from 'fp-ts/lib/Either.js'
import { type Lane, laneKey } from './lane.js'
import { open } from './open.js'

export const consumerOf = (h: AnyDecider): Consumer => ({ name: h.name, channels: [...new Map(h.in.map(t => [t.channel.channel, t.channel])).values()], broadcast: h.settings.each === 'instance' })
const blank = (channel: string, key: string): Message => ({ id: '', source: '', type: '', subject: key, time: '', dataschema: '', data: null, correlationid: '', ...(channel && { source: channel }) })
interface Consuming { readonly handler: AnyDecider; /** A relay takes all that its channels hold, as it is. */ readonly relay?: Consumer | undefined; readonly lane: Lane; readonly store: Store; readonly transport: Transport; readonly runtime: Runtime; readonly options: Options }
/** Of a key that is driven on, so many are fetched at a time. */
const page = 64
type Line = Pick<Parked, 'id' | 'channel' | 'partition' | 'key' | 'state'>
type Track = Slot['track'] & { readonly open: Slot[] }

/** Feeds one handler from its channels: opens each message, keeps its place until it is done, holds what is parked. */
export const consume = async ({ handler, relay, lane, store, transport, runtime, options }: Consuming) => {
  const consumer = relay ?? consumerOf(handler), tracks = new Map<string, Track>(), room = new Set<() => void>()
  const life = { closed: false }, types = new Map(handler.in.map(t => [t.type, t]))
  const trackId = (channel: string, partition: string): string => `${channel}\u0000${partition}`

  /** A new owner loads the held keys first (law 7). */
  const taken = async ({ channel, partition, fence }: Batch): Promise<Track> => {
    const track: Track = { open: [], of: { consumer: handler.name, channel, partition, fence } }
    tracks.set(trackId(channel, partition), track)
    for (const [key, of] of lane.held) if (of === partition && key.startsWith(laneKey(handler.name, channel, ''))) lane.held.delete(key) // another may have driven it on
    const parked = consumer.broadcast ? [] : await patiently(() => store.parked({ consumer: handler.name, channel, partition, brief: true })()) ?? []
    for (const p of parked) {
      const key = laneKey(handler.name, channel, p.key)
      if (p.state === 'failed' || (p.raw !== undefined && p.key === '') || lane.held.has(key)) continue
      lane.held.set(key, partition)
      if (p.state === 'waiting') void redrive(p) // the first of its key waits for nobody: its last owner died while it drove the key on
    }
    return track
  }
  /** Until the store answers, or this closes. */
  const patiently = async <A>(ask: () => Promise<E.Either<unknown, A>>): Promise<A | undefined> => {
    for (let n = 0; !life.closed; n++) {
      const got = await ask()
      if (E.isRight(got)) return got.right
      await new Promise<void>(resolve => { runtime.after(runtime.random() * Math.min(options.backoffCap, options.backoffBase * 2 ** n), resolve) })
    }
    return undefined
  }
  const wake = (): void => { for (const call of room) call(); room.clear() }

  const batch = async (b: Batch): Promise<void> => {
    const held = tracks.get(trackId(b.channel, b.partition)), track = held?.of.fence === b.fence ? held : await taken(b)
    for (let i = 0; i < b.deliveries.length; i++) {
      const { position, message: m } = b.deliveries[i]!, slot: Slot = { at: { channel: b.channel, partition: b.partition, position }, done: false, track }
      const done = (result?: Settled): void => { if (!(result && E.isLeft(result) && result.left.fenced)) slot.done = true; wake() } // what was not handled under this fence comes again under the next
      track.open.push(slot)
      if ('raw' in m) { lane.take(handler, { ...blank(b.channel, m.key ?? ''), id: `${b.channel}/${b.partition}/${position}`, data: m.raw, time: new Date(runtime.now()).toISOString() }, b.channel, { slot, unfit: m.reason, done }); continue }
      const type = types.get(m.type), opened = relay ? E.right(m) : type && open(type, m)
      if (opened === undefined) { // not ours: the checkpoint moves over it, with the last of the batch
        if (i === b.deliveries.length - 1) lane.take(handler, m, b.channel, { slot, skip: true, done })
        else done()
        continue
      }
      if (E.isLeft(opened) && opened.left === 'newer') {
        runtime.log('error', `'${handler.name}' stops at ${b.channel}/${b.partition}/${position}: '${m.type}' has the version ${m.dataschema}, this process knows up to ${type?.version}; deploy the newer version of '${handler.name}'`, { message: m.id, correlationid: m.correlationid })
        track.open.pop()
        return new Promise(() => {}) // a rolling deploy, not poison: the partition waits for a process that knows it
      }
      const old = handler.kind === 'command' && runtime.now() - Date.parse(m.time) > options.dedupWindow
      lane.take(handler, E.isRight(opened) ? opened.right : m, b.channel, {
        slot, done, unfit: E.isLeft(opened) ? (opened.left as readonly { path: string; message: string }[]).map(x => `${x.path}: ${x.message}`).join('; ') : old ? `too-old: sent at ${m.time}, longer ago than the dedupWindow of ${options.dedupWindow} ms` : undefined,
      })
    }
    while (!life.closed && tracks.get(trackId(b.channel, b.partition)) === track && track.open.length >= options.buffer) await new Promise<void>(resolve => { room.add(resolve) })
  }

  /** Runs a parked key again from its head: what arrives meanwhile waits, what fails stays parked and holds the rest. */
  const redrive = async (head: Line): Promise<void> => {
    const key = laneKey(handler.name, head.channel, head.key)
    if (lane.blocked(key)) return
    lane.block(key)
    await new Promise<void>(resolve => { lane.take(handler, blank('', head.key), '', { skip: true, partition: head.partition, done: () => resolve() }) })
    const again = (p: Parked): Promise<boolean> => new Promise(resolve => {
      const type = handler.in.find(t => t.type === p.message?.type), opened = relay && p.message ? E.right(p.message) : type && p.message ? open(type, p.message) : undefined
      lane.take(handler, opened && E.isRight(opened) ? opened.right : p.message ?? { ...blank(p.channel, p.key), id: p.id }, p.channel, {
        redrive: p, unfit: opened && E.isRight(opened) ? undefined : p.reason, done: r => resolve(E.isRight(r)),
      })
    })
    for (let stuck = false; !stuck;) {
      const list = (await patiently(() => store.parked(head.state === 'redrive' && head.partition === '' ? { ids: [head.id] } : { consumer: handler.name, channel: head.channel, key: head.key, limit: page })()))?.filter(p => p.state !== 'failed')
      if (list === undefined) break
      if (list.length === 0) { lane.held.delete(key); break }
      for (const p of list) if (!await again(p)) { stuck = true; break }
    }
    lane.release(key)
  }
  const subscribed = await patiently(transport.subscribe(consumer, { batch, revoked: (channel, partition) => { tracks.delete(trackId(channel, partition)); wake() } }))
  return {
    /** The keys that wait here. */
    held: (): readonly string[] => [...lane.held.keys()].filter(key => key.startsWith(laneKey(handler.name, '', '').slice(0, -1))),
    /** Looks for what somebody asked to run again, in the partitions that are owned here, and for keys that wait for nothing any more: what held them was discarded. */
    look: async (asked: readonly Parked[], heads: readonly Parked[], keys: readonly string[]): Promise<void> => {
      const again = asked.filter(p => p.consumer === handler.name && (p.partition === '' || tracks.has(trackId(p.channel, p.partition))))
      const waiting = new Set([...asked, ...heads].map(p => laneKey(p.consumer, p.channel, p.key))), free = keys.filter(key => !waiting.has(key)).map((held): Line => {
        const [, channel = '', ...key] = held.split('\u0000')
        return { id: '', channel, partition: lane.held.get(held) ?? '', key: key.join('\u0000'), state: 'waiting' }
      })
      await Promise.all([...again, ...free].map(redrive))
    },
    close: async (): Promise<void> => { life.closed = true; wake(); await subscribed?.close() },
  }
}

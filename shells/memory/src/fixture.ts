import { type Batch, type Failure, type Mark, type Message, type Options, type Parked, type Row, type Runtime, type Store, type Transport, type Unit, defaults } from '@lowtide/core'
import * as E from 'fp-ts/lib/Either.js'
import type { TaskEither } from 'fp-ts/lib/TaskEither.js'
import { type MemoryOptions, memory } from './memory.js'
import { type World, memoryWorld } from './world.js'

// What this package's tests share; not part of what is published.

export const right = async <A>(task: TaskEither<Failure, A>): Promise<A> => {
  const result = await task()
  if (E.isLeft(result)) throw new Error(`expected an answer, found the failure: ${result.left.failure}`)
  return result.right
}
export const left = async <A>(task: TaskEither<Failure, A>): Promise<Failure> => {
  const result = await task()
  if (E.isRight(result)) throw new Error(`expected a failure, found the answer: ${JSON.stringify(result.right)}`)
  return result.left
}

/** The marks of a unit that was committed. */
export const commit = async (store: Pick<Store, 'commit'>, parts: Partial<Unit>): Promise<readonly Mark[]> => {
  const committed = await right(store.commit(unit(parts)))
  if (committed.conflict !== undefined) throw new Error(`expected a commit, found the conflict: ${JSON.stringify(committed.conflict)}`)
  return committed.marks
}

/** Lets everything run that is runnable now. */
const turn = (): Promise<void> => new Promise(resolve => { setImmediate(resolve) })

/** A runtime whose time and turns the test makes. */
export const clock = () => {
  let now = Date.parse('2024-05-01T00:00:00.000Z')
  const soon: (() => void)[] = [], timers = new Set<{ readonly at: number; readonly call: () => void }>(), logged: string[] = []
  const quiet = async (): Promise<void> => {
    for (await turn(); soon.length > 0; await turn()) for (const call of soon.splice(0)) call()
  }
  const runtime: Runtime = {
    now: () => now, random: () => 0, newId: () => 'id', soon: call => { soon.push(call) }, log: (_level, text) => { logged.push(text) },
    after: (ms, call) => {
      const timer = { at: now + ms, call }
      timers.add(timer)
      return () => { timers.delete(timer) }
    },
  }
  const advance = async (ms: number): Promise<void> => {
    const end = now + ms
    await quiet()
    for (;;) {
      const next = [...timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0]
      if (next === undefined) break
      now = Math.max(now, next.at)
      timers.delete(next)
      next.call()
      await quiet()
    }
    now = end
  }
  return { runtime, quiet, advance, logged, /** Time passes, and no timer goes off: the process was busy. */ stall: (ms: number) => { now += ms }, timers: () => timers.size }
}
export type Clock = ReturnType<typeof clock>

export const unit = (parts: Partial<Unit>): Unit => ({ checks: [], writes: [], emits: [], marks: [], parks: [], unparks: [], checkpoints: [], ...parts })
export const message = (id: string, subject: string, data: Row = {}): Message => ({ id, source: 'test', type: 'Tested', subject, time: '2024-05-01T00:00:00.000Z', dataschema: 'Tested/1', data, correlationid: id })
export const parked = (id: string, key: string, more: Partial<Parked> = {}): Parked => ({ id, consumer: 'reader', channel: 'news', partition: '0', key, state: 'parked', reason: 'broke', attempts: 6, time: '2024-05-01T00:00:00.000Z', ...more })

type Plan = Parameters<ReturnType<typeof memory>['open']>[0]
export const open = async (time: Clock, world: World = memoryWorld(), { options, ...o }: Omit<MemoryOptions, 'world'> & { options?: Partial<Options>; tables?: Plan['tables'] } = {}) => {
  const session = await right(memory({ world, ...o }).open({ tables: o.tables ?? [], channels: [], consumers: [], everywhere: [], runtime: time.runtime, options: { ...defaults, ...options } }))
  return { ...session, world }
}

/** A consumer that applies what it gets: it commits a mark and the checkpoint for each batch, unless `hold` keeps the batch until `go`. */
export const reader = async ({ store, transport }: { store: Store; transport: Transport }, name: string, channels: readonly string[], { broadcast = false, hold = false } = {}) => {
  const got: { message: Message; channel: string; partition: string; position: string }[] = [], batches: Batch[] = [], revoked: string[] = [], fenced: Batch[] = [], greeted: string[] = [], held: (() => void)[] = []
  let holding = hold
  const { close } = await right(transport.subscribe({ name, broadcast, channels: channels.map(channel => ({ channel, external: false })) }, {
    revoked: (channel, partition) => { revoked.push(`${channel}/${partition}`) },
    batch: async batch => {
      if (batch.deliveries.length === 0) { greeted.push(`${batch.channel}/${batch.partition}`); return }
      batches.push(batch)
      if (holding) await new Promise<void>(resolve => { held.push(resolve) })
      const { channel, partition, fence, deliveries } = batch, messages = deliveries.map(delivery => delivery.message as Message)
      if (!broadcast) {
        const committed = await right(store.commit(unit({
          marks: messages.map(({ id, time }) => ({ consumer: name, id, body: '', time })),
          checkpoints: [{ consumer: name, channel, partition, fence, position: deliveries.at(-1)!.position }],
        })))
        if (committed.conflict) { fenced.push(batch); return }
      }
      got.push(...deliveries.map(({ position }, i) => ({ message: messages[i]!, channel, partition, position })))
    },
  }))
  return {
    got, batches, revoked, fenced, greeted, close, waiting: () => held.length,
    ids: () => got.map(({ message }) => message.id), hold: () => { holding = true },
    go: () => { holding = false; for (const resolve of held.splice(0)) resolve() },
  }
}

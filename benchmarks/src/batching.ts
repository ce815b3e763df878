import { type AnyType, type Job, type Message, type Store, defaults, envelop, executor } from '@lowtide/core'
import { memory } from '@lowtide/memory'
import { system } from '@lowtide/run'
import * as E from 'fp-ts/lib/Either.js'
import { expect } from './audit.js'
import { type Benchmark, type Effort, figure } from './figure.js'
import { type Side, inTurns } from './rounds.js'
import { fetched, logged, must } from './store.js'
import { type Stream, invitations, reservations } from './streams.js'

const enveloped = (type: AnyType, data: object, id: string): Message => {
  const made = envelop(type, data, { id, source: 'benchmark', time: '2020-01-01T00:00:00.000Z', correlationid: id })
  if (E.isLeft(made)) throw new Error(`the message does not fit: ${JSON.stringify(made.left)}`)
  return made.right
}

/** One round: a stream of messages through the executor, over a store in memory, in batches of one size. */
const side = ({ handler, table, type, data, find, run }: Stream, size: number, ahead: number, timed: number): Side => async () => {
  const [out] = handler.out, channels = [type.channel, out!.channel]
  const opened = await must(memory().open({ tables: [table], channels, consumers: [], everywhere: [], runtime: system, options: defaults }))
  const count = ahead + timed
  let commits = 0, events = 0
  const store: Store = { ...opened.store, commit: unit => { commits++; return opened.store.commit(unit) } }
  const execute = executor({ store, tables: new Map([[table.name, table]]), bindings: {}, ports: new Map(), log: system.log, fanOut: defaults.fanOut, unitLimit: size, source: name => `bench/${name}`, instance: '' })
  const jobs = Array.from({ length: count }, (_, i): Job => ({
    handler, message: enveloped(type, data(i), `command-${i}`), key: `key-${i}`, do: 'run', attempts: 0, losses: 0, broke: 0,
    settle: result => { if (E.isRight(result)) events += result.right?.outcome?.events?.length ?? 0 },
  }))
  const batches = async (from: number, to: number): Promise<void> => { for (let at = from; at < to; at += size) await execute(jobs.slice(at, at + size), () => true) }
  await batches(0, ahead)
  return {
    run: () => batches(ahead, count),
    audit: async () => {
      expect('units', Math.ceil(count / Math.min(size, run)), commits)
      expect('events of the outcomes', count, events)
      expect('events in the log', count, await logged(store, out!.channel))
      expect('rows', count, new Set((await fetched(store, jobs.map((_, i) => find(i)))).map(row => row?.['id'])).size)
    },
    close: opened.close,
  }
}

const sizes = [1, 10, 100, 1_000]
const streams: readonly (readonly [suffix: string, stream: Stream])[] = [['', invitations], ['-cuts', reservations(10)], ['-many-cuts', reservations(2)]]
/** The cost of a command in batches of a size, against batches of one: it must not rise. */
const batches = (size: number, [suffix, stream]: typeof streams[number]): Benchmark => {
  const name = `batching/${size}${suffix}`
  return {
    names: () => [name],
    run: async function* (effort: Effort) {
      const whole = (commands: number): number => Math.ceil(commands / size) * size
      const ahead = whole(effort.ahead), count = whole(effort.commands / 2), cost = (ms: number): number => ms * 1000 / count
      const pairs = await inTurns(effort, side(stream, size, ahead, count), side(stream, 1, ahead, count))
      yield figure(name, 'us/command', pairs.map(([large, one]) => [cost(large), cost(one)]), size === 1 ? undefined : { atMost: 1 }) // of one against itself: the noise
    },
  }
}
export const batching: readonly Benchmark[] = streams.flatMap(stream => sizes.map(size => batches(size, stream)))

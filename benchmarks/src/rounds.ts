import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Effort } from './figure.js'

setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc') as (how?: { type: 'major'; execution: 'sync'; flavor: 'regular' }) => void

/**
 * Each measurement starts on a clean heap, so that no side pays for the other's garbage. A plain `gc()` is the collection of
 * last resort: it throws away compiled code, and the next thousands of commands take two to five times as long.
 */
export const collect = async (): Promise<void> => {
  await new Promise(resume => { setImmediate(resume) })
  gc({ type: 'major', execution: 'sync', flavor: 'regular' })
}

/** Bytes of heap that something refers to. After a regular collection twice as much may count as used that nobody refers to any more, also after three. */
export const held = async (): Promise<number> => {
  await new Promise(resume => { setImmediate(resume) })
  gc()
  return process.memoryUsage().heapUsed
}

/** One round of a side, ready to be timed. */
export interface Round { run(): Promise<void>; /** Throws when what was done is wrong. Not timed. */ audit(): Promise<void>; close(): Promise<void> }
/** Makes a round on fresh state. */
export type Side = () => Promise<Round>

/**
 * Rounds of one side, in milliseconds. A round stays open until the next one is made: V8 drops compiled code that no living
 * closure refers to, and each round would begin cold.
 */
export const timing = (side: Side) => {
  let last: Round | undefined
  const close = async (): Promise<void> => { await last?.close(); last = undefined }
  return {
    close,
    time: async (): Promise<number> => {
      const round = await side()
      await close()
      last = round
      await collect()
      const begun = performance.now()
      await round.run()
      const took = performance.now() - begun
      await round.audit()
      return took
    },
  }
}

/** Times two sides in turns, A B, B A, A B, … so that a drift of the machine meets both alike. Milliseconds, without the rounds that warm up. */
export const inTurns = async ({ rounds, warmUp }: Pick<Effort, 'rounds' | 'warmUp'>, one: Side, other: Side): Promise<readonly (readonly [number, number])[]> => {
  const a = timing(one), b = timing(other), pairs: (readonly [number, number])[] = []
  try {
    for (let round = 0; round < warmUp + rounds; round++) {
      if (round % 2 === 0) { const first = await a.time(); pairs.push([first, await b.time()]) }
      else { const first = await b.time(); pairs.push([await a.time(), first]) }
    }
  } finally { await a.close(); await b.close() }
  return pairs.slice(warmUp)
}

/** So many loops, each of which waits for its own task before it takes the next. */
export const callers = async (loops: number, tasks: number, task: (index: number) => Promise<void>): Promise<void> => {
  let next = 0
  const loop = async (): Promise<void> => { for (let i = next++; i < tasks; i = next++) await task(i) }
  await Promise.all(Array.from({ length: loops }, loop))
}

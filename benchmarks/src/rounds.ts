import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Effort } from './figure.js'

setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc') as (how: { type: 'major'; execution: 'sync'; flavor: 'regular' }) => void

/**
 * Each measurement starts on a clean heap, so that no side pays for the other's garbage. A plain `gc()` is the collection of
 * last resort: it throws away compiled code, and the next thousands of commands take two to five times as long.
 */
export const collect = async (): Promise<void> => {
  await new Promise(resume => { setImmediate(resume) })
  gc({ type: 'major', execution: 'sync', flavor: 'regular' })
}

/** One round of a side, ready to be timed. */
export interface Round { run(): Promise<void>; /** Throws when what was done is wrong. Not timed. */ audit(): Promise<void>; close(): Promise<void> }
/** Makes a round on fresh state. */
export type Side = () => Promise<Round>

/** Milliseconds. */
export const timed = async (side: Side): Promise<number> => {
  const round = await side()
  try {
    await collect()
    const begun = performance.now()
    await round.run()
    const took = performance.now() - begun
    await round.audit()
    return took
  } finally { await round.close() }
}

/** Times two sides in turns, A B, B A, A B, … so that a drift of the machine meets both alike. Milliseconds, without the rounds that warm up. */
export const inTurns = async ({ rounds, warmUp }: Pick<Effort, 'rounds' | 'warmUp'>, a: Side, b: Side): Promise<readonly (readonly [number, number])[]> => {
  const pairs: (readonly [number, number])[] = []
  for (let round = 0; round < warmUp + rounds; round++) {
    if (round % 2 === 0) { const first = await timed(a); pairs.push([first, await timed(b)]) }
    else { const first = await timed(b); pairs.push([await timed(a), first]) }
  }
  return pairs.slice(warmUp)
}

/** So many loops, each of which waits for its own task before it takes the next. */
export const callers = async (loops: number, tasks: number, task: (index: number) => Promise<void>): Promise<void> => {
  let next = 0
  const loop = async (): Promise<void> => { for (let i = next++; i < tasks; i = next++) await task(i) }
  await Promise.all(Array.from({ length: loops }, loop))
}

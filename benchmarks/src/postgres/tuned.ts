import { median } from '../figure.js'
import { emailOf } from '../inviter.js'
import { callers } from '../rounds.js'
import { type Planner, handWritten, planners } from './handwritten.js'

type Hand = Awaited<ReturnType<typeof handWritten>>
/** Milliseconds for so many commands by hand, from an index on. */
type Work = (hand: Hand, from: number, many: number) => Promise<void>
const turns = 3

/** The faster of the planner's settings for this work, by the median of a few turns. */
const plannerFor = async (connections: number, many: number, work: Work): Promise<{ readonly planner: Planner; readonly rate: number }> => {
  const sides = await Promise.all((Object.keys(planners) as Planner[]).map(async planner => ({ planner, hand: await handWritten(planner, connections), rates: [] as number[] })))
  try {
    for (let turn = -1; turn < turns; turn++) for (const { hand, rates } of sides) {
      const begun = performance.now()
      await work(hand, (turn + 1) * many, many)
      if (turn >= 0) rates.push(many / (performance.now() - begun) * 1000)
    }
    return sides.map(({ planner, rates }) => ({ planner, rate: median(rates) })).reduce((a, b) => b.rate > a.rate ? b : a)
  } finally { await Promise.all(sides.map(({ hand }) => hand.close())) }
}
export const oneByOne = (hand: Hand, from: number, many: number): Promise<void> => callers(1, many, i => hand.one(emailOf(from + i)))
export const tunedOne = async (many: number): Promise<Planner> => (await plannerFor(1, many, oneByOne)).planner

const enough = 1.05, connections = 2
/** Batches on two connections, each size twice the one before, until a larger one gains less than 5 %. */
export const tunedBatch = async (many: number): Promise<{ readonly planner: Planner; readonly size: number; readonly connections: number }> => {
  let best = { planner: 'own' as Planner, size: 0, rate: 0 }
  for (let size = 50; size * connections <= many; size *= 2) {
    const tried = await plannerFor(connections, many, (hand, from, count) => hand.batches(emailOf, from, count, size))
    if (tried.rate < best.rate * enough) break
    best = { ...tried, size }
  }
  return { planner: best.planner, size: best.size, connections }
}

import { type Benchmark, figure } from '../figure.js'
import { typedOf } from '../inviter.js'
import { progress } from '../report.js'
import { callers, collect } from '../rounds.js'
import { deployed } from './deployed.js'
import { percentiles, roundTrips } from './percentiles.js'
import { auditStored, drop, newSchema } from './site.js'

/** Tasks that begin at a fixed rate, whether or not those before are done. Answers how many milliseconds after it was due each was done. */
export const openLoop = (perSecond: number, tasks: number, task: (index: number) => Promise<unknown>): Promise<readonly number[]> => new Promise((resolve, reject) => {
  const took: number[] = [], begun = performance.now(), dueOf = (index: number): number => begun + index * 1000 / perSecond
  let next = 0
  const one = (index: number): void => { task(index).then(() => { if (took.push(performance.now() - dueOf(index)) === tasks) resolve(took) }, reject) }
  const tick = (): void => {
    for (const now = performance.now(); next < tasks && dueOf(next) <= now;) one(next++)
    if (next < tasks) setTimeout(tick, 1)
  }
  tick()
})

const p50 = 'postgres/half-load-p50', p99 = 'postgres/half-load-p99', asked = 500
/** How long commands take that come at half the rate which 256 callers reach, beside a round trip that does nothing. */
export const paced: Benchmark = {
  names: () => [p50, p99],
  run: async function* ({ rounds, warmUp, commands, ahead }) {
    const schema = newSchema(), { invite, close } = await deployed(schema), halves: [number, number][] = [], tails: [number, number][] = []
    let sent = 0
    const next = (): Promise<unknown> => invite(typedOf(sent++))
    try {
      await callers(256, ahead, async () => { await next() })
      for (let round = 0; round < warmUp + rounds; round++) {
        await collect()
        const begun = performance.now()
        await callers(256, commands / 2, async () => { await next() })
        const peak = commands / 2 / (performance.now() - begun) * 1000
        const ours = percentiles(await openLoop(peak / 2, commands / 4, next)), empty = percentiles(await roundTrips(Math.min(asked, commands)))
        progress(`${p99}: ${Math.round(peak)} commands/s at most, half of them in ${ours.p50.toFixed(1)} ms, 99 % in ${ours.p99.toFixed(1)} ms`)
        if (round < warmUp) continue
        halves.push([ours.p50, empty.p50])
        tails.push([ours.p99, empty.p99])
      }
      await auditStored(schema, { commands: sent })
    } finally { await close(); await drop(schema) }
    yield figure(p50, 'ms', halves)
    yield figure(p99, 'ms', tails)
  },
}

import { type Benchmark, type Effort, figure } from '../figure.js'
import { typedOf } from '../inviter.js'
import { progress } from '../report.js'
import { callers, collect } from '../rounds.js'
import { deployed } from './deployed.js'
import { grow } from './grow.js'
import { auditStored, drop, newSchema, sql } from './site.js'

const nameOf = (rows: number): string => `postgres/growth-${rows}`, loops = 256
const sizesOf = ({ rows }: Effort): readonly number[] => rows.slice(1)

/** A store after so many commands, which then takes some more. */
const grown = async (stored: number) => {
  const schema = newSchema()
  await (await deployed(schema)).close() // makes the tables
  await grow(schema, stored)
  const { invite, close } = await deployed(schema, { made: true })
  let sent = 0
  return {
    /** Milliseconds for so many commands. */
    round: async (commands: number): Promise<number> => {
      const from = sent
      sent += commands
      await collect()
      const begun = performance.now()
      await callers(loops, commands, async i => { await invite(typedOf(from + i)) })
      return performance.now() - begun
    },
    audit: () => auditStored(schema, { commands: stored + sent }),
    close: async () => { await close(); await drop(schema) },
  }
}

/** What a command costs with so many events stored, against the smallest store, which little more than doubles meanwhile. */
export const growth: Benchmark = {
  names: effort => sizesOf(effort).map(nameOf),
  run: async function* (effort, wanted) {
    const { rounds, warmUp } = effort, commands = Math.ceil(effort.commands / 20), sizes = sizesOf(effort), cost = (ms: number): number => ms * 1000 / commands
    for (const size of sizes) {
      if (!wanted.has(nameOf(size))) continue
      progress(`${nameOf(size)}: growing`)
      const large = await grown(size), small = await grown(sizes[0]!), pairs: [number, number][] = []
      try {
        await sql('checkpoint') // the first write to each page after one costs the page: both begin there
        for (let round = 0; round < warmUp + rounds; round++) {
          const first = await (round % 2 === 0 ? large : small).round(commands), second = await (round % 2 === 0 ? small : large).round(commands)
          pairs.push(round % 2 === 0 ? [cost(first), cost(second)] : [cost(second), cost(first)])
        }
        await large.audit()
        await small.audit()
      } finally { await large.close(); await small.close() }
      yield figure(nameOf(size), 'us/command', pairs.slice(warmUp), { atMost: 1.2 })
    }
  },
}

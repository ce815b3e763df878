import { audit } from './audit.js'
import { handWritten } from './handwritten.js'
import { checked } from './invite.js'
import { type Inviter, typedOf } from './inviter.js'
import { lowtide } from './lowtide.js'
import { callers, collect } from './rounds.js'

const loops = 64
export const makers = { lowtide: (): Promise<Inviter> => lowtide(checked), handWritten: async (): Promise<Inviter> => handWritten(checked) }
export type Maker = keyof typeof makers

/** Customers who were invited one by one. Keeps a thousand of the answers, for the audit. */
const filled = async (make: () => Promise<Inviter>, rows: number) => {
  const inviter = await make(), sample: unknown[] = [], step = Math.ceil(rows / 1_000)
  let count = 0
  const invite = async (more: number): Promise<void> => {
    const from = count
    count += more
    await callers(loops, more, async i => {
      const answer = await inviter.invite(typedOf(from + i))
      if ((from + i) % step === 0) sample[from + i] = answer
    })
  }
  await invite(rows)
  return { invite, count: () => count, end: async () => { await audit(inviter, count, sample); await inviter.close() } }
}

/** Times commands on tables of a size. */
export const grown = (make: () => Promise<Inviter>, rows: number) => {
  let tables: Awaited<ReturnType<typeof filled>>[] = []
  const end = async (): Promise<void> => { for (const table of tables) await table.end() }
  return {
    end,
    /** Bytes of heap a row, with all that its command leaves behind. */
    heap: async (): Promise<number> => {
      await collect()
      const before = process.memoryUsage().heapUsed
      tables = [await filled(make, rows)]
      await collect()
      return (process.memoryUsage().heapUsed - before) / rows
    },
    /** Milliseconds for so many commands, shared among as many tables as keep each from growing by more than half. */
    round: async (commands: number): Promise<number> => {
      const many = Math.ceil(commands * 2 / rows), share = Math.ceil(commands / many)
      if (tables.length < many || tables.some(t => t.count() + share > rows * 1.5)) {
        await end()
        tables = []
        while (tables.length < many) tables.push(await filled(make, rows))
      }
      await collect()
      const begun = performance.now()
      for (const table of tables) await table.invite(share)
      return performance.now() - begun
    },
  }
}

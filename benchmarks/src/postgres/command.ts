import { expect } from '../audit.js'
import { type Benchmark, type Effort, figure } from '../figure.js'
import { emailOf, typedOf } from '../inviter.js'
import { progress } from '../report.js'
import { type Side, callers, inTurns } from '../rounds.js'
import { deployed } from './deployed.js'
import { handWritten } from './handwritten.js'
import { auditStored, drop, newSchema } from './site.js'
import { tunedBatch, tunedOne } from './tuned.js'

/** Which email the command at this place has, and how many there are among the first so many. */
interface Stream { at(index: number): string; distinct(commands: number): number }
export const each: Stream = { at: typedOf, distinct: commands => commands }
/** One in ten invites one of eight who are asked for again and again. */
const hot = 8, share = 10
const contested: Stream = { at: i => i % share === 0 ? emailOf(-1 - i / share % hot) : emailOf(i), distinct: commands => commands - Math.ceil(commands / share) + Math.min(hot, Math.ceil(commands / share)) }

/** One round: so many commands by so many callers, on tables of their own. */
export const ours = (loops: number, { ahead, commands }: Pick<Effort, 'ahead' | 'commands'>, stream = each): Side => async () => {
  const schema = newSchema(), { invite, close } = await deployed(schema)
  let invited = 0
  const run = (from: number, many: number): Promise<void> => callers(loops, many, async i => { if (await invite(stream.at(from + i)) === 'invited') invited++ })
  await run(0, ahead)
  return {
    run: () => run(ahead, commands),
    audit: async () => {
      expect('commands that invited somebody', stream.distinct(ahead + commands), invited)
      await auditStored(schema, { commands: ahead + commands, invited })
    },
    close: async () => { await close(); await drop(schema) },
  }
}
type Hand = Awaited<ReturnType<typeof handWritten>>
const byHand = (make: () => Promise<Hand>, work: (hand: Hand, from: number, many: number) => Promise<void>, { ahead, commands }: Effort): Side => async () => {
  const hand = await make()
  await work(hand, 0, ahead)
  return { run: () => work(hand, ahead, commands), audit: () => hand.audit(ahead + commands), close: hand.close }
}

/** A tenth of the commands: each waits for its own commit. */
export const few = (effort: Effort): Effort => ({ ...effort, commands: Math.ceil(effort.commands / 10), ahead: Math.ceil(effort.ahead / 10) })
export const rate = ({ commands }: Effort) => (ms: number): number => commands / ms * 1000

const one: Benchmark = {
  names: () => ['postgres/command-1'],
  run: async function* (all) {
    const effort = few(all), of = rate(effort), planner = await tunedOne(effort.ahead)
    progress(`postgres/command-1: by hand, the planner's setting '${planner}' is the faster one`)
    const pairs = await inTurns(effort, ours(1, effort), byHand(() => handWritten(planner, 1), (hand, from, many) => callers(1, many, i => hand.one(typedOf(from + i))), effort))
    yield figure('postgres/command-1', 'commands/s', pairs.map(([a, b]) => [of(a), of(b)]), { atLeast: 0.75 })
  },
}
const many: Benchmark = {
  names: () => ['postgres/command-256'],
  run: async function* (effort) {
    const of = rate(effort), { planner, size, connections } = await tunedBatch(effort.ahead)
    progress(`postgres/command-256: by hand, batches of ${size} and the planner's setting '${planner}' are the fastest`)
    const pairs = await inTurns(effort, ours(256, effort), byHand(() => handWritten(planner, connections), (hand, from, count) => hand.batches(typedOf, from, count, size), effort))
    yield figure('postgres/command-256', 'commands/s', pairs.map(([a, b]) => [of(a), of(b)]), { atLeast: 0.6 })
  },
}
const disputed: Benchmark = {
  names: () => ['postgres/command-256-hot'],
  run: async function* (effort) {
    const of = rate(effort), pairs = await inTurns(effort, ours(256, effort, contested), ours(256, effort))
    yield figure('postgres/command-256-hot', 'commands/s', pairs.map(([a, b]) => [of(a), of(b)]))
  },
}
/** Whole `InviteCustomer` commands on Postgres, against hand-written SQL. */
export const command: readonly Benchmark[] = [one, many, disputed]

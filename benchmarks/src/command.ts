import type { Schema } from '@lowtide/core'
import { audit } from './audit.js'
import { type Benchmark, type Effort, type Target, figure } from './figure.js'
import { handWritten } from './handwritten.js'
import { type Invite, checked, unchecked } from './invite.js'
import { type Inviter, emailOf, typedOf } from './inviter.js'
import { lowtide } from './lowtide.js'
import { type Side, callers, inTurns } from './rounds.js'

/** One round: so many commands, each of another customer, by so many callers. */
const side = <A>(make: () => Promise<Inviter<A>>, loops: number, { ahead, commands }: Effort, emailAt: (index: number) => string): Side => async () => {
  const inviter = await make(), answers: A[] = Array.from({ length: ahead + commands })
  const invite = (from: number, many: number): Promise<void> => callers(loops, many, async i => { answers[from + i] = await inviter.invite(emailAt(from + i)) })
  await invite(0, ahead)
  return {
    run: () => invite(ahead, commands),
    audit: () => audit(inviter, ahead + commands, answers, emailAt),
    close: inviter.close,
  }
}

const commands = (name: string, loops: number, schema: Schema<Invite, Invite>, target?: Target): Benchmark => ({
  names: () => [name],
  run: async function* (effort) {
    const emailAt = schema === checked ? typedOf : emailOf // what nobody checks, nobody normalises
    const pairs = await inTurns(effort,
      side(() => lowtide(schema), loops, effort, emailAt),
      side(async () => handWritten(schema), loops, effort, emailAt))
    const rate = (ms: number): number => effort.commands / ms * 1000
    yield figure(name, 'commands/s', pairs.map(([ours, theirs]) => [rate(ours), rate(theirs)]), target)
  },
})

/** Whole `InviteCustomer` commands through `app.send`, against hand-written code with Maps. */
export const command: readonly Benchmark[] = [
  commands('memory/command-64', 64, checked, { atLeast: 0.6 }),
  commands('memory/command-1', 1, checked, { atLeast: 0.4 }),
  commands('memory/command-64-unvalidated', 64, unchecked),
  commands('memory/command-1-unvalidated', 1, unchecked),
]

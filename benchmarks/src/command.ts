import type { Schema } from '@lowtide/core'
import { audit } from './audit.js'
import { type Benchmark, type Target, figure } from './figure.js'
import { handWritten } from './handwritten.js'
import { type Invite, checked, unchecked } from './invite.js'
import { type Inviter, emailOf, typedOf } from './inviter.js'
import { lowtide } from './lowtide.js'
import { type Side, callers, inTurns } from './rounds.js'

/** One round: so many commands, each of another customer, by so many callers. Each takes input that needs normalising, unless nobody would. */
const side = <A>(make: () => Promise<Inviter<A>>, loops: number, commands: number, emailAt: (index: number) => string): Side => async () => {
  const inviter = await make(), answers: A[] = Array.from({ length: commands })
  return {
    run: () => callers(loops, commands, async i => { answers[i] = await inviter.invite(emailAt(i)) }),
    audit: () => audit(inviter, commands, answers, emailAt),
    close: inviter.close,
  }
}

const commands = (name: string, loops: number, schema: Schema<Invite, Invite>, target?: Target): Benchmark => ({
  names: () => [name],
  run: async function* (effort) {
    const emailAt = schema === checked ? typedOf : emailOf
    const pairs = await inTurns(effort,
      side(() => lowtide(schema), loops, effort.commands, emailAt),
      side(async () => handWritten(schema), loops, effort.commands, emailAt))
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

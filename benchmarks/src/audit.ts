import { isDeepStrictEqual } from 'node:util'
import { type Answer, type Inviter, emailOf, typedOf } from './inviter.js'

export const expect = (what: string, expected: unknown, found: unknown): void => {
  if (!isDeepStrictEqual(expected, found)) throw new Error(`${what}: expected ${JSON.stringify(expected)}, found ${JSON.stringify(found)}`)
}

const eventOf = (answer: Answer): { readonly customerId: string; readonly email: string } => {
  if (!('events' in answer) || answer.events.length !== 1) throw new Error(`expected an outcome with one event, found ${JSON.stringify(answer)}`)
  return answer.events[0]!.data as { customerId: string; email: string }
}

/** Proves that commands 0 to n did what they say: one event and one row each, ids unique. `answers` by index, with gaps. */
export const auditInvited = async <A>(inviter: Inviter<A>, commands: number, answers: readonly A[]): Promise<readonly Answer[]> => {
  expect('events in the log', commands, await inviter.events())

  const given = Object.keys(answers).map(Number), read = given.map(i => inviter.read(answers[i]!)), events = read.map(eventOf)
  expect('emails of the events', given.map(emailOf), events.map(e => e.email))
  expect('rows of these emails', events.map(e => e.customerId), await inviter.rows(given.map(emailOf)))
  expect('ids of customers', given.length, new Set(events.map(e => e.customerId)).size)
  return read
}

/** Proves that whoever is invited cannot be invited again. */
export const auditAgain = async <A>(inviter: Inviter<A>, email: string): Promise<void> => {
  const again = inviter.read(await inviter.invite(email))
  expect('the same email again', 'already-invited', 'rejected' in again ? again.rejected : again)
}

/** Both, and that an event has an id of its own, and a command an outcome that repeats; `typed`: how emails were sent. */
export const audit = async <A>(inviter: Inviter<A>, commands: number, answers: readonly A[], typed = typedOf): Promise<void> => {
  const read = await auditInvited(inviter, commands, answers)
  expect('ids of events', read.length, new Set(read.map(a => 'events' in a ? a.events[0]!.id : '')).size)

  const last = Number(Object.keys(answers).at(-1)), outcome = read.at(-1)!, id = 'commandId' in outcome ? outcome.commandId : ''
  expect('the outcome of a repeated id', outcome, inviter.read(await inviter.invite(typed(last), id)))
  expect('another body under that id', { refused: 'id-reused' }, inviter.read(await inviter.invite(typed(commands), id)))
  await auditAgain(inviter, typed(last))
  expect('events in the log after these three', commands, await inviter.events())
}

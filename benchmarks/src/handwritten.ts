import { hash, randomUUID } from 'node:crypto'
import type { Schema } from '@lowtide/core'
import type { Invite, Invited } from './invite.js'
import type { Inviter } from './inviter.js'

interface Customer { readonly id: string; readonly email: string }
interface CustomerInvited {
  readonly id: string; readonly source: string; readonly type: 'CustomerInvited'; readonly subject: string; readonly time: string; readonly dataschema: string
  readonly data: Invited; readonly correlationid: string; readonly causationid: string
}
type Outcome
  = { readonly commandId: string; readonly events: readonly CustomerInvited[]; readonly position: number }
  | { readonly commandId: string; readonly rejection: { readonly code: 'already-invited' | 'constraint'; readonly message: string } }
type NotHandled = { readonly notHandled: 'invalid' | 'id-reused'; readonly message: string }

/** The time as text, made once a millisecond: making it for each event took 9 % of the whole. */
const clock = () => {
  let last = 0, text = ''
  return (): string => {
    const ms = Date.now()
    if (ms !== last) { last = ms; text = new Date(ms).toISOString() }
    return text
  }
}

/** What one would write for `InviteCustomer` and nothing else: the baseline. README.md says what it does and what it leaves out. */
export const handWritten = (schema: Schema<Invite, Invite>): Inviter<Outcome | NotHandled> => {
  const customers = new Map<string, Customer>(), byEmail = new Map<string, Customer>()
  const log: CustomerInvited[] = []
  const inbox = new Map<string, { readonly body: string; readonly outcome: Outcome }>()
  const { validate } = schema['~standard'], now = clock()

  const decide = (commandId: string, email: string): Outcome => {
    if (byEmail.has(email)) return { commandId, rejection: { code: 'already-invited', message: 'Customer already invited' } }
    const customerId = randomUUID()
    if (customers.has(customerId)) return { commandId, rejection: { code: 'constraint', message: 'the constraint customers.id forbids it' } }
    const event: CustomerInvited = {
      id: randomUUID(), source: 'hand-written/invite-customer', type: 'CustomerInvited', subject: customerId, time: now(), dataschema: 'CustomerInvited/1',
      data: { customerId, email }, correlationid: commandId, causationid: commandId,
    }
    const customer = { id: customerId, email }
    customers.set(customerId, customer)
    byEmail.set(email, customer)
    return { commandId, events: [event], position: log.push(event) }
  }

  return {
    invite: async (input, id = randomUUID()) => {
      const parsed = validate({ email: input })
      if (parsed instanceof Promise || parsed.issues !== undefined) return { notHandled: 'invalid', message: 'the email is none' }
      const { email } = parsed.value
      const body = hash('sha256', `InviteCustomer${JSON.stringify(parsed.value)}`, 'base64url')
      const before = inbox.get(id)
      if (before !== undefined) return before.body === body ? before.outcome : { notHandled: 'id-reused', message: `the id '${id}' stands for another command already` }
      const outcome = decide(id, email)
      inbox.set(id, { body, outcome })
      return outcome
    },
    read: answer => 'notHandled' in answer ? { refused: answer.notHandled } : 'rejection' in answer ? { rejected: answer.rejection.code, commandId: answer.commandId } : answer,
    rows: async emails => emails.map(email => byEmail.get(email)?.id),
    events: async () => log.length,
    close: async () => {},
  }
}

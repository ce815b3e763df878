import { type AnyType, type Ctx, type Kind, type Message, type MessageType, bodyOf, envelop, idOf, parse } from '@lowtide/core'
import * as E from 'fp-ts/lib/Either.js'
import { canonical } from './diff.js'

/** When everything happens, unless a test says otherwise. */
const now = '2020-01-01T00:00:00.000Z'

/** What a test may say about a message besides its type and data. `subject` is its key. */
export type Envelope = Partial<Omit<Message, 'type' | 'data' | 'dataschema'>>

/** Puts data into an envelope as an intake does: parsed, sealed, keyed. */
export const enclose = (type: AnyType, data: unknown, o: Envelope = {}): Message => {
  const refuse = (why: string): never => {
    throw new Error(`[testing] no message '${type.type}' can be made of ${canonical(data)}: ${why}`)
  }
  const parsed = parse(type.schema, data)
  if (E.isLeft(parsed)) return refuse(parsed.left.map(({ path, message }) => path === '' ? message : `${path}: ${message}`).join('; '))
  // From the content, so that the same message has the same id in every run and on every machine.
  const { subject, id = idOf('message', bodyOf(type.type, parsed.right)), ...rest } = o
  const made = envelop(type, parsed.right, { source: 'testing', time: now, correlationid: id, ...rest, id }, subject)
  return E.isLeft(made) ? refuse(made.left.map(issue => issue.message).join('; ')) : made.right
}

/**
 * A message as a handler gets it: its data parsed by the type's schema (input to output), its envelope the same in each run.
 * Throws when the data does not fit.
 *
 * @example
 * inviteCustomer.operate(context(), message(InviteCustomer, { email: ' A@b.c' }), { existing: O.none })
 * message(InviteCustomer, { email: 'a@b.c' }, { actor: 'ann', tenant: 't1' })
 */
export const message = <K extends Kind, T extends string, I, D, C extends string>(type: MessageType<K, T, I, D, C>, data: NoInfer<I>, overrides?: Envelope): Message<T, D> =>
  enclose(type, data, overrides) as Message<T, D> // its schema has parsed it

/** What a test may say about a context. `message` gives its time, actor and tenant, and with `handler`, a name, its ids. */
export interface Setting extends Partial<Ctx> {
  readonly message?: Message
  readonly handler?: string
}

/**
 * A context whose time stands still at 2020-01-01T00:00:00.000Z, and whose ids derive from (message id, handler, label), as on every shell.
 *
 * @example
 * context({ actor: 'ann' })
 * context({ message: invite, handler: 'invite-customer' }).id('customer') // the id that a shell would make
 */
export const context = ({ message, handler = 'handler', ...overrides }: Setting = {}): Ctx => Object.freeze({
  now: message?.time ?? now, actor: message?.actor, tenant: message?.tenant,
  id: (label: string) => idOf(message?.id ?? 'message', handler, label),
  log: () => {},
  ...overrides,
})

import { type Schema, accept, channel, command, commandHandler, event, reject } from '@lowtide/core'
import { CustomerInvited, InviteCustomer, customers } from '@lowtide/customers'
import * as O from 'fp-ts/lib/Option.js'

export interface Invite { readonly email: string }
export interface Invited { readonly customerId: string; readonly email: string }

/** The schema that both sides parse with. */
export const checked = InviteCustomer.schema as Schema<Invite, Invite>
/** Validation off. */
export const unchecked: Schema<Invite, Invite> = { '~standard': { version: 1, vendor: 'none', validate: value => ({ value: value as Invite }) } }

/**
 * `inviteCustomer` of the customers functions, with a schema of choice and a channel of events that only the outside
 * reads: what is measured is the command, not the projector and the policy behind it.
 */
export const inviting = (schema: Schema<Invite, Invite>) => {
  const Invite = command('InviteCustomer', { channel: InviteCustomer.channel, key: d => d.email, rejections: ['already-invited'], schema })
  const Happened = event('CustomerInvited', { channel: channel(CustomerInvited.channel.channel, { external: true }), key: d => d.customerId, schema: CustomerInvited.schema as Schema<Invited, Invited> })
  const handler = commandHandler({
    meta: { name: 'invite-customer', in: Invite, out: [Happened], uses: [customers] },
    lookup: ({ data }) => ({ existing: customers.by('email', data.email) }),
    operate: (ctx, { data }, { existing }) => O.isSome(existing)
      ? reject('already-invited', 'Customer already invited')
      : accept(Happened({ customerId: ctx.id('customer'), email: data.email })),
    write: {
      CustomerInvited: ({ data }) => [customers.insert({ id: data.customerId, email: data.email })],
    },
  })
  return { Invite, Happened, handler }
}

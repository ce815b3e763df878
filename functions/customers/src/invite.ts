import { accept, commandHandler, policy, projector, reject, resolver } from '@lowtide/core'
import * as O from 'fp-ts/lib/Option.js'
import { CustomerInvited, InviteCustomer } from './messages.js'
import { mail } from './ports.js'
import { customerViews, customers } from './tables.js'

export const inviteCustomer = commandHandler({
  meta: { name: 'invite-customer', in: InviteCustomer, out: [CustomerInvited], uses: [customers] },

  lookup: ({ data }) => ({ existing: customers.by('email', data.email) }),

  operate: (ctx, { data }, { existing }) => O.isSome(existing)
    ? reject('already-invited', 'Customer already invited')
    : accept(CustomerInvited({ customerId: ctx.id('customer'), email: data.email })),

  write: {
    CustomerInvited: ({ data }) => [customers.insert({ id: data.customerId, email: data.email })],
  },
})

export const customerView = projector({
  meta: { name: 'customer-view', in: [CustomerInvited], uses: [customerViews] },
  write: {
    CustomerInvited: ({ data }) => [customerViews.put({ id: data.customerId, email: data.email, invited: true })],
  },
})

export const welcome = policy({
  meta: { name: 'welcome', in: [CustomerInvited], effects: [mail] },
  operate: (_ctx, { data }) => accept(mail.effect({ to: data.email, template: 'welcome' })),
})

export const invited = resolver({
  meta: { of: InviteCustomer, from: [CustomerInvited], after: customerView, uses: [customerViews] },
  lookup: ({ CustomerInvited: [event] }) => ({ customer: customerViews.get(event.data.customerId) }),
  answer: ({ customer }) => customer,
})

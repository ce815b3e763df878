import { channel, command, event } from '@lowtide/core'
import { z } from 'zod'

const commands = channel('customer-commands')
const events = channel('customer-events')

export const InviteCustomer = command('InviteCustomer', {
  channel: commands, key: d => d.email, rejections: ['already-invited'],
  schema: z.object({ email: z.string().trim().toLowerCase().pipe(z.email()) }),
})
export const CustomerInvited = event('CustomerInvited', {
  channel: events, version: 1, key: d => d.customerId,
  schema: z.object({ customerId: z.string(), email: z.string() }),
})

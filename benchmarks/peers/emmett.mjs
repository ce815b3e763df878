import { randomUUID } from 'node:crypto'
import { CommandHandler, getInMemoryEventStore } from '@event-driven-io/emmett'

/** Emmett's handler of commands over its store of events in memory: a stream for each email, and a decision on the state that is folded from it. */
export const emmett = async validate => {
  const store = getInMemoryEventStore(), streams = new Set()
  const evolve = (_state, event) => ({ customerId: event.data.customerId })
  const handle = CommandHandler({ evolve, initialState: () => ({ customerId: undefined }), mapToStreamId: email => `customer-${email}` })

  const customer = async email => (await store.readStream(`customer-${email}`)).events
  return {
    invite: async input => {
      const parsed = validate({ email: input })
      if (parsed.issues !== undefined) return { refused: 'invalid' }
      const { email } = parsed.value
      streams.add(email)
      const { newEvents } = await handle(store, email, ({ customerId }) => customerId === undefined ? [{ type: 'CustomerInvited', data: { customerId: randomUUID(), email } }] : [])
      return newEvents.length === 0 ? { rejected: 'already-invited', commandId: '' } : { events: newEvents, commandId: '' }
    },
    read: answer => answer,
    rows: emails => Promise.all(emails.map(async email => (await customer(email))[0]?.data.customerId)),
    events: async () => (await Promise.all([...streams].map(customer))).flat().length,
    close: async () => {},
  }
}

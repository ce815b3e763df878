import { randomUUID } from 'node:crypto'
import { CommandHandler } from '@event-driven-io/emmett'
import { getPostgreSQLEventStore } from '@event-driven-io/emmett-postgresql'
import pg from 'pg'

/** Emmett's handler of commands over its store of events on PostgreSQL, made as its guide has it: a stream for each email, and a decision on the state that is folded from it. */
export const emmett = async (url, validate) => {
  const store = getPostgreSQLEventStore(url), pool = new pg.Pool({ connectionString: url, max: 1 })
  await store.schema.migrate()
  const evolve = (_state, event) => ({ customerId: event.data.customerId })
  const handle = CommandHandler({ evolve, initialState: () => ({ customerId: undefined }), mapToStreamId: email => `customer-${email}` })
  return {
    invite: async input => {
      const parsed = validate({ email: input })
      if (parsed.issues !== undefined) return false
      const { email } = parsed.value
      const { newEvents } = await handle(store, email, ({ customerId }) => customerId === undefined ? [{ type: 'CustomerInvited', data: { customerId: randomUUID(), email } }] : [])
      return newEvents.length > 0
    },
    counts: async () => (await pool.query('select count(*)::int as events, count(distinct stream_id)::int as streams, count(distinct message_id)::int as ids from emt_messages')).rows[0],
    close: async () => { await pool.end(); await store.close() },
  }
}

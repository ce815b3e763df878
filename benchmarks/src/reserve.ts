import { accept, channel, command, commandHandler, event, table, text } from '@lowtide/core'
import { z } from 'zod'

const schema = z.object({ id: z.string(), room: z.string() })
export const Reserve = command('Reserve', { channel: channel('seat-commands'), key: d => d.id, schema })
export const Reserved = event('Reserved', { channel: channel('seat-events', { external: true }), key: d => d.id, schema })
export const seats = table('seats', { columns: { id: text, room: text }, key: 'id', indexes: ['room'] })

/** Decides on the rows of a room: whoever comes behind somebody of the same room cuts the batch. */
export const reserve = commandHandler({
  meta: { name: 'reserve', in: Reserve, out: [Reserved], uses: [seats] },
  lookup: ({ data }) => ({ taken: seats.where({ room: data.room }, { limit: 1 }) }),
  operate: (_ctx, { data }, _data) => accept(Reserved(data)),
  write: { Reserved: ({ data }) => [seats.insert(data)] },
})

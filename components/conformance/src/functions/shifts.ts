import { accept, bool, channel, command, commandHandler, event, int, optional, reject, table, text } from '@lowtide/core'
import * as O from 'fp-ts/lib/Option.js'
import { z } from 'zod'

/** Decisions that hold only if what they read is still so: a colleague on call, a slot that is free, a room without bookings. */
const s = z.string()
const commands = channel('shift-commands'), events = channel('shift-events', { external: true })
export const Hire = command('Hire', { channel: commands, key: d => d.doctor, schema: z.object({ doctor: s }) })
export const Hired = event('Hired', { channel: events, key: d => d.doctor, schema: z.object({ doctor: s }) })
export const TakeLeave = command('TakeLeave', { channel: commands, key: d => d.doctor, rejections: ['needed'], schema: z.object({ doctor: s, colleague: s }) })
export const OnLeave = event('OnLeave', { channel: events, key: d => d.doctor, schema: z.object({ doctor: s }) })
/** Takes one slot if the other is free, asked by key or by its unique tag. */
export const Claim = command('Claim', { channel: commands, key: d => d.mine, rejections: ['other-taken'], schema: z.object({ mine: s, other: s, by: z.enum(['key', 'tag']) }) })
export const Claimed = event('Claimed', { channel: events, key: d => d.slot, schema: z.object({ slot: s }) })
export const Book = command('Book', { channel: commands, key: d => d.room, rejections: ['overlap'], schema: z.object({ room: s, id: s, start: z.int(), end: z.int() }) })
export const Booked = event('Booked', { channel: events, key: d => d.room, schema: z.object({ room: s, id: s, start: z.int(), end: z.int() }) })

export const doctors = table('doctors', { columns: { id: text, onCall: bool }, key: 'id' })
export const slots = table('slots', { columns: { id: text, tag: optional(text) }, key: 'id', unique: ['tag'] })
export const bookings = table('bookings', { columns: { id: text, room: text, start: int, end: int }, key: 'id', indexes: [['room', 'start']] })

export const hire = commandHandler({
  meta: { name: 'hire', in: Hire, out: [Hired], uses: [doctors] },
  operate: (_ctx, { data }) => accept(Hired(data)),
  write: { Hired: ({ data }) => [doctors.insert({ id: data.doctor, onCall: true })] },
})
export const takeLeave = commandHandler({
  meta: { name: 'take-leave', in: TakeLeave, out: [OnLeave], uses: [doctors] },
  lookup: ({ data }) => ({ colleague: doctors.get(data.colleague) }),
  operate: (_ctx, { data }, { colleague }) => O.isSome(colleague) && colleague.value.onCall ? accept(OnLeave({ doctor: data.doctor })) : reject('needed', 'nobody else is on call'),
  write: { OnLeave: ({ data }) => [doctors.update(data.doctor, { onCall: false })] },
})
export const claim = commandHandler({
  meta: { name: 'claim', in: Claim, out: [Claimed], uses: [slots] },
  lookup: ({ data: { other, by } }) => ({ there: by === 'key' ? slots.get(other) : slots.by('tag', `tag of ${other}`) }),
  operate: (_ctx, { data }, { there }) => O.isSome(there) ? reject('other-taken', 'the other slot is taken') : accept(Claimed({ slot: data.mine })),
  write: { Claimed: ({ data: { slot } }) => [slots.insert({ id: slot, tag: `tag of ${slot}` })] },
})
/** What a `where` would find later is not held: only one decision of a room may run at a time. */
export const book = commandHandler({
  meta: { name: 'book', in: Book, out: [Booked], uses: [bookings], needs: { oneAtATime: true } },
  lookup: ({ data }) => ({ others: bookings.where({ room: data.room }) }),
  operate: (_ctx, { data }, { others }) => others.some(o => o.start < data.end && data.start < o.end) ? reject('overlap', 'the room is booked then') : accept(Booked(data)),
  write: { Booked: ({ data }) => [bookings.insert(data)] },
})

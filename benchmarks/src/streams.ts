import type { AnyDecider, AnyTable, AnyType, Lookup } from '@lowtide/core'
import { customers } from '@lowtide/customers'
import { checked, inviting } from './invite.js'
import { emailOf } from './inviter.js'
import { Reserve, reserve, seats } from './reserve.js'

/** Commands for one handler, whose cuts are known. */
export interface Stream {
  readonly handler: AnyDecider; readonly table: AnyTable; readonly type: AnyType
  data(index: number): object
  /** What the command at this place has written. */
  find(index: number): Lookup
  /** So many messages, then a cut. */
  readonly run: number
}

const { Invite, handler } = inviting(checked)
/** Another customer each: nothing cuts. */
export const invitations: Stream = { handler, table: customers, type: Invite, run: Infinity, data: i => ({ email: emailOf(i) }), find: i => customers.by('email', emailOf(i)) }

/** The first of each run asks for the room in which the last of the run before it has just taken a seat. */
export const reservations = (run: number): Stream => ({
  handler: reserve, table: seats, type: Reserve, run,
  data: i => ({ id: `seat-${i}`, room: `room-${i % run === 0 ? i - 1 : i}` }), find: i => seats.get(`seat-${i}`),
})

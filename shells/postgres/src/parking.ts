import type { Message, Parked, ParkedFilter } from '@lowtide/core'
import { seal } from '@lowtide/core'
import type { Cells } from './flight.js'
import { type Step, statement } from './statement.js'

const columns = `p.id, p.consumer, p.channel, p.partition, p.key, p.state, p.reason, p.attempts, to_char(p.time at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), p.message, p.raw`
export const parkedOf = ([id, consumer, channel, partition, key, state, reason, attempts, time, message, raw]: Cells): Parked => ({
  id: id!, consumer: consumer!, channel: channel!, partition: partition!, key: key!, state: state as Parked['state'], reason: reason!, attempts: Number(attempts), time: time!,
  ...(message != null && { message: seal(JSON.parse(message) as Message) }), ...(raw != null && { raw }),
})
/** In the order in which they were parked. */
export const parkedStep = (schema: string, filter: ParkedFilter): Step => {
  const asked = (['consumer', 'channel', 'key', 'state'] as const).filter(field => filter[field] !== undefined)
  const conditions = [...asked.map((field, i) => `p.${field} = $${i + 1}::text`), ...(filter.ids ? [`p.id = any($${asked.length + 1}::text[])`] : [])]
  return {
    statement: statement(`select ${columns} from ${schema}.lowtide_parked p${conditions.length === 0 ? '' : ` where ${conditions.join(' and ')}`} order by p.seq`),
    params: [...asked.map(field => filter[field]!), ...(filter.ids ? [filter.ids] : [])],
  }
}
/** Answers with its state and key, and with the head of its line, for which it waits. */
export const redriveStep = (schema: string, id: string): Step => ({
  statement: statement(`with p as (select * from ${schema}.lowtide_parked where id = $1::text for update),
    h as (select x.id from ${schema}.lowtide_parked x join p on x.consumer = p.consumer and x.channel = p.channel and x.key = p.key order by x.seq limit 1),
    w as (update ${schema}.lowtide_parked x set state = 'redrive' from p, h where x.id = p.id and not (p.state = 'waiting' and h.id <> p.id) returning x.id)
    select p.key, h.id, (select count(*) from w) from p, h`),
  params: [id],
})
/** What waited behind it, and now is the first, goes on. Answers with what was removed. */
export const discardSteps = (schema: string, id: string): readonly Step[] => [{
  statement: statement(`with p as (delete from ${schema}.lowtide_parked where id = $1::text returning *),
    h as (select x.id, x.state from ${schema}.lowtide_parked x join p on x.consumer = p.consumer and x.channel = p.channel and x.key = p.key where x.id <> p.id order by x.seq limit 1),
    w as (update ${schema}.lowtide_parked x set state = 'redrive' from h where x.id = h.id and h.state = 'waiting' returning x.id)
    select p.id from p`),
  params: [id],
}]

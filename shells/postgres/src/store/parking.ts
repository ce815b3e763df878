import { type Message, type Parked, type ParkedFilter, seal } from '@lowtide/core'
import type { Cells } from '../server/flight.js'
import { type Param, type Step, statement } from '../server/statement.js'

const line = `p.id, p.consumer, p.channel, p.partition, p.key, p.state, p.reason, p.attempts, to_char(p.time at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`
/** What others wrote into the log may be nothing that can be sealed: then it is shown as its text. */
const contentOf = (message: string | null | undefined, raw: string | null | undefined): Pick<Parked, 'message' | 'raw'> => {
  if (message == null) return raw == null ? {} : { raw }
  try { return { message: seal(JSON.parse(message) as Message) } } catch { return { raw: message } }
}
export const parkedOf = ([id, consumer, channel, partition, key, state, reason, attempts, time, message, raw]: Cells): Parked => ({
  id: id!, consumer: consumer!, channel: channel!, partition: partition!, key: key!, state: state as Parked['state'], reason: reason!, attempts: Number(attempts), time: time!,
  ...contentOf(message, raw),
})
/** Keys may be long: they are found by their digest. */
const sameKey = (a: string, b: string): string => `md5(${a}) = md5(${b}) and ${a} = ${b}`
/** In the order in which they were parked. */
export const parkedStep = (schema: string, filter: ParkedFilter): Step => {
  const asked = (['consumer', 'channel', 'partition', 'state', 'key'] as const).filter(field => filter[field] !== undefined), params: Param[] = asked.map(field => filter[field]!)
  const conditions = asked.map((field, i) => field === 'key' ? sameKey('p.key', `$${i + 1}::text`) : `p.${field} = $${i + 1}::text`)
  if (filter.ids) conditions.push(`p.id = any($${params.push(filter.ids)}::text[])`)
  const limit = filter.limit === undefined ? '' : ` limit $${params.push(filter.limit)}::bigint`
  return { statement: statement(`select ${line}${filter.brief ? `, null, case when p.raw is not null then '' end` : ', p.message, p.raw'} from ${schema}.lowtide_parked p${conditions.length === 0 ? '' : ` where ${conditions.join(' and ')}`} order by p.seq${limit}`), params }
}
/** Answers with its state and key, and with the head of its line, for which it waits. */
export const redriveStep = (schema: string, id: string): Step => ({
  statement: statement(`with p as (select * from ${schema}.lowtide_parked where id = $1::text for update),
    h as (select x.id from ${schema}.lowtide_parked x join p on x.consumer = p.consumer and x.channel = p.channel and ${sameKey('x.key', 'p.key')} order by x.seq limit 1),
    w as (update ${schema}.lowtide_parked x set state = 'redrive' from p, h where x.id = p.id and not (p.state = 'waiting' and h.id <> p.id) returning x.id)
    select p.key, h.id, (select count(*) from w) from p, h`),
  params: [id],
})
/** What waited behind it, and now is the first, goes on. Answers with what was removed. */
export const discardSteps = (schema: string, id: string): readonly Step[] => [{
  statement: statement(`with p as (delete from ${schema}.lowtide_parked where id = $1::text returning *),
    h as (select x.id, x.state from ${schema}.lowtide_parked x join p on x.consumer = p.consumer and x.channel = p.channel and ${sameKey('x.key', 'p.key')} where x.id <> p.id order by x.seq limit 1),
    w as (update ${schema}.lowtide_parked x set state = 'redrive' from h where x.id = h.id and h.state = 'waiting' returning x.id)
    select p.id from p`),
  params: [id],
}]

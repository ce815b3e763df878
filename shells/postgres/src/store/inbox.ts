import type { Mark, Message, Outcome, Reach } from '@lowtide/core'
import { seal } from '@lowtide/core'
import type { Cells } from '../server/flight.js'
import { isOnce, placeOf, positionOf } from '../log/position.js'
import { type Step, statement } from '../server/statement.js'

/** Where an event of an outcome stands in the log: channel, partition, and its number in the mark's own transaction. What was not emitted with it stands here whole. */
type Told = readonly [string, number, number] | Message
/** An outcome as it is kept: events are not written twice. */
export type Kept = { readonly rejection: NonNullable<Outcome['rejection']> } | { readonly events: readonly Told[] }

export const keptOf = (outcome: Outcome, placeOf: (event: Message) => readonly [string, number, number] | undefined): Kept =>
  outcome.rejection ? { rejection: outcome.rejection } : { events: outcome.events.map(event => placeOf(event) ?? event) }

/** How far places of one transaction reach, one answer a partition. */
export const reachOf = (kept: Kept, tx: number): readonly Reach[] => {
  const places = 'events' in kept ? kept.events.filter((told): told is readonly [string, number, number] => Array.isArray(told)) : []
  const far = places.length < 2 ? places : [...new Map(places.toSorted((a, b) => a[2] - b[2]).map(place => [`${place[1]}/${place[0]}`, place])).values()]
  return far.map(([channel, partition, n]) => ({ channel, partition: String(partition), position: positionOf({ tx, n }) }))
}

export type Asked = Pick<Mark, 'consumer' | 'id' | 'at'>
/** Whether its place alone may tell that it is done. */
export const isPlaced = (a: Asked): a is Asked & { readonly at: Reach } => a.at !== undefined && isOnce(placeOf(a.at.position))
/** Numbers of those that a checkpoint has passed. */
export const passedStep = (schema: string, asked: readonly (Asked & { readonly at: Reach })[]): Step => {
  const places = asked.map(({ at }) => placeOf(at.position))
  return {
    statement: statement(`select u.o from unnest($1::text[], $2::text[], $3::smallint[], $4::bigint[], $5::int[]) with ordinality u(c, h, p, tx, n, o)
      join ${schema}.lowtide_consumers x on x.consumer = u.c and x.channel = u.h and x.partition = u.p where (x.tx, x.n) >= (u.tx, u.n)`),
    params: [asked.map(a => a.consumer), asked.map(a => a.at.channel), asked.map(a => Number(a.at.partition)), places.map(p => p.tx), places.map(p => p.n)],
  }
}
export const seenStep = (schema: string, asked: readonly Asked[]): Step => ({
  statement: statement(`select i.consumer, i.id, i.body, to_char(i.time at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), i.tx, i.outcome,
    (select json_agg(l.message order by e.o) from json_array_elements(i.outcome -> 'events') with ordinality e(v, o)
      left join ${schema}.lowtide_log l on json_typeof(e.v) = 'array' and l.channel = e.v ->> 0 and l.partition = (e.v ->> 1)::smallint and l.tx = i.tx and l.n = (e.v ->> 2)::int)
    from unnest($1::text[], $2::text[]) with ordinality u(c, i, o) join ${schema}.lowtide_inbox i on i.consumer = u.c and i.id = u.i order by u.o`),
  params: [asked.map(a => a.consumer), asked.map(a => a.id)],
})
export const markOf = ([consumer, id, body, time, tx, text, messages]: Cells): Mark => {
  const base = { consumer: consumer!, id: id!, body: body!, time: time! }
  if (text === null || text === undefined) return base
  const kept = seal(JSON.parse(text) as Kept)
  if ('rejection' in kept) return { ...base, outcome: { commandId: id!, rejection: kept.rejection, upTo: [] } as Outcome }
  const found = seal(JSON.parse(messages ?? '[]') as readonly (Message | null)[])
  const events = kept.events.map((told, i) => Array.isArray(told) ? found[i] : told as Message).filter((event): event is Message => event != null) // events may be gone from the log before their outcome is
  return { ...base, outcome: { commandId: id!, events, upTo: reachOf(kept, Number(tx)) } as Outcome }
}

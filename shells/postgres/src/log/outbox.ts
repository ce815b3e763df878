import type { Checkpoint } from '@lowtide/core'
import type { Database } from '../server/database.js'
import { type Step, statement, statements } from '../server/statement.js'
import { open, txOf } from '../store/gate.js'
import { type Gate, behind } from '../store/writes.js'
import { type Log, readingBy } from './log.js'
import { placeOf } from './position.js'

/** Where a message stands in the log of the transaction that writes it. */
export interface Leaving { readonly channel: string; readonly partition: number; readonly n: number }
/** The statements on the outbox; a step is absent where there is nothing to do. */
export interface Outbox {
  /** Whether a consumer is a relay, which reads here. */
  has(consumer: string): boolean
  /** What this transaction has written to the log for channels that leave waits here as well. */
  leave(messages: readonly Leaving[], gate: Gate): Step | undefined
  /** What a relay has published: from its checkpoint up to where that is about to move. Before it moves. */
  remove(checkpoints: readonly (Checkpoint & { readonly position: string })[]): Step | undefined
  readonly reads: Pick<Log, 'read' | 'measured'>
}

const texts = ['id', 'source', 'type', 'subject', 'time', 'dataschema', 'correlationid'] as const, maybe = ['causationid', 'traceparent', 'tenant', 'actor'] as const
const columnOf = (attribute: string): string => attribute === 'subject' ? 'aggregateid' : attribute
/** The envelope as the log has it. `concat` passes over what is null. */
const envelope = `concat(${texts.map((name, i) => `'${i === 0 ? '{' : ','}"${name}":', to_json(o.${columnOf(name)})`).join(', ')}, ${maybe.map(name => `',"${name}":' || to_json(o.${name})::text`).join(', ')}, ',"data":', o.payload, '}')`

export const outboxOf = (db: Pick<Database, 'at'>, shift: number, channels: ReadonlySet<string>, relays: ReadonlySet<string>): Outbox => {
  const outbox = db.at('lowtide_outbox'), log = db.at('lowtide_log'), consumers = db.at('lowtide_consumers'), reading = readingBy(shift), kept = statements()
  /** From the log's own rows, so nothing is sent twice, and nothing can differ. */
  const leave = (gate: Gate) => kept(gate, () => `insert into ${outbox} (id, aggregatetype, aggregateid, type, payload, partition, tx, n, time, source, dataschema, correlationid, ${maybe.join(', ')})
    select m.id, l.channel, m.subject, m.type, coalesce(m.data, 'null'::json), l.partition, l.tx, l.n, m.time, m.source, m.dataschema, m.correlationid, ${maybe.map(name => `m.${name}`).join(', ')}
    from unnest($1::text[], $2::smallint[], $3::int[]) u(c, p, n) join ${log} l on l.channel = u.c and l.partition = u.p and l.tx = ${txOf(shift)} and l.n = u.n
    cross join lateral json_to_record(l.message) m(${[...texts, ...maybe].map(name => `${name} text`).join(', ')}, data json)${behind(gate)}`)
  const remove = statement(`delete from ${outbox} o using unnest($1::text[], $2::text[], $3::smallint[], $4::bigint[], $5::bigint[], $6::int[]) u(c, h, p, f, x, n)
    join ${consumers} k on k.consumer = u.c and k.channel = u.h and k.partition = u.p and k.fence = u.f
    where o.aggregatetype = u.h and o.partition = u.p and (o.tx, o.n) > (k.tx, k.n) and (o.tx, o.n) <= (u.x, u.n) and ${open}`)
  const waiting = `(select o.tx, o.n, ${envelope} as message from ${outbox} o
    where o.aggregatetype = u.channel and o.partition = u.partition and (o.tx, o.n) > (u.tx, u.n) and o.tx < now.low order by o.tx, o.n limit $5::bigint) r`
  return {
    has: consumer => relays.has(consumer),
    leave: (messages, gate) => {
      const out = messages.filter(({ channel }) => channels.has(channel))
      return out.length === 0 ? undefined : { statement: leave(gate), params: [out.map(m => m.channel), out.map(m => m.partition), out.map(m => m.n)] }
    },
    remove: checkpoints => {
      const out = checkpoints.filter(({ consumer }) => relays.has(consumer)), places = out.map(c => placeOf(c.position))
      return out.length === 0 ? undefined : { statement: remove, params: [out.map(c => c.consumer), out.map(c => c.channel), out.map(c => Number(c.partition)), out.map(c => c.fence), places.map(p => p.tx), places.map(p => p.n)] }
    },
    reads: {
      read: reading(`select r.tx, r.n, case when octet_length(r.message) <= $6::bigint then r.message end as message from ${waiting}`),
      measured: reading(`select s.tx, s.n, case when s.upto <= $6::bigint or s.upto = s.size then s.message end as message
        from (select p.*, sum(p.size) over (order by p.tx, p.n rows unbounded preceding) as upto from (select r.tx, r.n, r.message, octet_length(r.message) as size from ${waiting}) p) s
        where s.upto - s.size <= $6::bigint`),
    },
  }
}

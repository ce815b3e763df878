import type { Database } from '../server/database.js'
import { type Statement, statement } from '../server/statement.js'
import { txOf, watermarkOf } from '../store/gate.js'
import { nobodyReads } from '../store/reading.js'
import type { Kind } from './terms.js'

/** Every value of these columns that a table holds, found by its index: the rows between are never read. */
const distinct = (table: string, columns: readonly string[], where = 'true'): string => {
  const of = (alias: string): string => columns.map(column => `${alias}.${column}`).join(', '), pair = (alias: string): string => columns.length === 1 ? of(alias) : `(${of(alias)})`
  return `((select ${of('l')} from ${table} l where ${where} order by ${of('l')} limit 1)
    union all select ${of('b')} from part cross join lateral (select ${of('l')} from ${table} l where ${where} and ${pair('l')} > ${pair('part')} order by ${of('l')} limit 1) b)`
}
export const channelOf = { lowtide_log: 'channel', lowtide_outbox: 'aggregatetype' } as const
export type Placed = keyof typeof channelOf

/** The rows that may go, the oldest first, in parameters from $1 on, of which the last is how many at most: to be counted, and to be removed. */
interface Old { readonly kind: Kind; readonly table: string; readonly key: string; readonly tx: string; readonly params: number; readonly text: (select: string) => string; readonly again?: string; /** Of each row, and what is kept of it. */ readonly also?: { readonly columns: string; readonly kept: string } }

export const retaining = (db: Pick<Database, 'at' | 'schema'>, shift: number) => {
  const inbox = db.at('lowtide_inbox'), parked = db.at('lowtide_parked'), consumers = db.at('lowtide_consumers'), log = db.at('lowtide_log'), ages = db.at('lowtide_ages'), retention = db.at('lowtide_retention'), removed = db.at('lowtide_removed')
  const later = `clock_timestamp() + $2::float8 * interval '1 millisecond'`, ago = (ms: string): string => `clock_timestamp() - ${ms} * interval '1 millisecond'`

  /** $1: below it all is old enough. $2: where the last batch ended, for what that removed stands in the index until it is vacuumed. */
  const outcomes: Old = { kind: 'outcomes', table: inbox, key: 'ctid', tx: 'tx', params: 3, text: select => `select ${select} from ${inbox} where consumer = '' and tx < $1::bigint and tx >= $2::bigint order by tx limit $3::bigint` }
  /** What is parked and stands in rebuilt rows is known by its mark alone, however long it waits. */
  const waits = `id in (select p.message ->> 'id' from ${parked} p where p.consumer = $3::text and p.message ->> 'id' is not null)`
  const marks: Old = { kind: 'marks', table: inbox, key: 'ctid', tx: 'tx', params: 4, text: select => `select ${select} from ${inbox} where consumer <> '' and consumer = $3::text and tx < $1::bigint and tx >= $2::bigint and not ${waits} order by tx limit $4::bigint` }
  /** $5 and $6: the place up to which every consumer has come. Who removes rows of the outbox beside this is not waited for. */
  const placed = (kind: Kind, table: Placed): Old => ({
    kind, table: db.at(table), key: 'ctid', tx: 'tx', params: 7, ...kind === 'events' && { again: ` and ${nobodyReads(db)}`, also: { columns: ', n', kept: `,
    kept as (insert into ${removed} as r (channel, partition, tx, n) select $3::text, $4::smallint, tx, n from gone order by tx desc, n desc limit 1 on conflict (channel, partition) do update set tx = excluded.tx, n = excluded.n where (r.tx, r.n) < (excluded.tx, excluded.n))` } },
    text: select => `select ${select} from ${db.at(table)} where ${channelOf[table]} = $3::text and partition = $4::smallint and tx < $1::bigint and tx >= $2::bigint and (tx, n) <= ($5::bigint, $6::int) order by tx, n limit $7::bigint`,
  })
  const failed: Old = {
    kind: 'failed', table: parked, key: 'id', tx: '0::bigint', params: 2, again: ` and state = 'failed'`, // somebody may ask for it to run again meanwhile
    text: select => `select ${select} from ${parked} where state = 'failed' and time < ${ago('$1::float8')} order by seq limit $2::bigint${select === 'id' ? ' for update skip locked' : ''}`,
  }
  const remove = ({ kind, table, key, tx, params, text, again = '', also = { columns: '', kept: '' } }: Old): Statement => statement(`with mine as (update ${retention} set until = clock_timestamp() + $${params + 2}::float8 * interval '1 millisecond' where kind = 'runner' and holder = $${params + 1}::text returning kind),
    gone as (delete from ${table} where ${key} = any(array(${text(key)}))${again} and exists (select from mine) returning ${tx} as tx${also.columns})${also.kept},
    told as (update ${retention} r set removed = r.removed + g.rows, total = r.total + g.rows from (select count(*) as rows from gone) g where r.kind = '${kind}' and g.rows > 0)
    select (select count(*) from mine), count(*), max(tx) from gone`)
  const both = (old: Old) => ({ remove: remove(old), count: statement(`select count(*) from (${old.text('1')}) o`) })
  const partsOf = (table: Placed): string => distinct(`(select ${channelOf[table]} as channel, partition from ${db.at(table)})`, ['channel', 'partition'])
  const places = (table: Placed): Statement => statement(`with recursive part(channel, partition) as ${partsOf(table)}
    select part.channel, part.partition, (select l.tx from ${db.at(table)} l where l.${channelOf[table]} = part.channel and l.partition = part.partition order by l.tx, l.n limit 1) from part`)
  return {
    outcomes: both(outcomes), marks: both(marks), failed: both(failed), events: both(placed('events', 'lowtide_log')), outbox: both(placed('outbox', 'lowtide_outbox')),
    /** Whoever is first in an interval runs; who died holds it no longer than its lease. $3: not sooner than so long after the run before. */
    claim: statement(`with runner as (update ${retention} set holder = $1::text, until = ${later}, time = clock_timestamp() where kind = 'runner' and (until is null or until <= clock_timestamp()) and (time is null or failure is not null or time > clock_timestamp() or time <= ${ago('$3::float8')}) returning kind),
      begun as (update ${retention} set removed = 0, time = clock_timestamp() where kind <> 'runner' and exists (select from runner))
      select count(*) from runner`),
    release: statement(`update ${retention} set holder = null, until = null, failure = $2::text where kind = 'runner' and holder = $1::text`),
    /** Never before another one: a clock that went back waits here until it has come so far again. $1: from one to the next. */
    age: statement(`insert into ${ages} (time, tx) select clock_timestamp(), ${watermarkOf(shift)} where not exists (select from ${ages} where time > ${ago('$1::float8')})`),
    /** What is older than any age that is asked for; the one that tells this stays. */
    forget: statement(`delete from ${ages} where time < (select max(time) from ${ages} where time <= ${ago('$1::float8')})`),
    /** Below which transaction id all is at least so old. */
    cutoffs: statement(`select (select a.tx from ${ages} a where a.time <= ${ago('u.ms')} order by a.time desc limit 1) from unnest($1::float8[]) with ordinality u(ms, o) order by u.o`),
    /** How far consumers have come, and whether something old is before them. */
    checkpoints: statement(`select c.consumer, c.channel, c.partition, c.tx, c.n, exists (select from ${log} l where l.channel = c.channel and l.partition = c.partition and (l.tx, l.n) > (c.tx, c.n) and l.tx < $1::bigint) from ${consumers} c`),
    oldestOutcome: statement(`select tx from ${inbox} where consumer = '' order by tx limit 1`),
    oldestMarks: statement(`with recursive part(consumer) as ${distinct(inbox, ['consumer'], `l.consumer <> ''`)} select part.consumer, (select i.tx from ${inbox} i where i.consumer <> '' and i.consumer = part.consumer order by i.tx limit 1) from part`),
    /** The first of each consumer, or of each place: what is asked of all of these together. */
    oldest: {
      marks: (asked: string): string => `with recursive part(consumer) as ${distinct(inbox, ['consumer'], `l.consumer <> ''`)} select ${asked} from part cross join lateral (select i.* from ${inbox} i where i.consumer <> '' and i.consumer = part.consumer order by i.tx limit 1) i`,
      placed: (table: Placed, asked: string): string => `with recursive part(channel, partition) as ${partsOf(table)} select ${asked} from part cross join lateral (select l.* from ${db.at(table)} l where l.${channelOf[table]} = part.channel and l.partition = part.partition order by l.tx, l.n limit 1) l`,
    },
    places: { lowtide_log: places('lowtide_log'), lowtide_outbox: places('lowtide_outbox') },
    /** A failed command that was sent again and decided: its outcome alone keeps a redrive from running it a second time, so its record goes first. $1 as for outcomes. */
    moot: statement(`delete from ${parked} p where p.state in ('failed', 'redrive') and exists (select from ${inbox} i where i.consumer = '' and i.id = p.message ->> 'id' and i.tx < $1::bigint)`),
    /** A rebuild keeps its marks under no transaction: from here on they age like others. */
    stamp: statement(`update ${inbox} set tx = ${txOf(shift)} where ctid = any(array(select ctid from ${inbox} where consumer <> '' and consumer = $1::text and tx = 0 limit $2::bigint))`),
  }
}
export type Retaining = ReturnType<typeof retaining>

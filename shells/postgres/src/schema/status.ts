import type { Plan, Report } from '@lowtide/core'
import type { Database } from '../server/database.js'
import { retentionOf } from '../retention/status.js'
import type { RetentionOptions } from '../retention/terms.js'
import { type Holder, type Lag, type Measured, countable, measure } from './measure.js'
import { waitingOf } from '../relay/waiting.js'
import { type Section, section } from './section.js'
import { identifier } from '../server/statement.js'
import { bytes, duration, tableOf } from './table-of.js'

/** Seconds for which a write transaction may hold back the readers before somebody should look. */
export const heldTooLong = 60
/** Dead rows are worth a word when they are many, and more than those that live. */
const manyDead = 10_000

const counted = (messages: number): string | number => messages > countable ? `${countable}+` : messages
const many = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`
const ago = (seconds: number | null): string => seconds === null ? 'unknown' : duration(seconds)

const unowned = ({ messages, alive }: Lag): boolean => messages > 0 && !alive
const lagsOf = ({ lags }: Measured): Section => {
  const behind = lags.filter(({ messages }) => messages > 0), lost = behind.filter(unowned), whole = lags.length - behind.length
  const rest = lags.length === 0 ? 'no consumer has begun' : whole > 0 ? `${behind.length > 0 ? '\n' : ''}${whole} of ${lags.length} partitions are read to their end` : ''
  return section('Consumers', `${behind.length === 0 ? '' : tableOf(['consumer', 'channel', 'partition', 'behind', 'oldest', 'fence', 'owner'],
    behind.map(lag => [lag.consumer, lag.channel, lag.partition, counted(lag.messages), ago(lag.age), lag.fence, lag.owner === null ? 'none' : lag.alive ? lag.owner : `${lag.owner} (gone)`]))}${rest}`,
  lost.length === 0 ? [] : [`${many(lost.length, 'partition')} with messages and without a live owner: start a process that runs ${[...new Set(lost.map(({ consumer }) => `'${consumer}'`))].join(', ')}`])
}

const held = (holders: readonly Holder[]): number => Math.max(0, ...holders.map(({ seconds }) => seconds ?? 0))
const holdersOf = ({ holders }: Measured): Section => {
  const late = holders.filter(({ seconds }) => (seconds ?? 0) > heldTooLong), hidden = holders.some(({ seconds }) => seconds === null)
  const end = ({ pid, prepared }: Holder): string => prepared === null ? `select pg_terminate_backend(${pid})` : `rollback prepared '${prepared.replaceAll("'", "''")}' (or commit it)`
  return section('Watermark', holders.length === 0 ? 'no write transaction holds back the readers' : tableOf(['running for', 'behind it', 'pid', 'application', 'user', 'database'],
    holders.map(h => [ago(h.seconds), h.behind, h.prepared === null ? String(h.pid) : `prepared ${h.prepared}`, h.application, h.user, h.database])),
  [...late.map(holder => `a write transaction has held back all readers for ${ago(holder.seconds)}: end it where it was begun, or run: ${end(holder)}`),
    ...hidden ? ['since when is hidden from this role: grant pg_read_all_stats to it'] : []], late.length > 0)
}

const stoppedOf = ({ stopped }: Measured): Section => {
  const bad = stopped.filter(({ state }) => state === 'parked' || state === 'failed'), sum = bad.reduce((all, { count }) => all + count, 0)
  return section('Parked', stopped.length === 0 ? 'nothing' : tableOf(['consumer', 'state', 'messages', 'oldest', 'reason'],
    stopped.map(({ consumer, state, count, age, reason }) => [consumer === '' ? '(commands)' : consumer, state, count, ago(age), reason.replaceAll(/\s+/g, ' ')])),
  sum === 0 ? [] : [`${many(sum, 'message')} could not be handled: correct the cause, then redrive or discard them`])
}
const instancesOf = ({ instances }: Measured): Section => section('Instances', instances.length === 0 ? 'none' : tableOf(['id', 'lease', 'consumers'],
  instances.map(({ id, left, consumers }) => [id, left > 0 ? `${duration(left)} left` : `ended ${duration(-left)} ago`, consumers.join(', ')])))
const sizesOf = ({ sizes }: Measured, schema: string): Section => {
  const bloated = sizes.filter(({ dead, rows }) => dead > manyDead && dead > rows)
  return section('Tables', tableOf(['table', 'rows (about)', 'dead', 'size'], sizes.map(size => [size.table, size.rows, size.dead, bytes(size.bytes)])),
    bloated.map(({ table }) => `'${table}' holds more dead rows than living ones: look for an old transaction, then run: vacuum ${identifier(schema)}.${identifier(table)}`), false)
}

/** Nothing where nothing is rebuilt, and nothing is left of a rebuild. */
const copiesOf = ({ copies }: Measured, schema: string): readonly Section[] => copies.length === 0 ? [] : [section('Rebuilds', tableOf(['table', 'copy', 'since', 'state'], copies.map(c => [c.table, c.copy, c.since, c.alive ? 'runs' : 'was ended'])),
  copies.filter(c => !c.alive).map(c => `'${c.copy}' is left of a rebuild that was ended, and in nobody's way: the next rebuild removes it, or run: drop table ${identifier(schema)}.${identifier(c.copy)}`), false)]

/** What was measured, for people and for programs. */
export const reportOf = (schema: string, measured: Measured, plan: Pick<Plan, 'consumers'> = { consumers: [] }): Report => {
  const { meta, number, holders } = measured, sections = [...[lagsOf, holdersOf, stoppedOf].map(of => of(measured)), waitingOf(measured.outbox, plan), ...[instancesOf, sizesOf, retentionOf].map(of => of(measured, schema)), ...copiesOf(measured, schema)]
  const about = `Schema '${schema}', number ${number}, ${meta['partitions']} partitions${meta['shift'] === '0' ? '' : `, ids shifted by ${meta['shift']}`}`
  return {
    text: [about, ...sections.map(({ title, body, advice }) => [title, body, ...advice.map(line => `! ${line}`)].join('\n'))].join('\n\n'),
    data: { schema, ...measured, watermarkAge: holders.length > 0 && holders.every(({ seconds }) => seconds === null) ? null : held(holders) },
    alarm: sections.some(({ alarm }) => alarm),
  }
}
/** How a deployment stands, for whoever is called at night; rejects with the server's error. `elsewhere`: adds what stands in another database. */
export const status = async (db: Database, plan: Pick<Plan, 'consumers' | 'options'>, retention: RetentionOptions = {}, elsewhere = (measured: Measured): Promise<Measured> => Promise.resolve(measured)): Promise<Report> => reportOf(db.schema, await elsewhere(await measure(db, plan, retention)), plan)

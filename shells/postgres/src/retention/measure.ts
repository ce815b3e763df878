import type { Plan } from '@lowtide/core'
import type { Database } from '../server/database.js'
import { type Step, statement } from '../server/statement.js'
import { readersStep } from '../store/reading.js'
import { retaining } from './statements.js'
import { type Kind, type RetentionOptions, kinds, termsOf } from './terms.js'

/** Of a kind: milliseconds after which it goes, seconds that the oldest row counts, rows that the last run removed, and all. */
export interface Kept { readonly kind: Kind; readonly after: number | { readonly [channel: string]: number } | null; readonly oldest: number | null; readonly removed: number; readonly total: number }
export interface Retained {
  readonly every: number | false; readonly dedupWindow: number; readonly kinds: readonly Kept[]
  /** Seconds since the last run began; null: none did. */ readonly last: number | null; readonly failure: string | null
  /** Seconds by which the server's clock stands before the last age that was noted: until it has passed that, nothing more gets old. */ readonly clockBehind: number
  /** Processes of the server that read the log from its beginning: no events go meanwhile. */ readonly readers: readonly number[]
}
interface Noted { readonly kind: Kind | 'runner'; readonly last: number | null; readonly failure: string | null; readonly removed: number; readonly total: number }

const timeOf = (text: string): string => `case when ${text} ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z$' then (${text})::timestamptz end`
const age = (time: string): string => `extract(epoch from clock_timestamp() - ${time})`

/** What goes along with the other questions of a status; the oldest rows are found by their indexes. */
export const retentionSteps = (db: Pick<Database, 'at' | 'schema'>): readonly Step[] => {
  const inbox = db.at('lowtide_inbox'), step = (text: string): Step => ({ statement: statement(text), params: [] }), { oldest } = retaining(db, 0)
  return [
    step(`select json_build_object('kind', r.kind, 'last', ${age('r.time')}, 'failure', r.failure, 'removed', r.removed, 'total', r.total)::text from ${db.at('lowtide_retention')} r`),
    step(`select json_build_object('outcomes', (select ${age('i.time')} from ${inbox} i where i.consumer = '' order by i.tx limit 1),
      'marks', (${oldest.marks(age(`min(i.time)`))}), 'failed', (select ${age('min(p.time)')} from ${db.at('lowtide_parked')} p where p.state = 'failed'),
      'events', (${oldest.placed('lowtide_log', age(`min(${timeOf(`l.message ->> 'time'`)})`))}), 'outbox', (${oldest.placed('lowtide_outbox', age(`min(${timeOf('l.time')})`))}),
      'clock', greatest(0, (select extract(epoch from max(time) - clock_timestamp()) from ${db.at('lowtide_ages')})))::text`),
    readersStep(db),
  ]
}

export const retainedOf = (noted: readonly Noted[], oldest: { readonly [kind: string]: number | null }, readers: readonly number[], { options }: Pick<Plan, 'options'>, given: RetentionOptions): Retained => {
  const { after, every, events } = termsOf(given, options), of = (kind: string) => noted.find(row => row.kind === kind)
  const named = typeof given.events === 'object' ? given.events : undefined
  return {
    every, dedupWindow: options.dedupWindow, last: of('runner')?.last ?? null, failure: of('runner')?.failure ?? null, clockBehind: oldest['clock'] ?? 0, readers,
    kinds: kinds.map(kind => ({ kind, after: (kind === 'events' ? named ?? events : after[kind]) ?? null, oldest: oldest[kind] ?? null, removed: of(kind)?.removed ?? 0, total: of(kind)?.total ?? 0 })),
  }
}

import { readersTold } from '../store/reading.js'
import type { Measured } from '../schema/measure.js'
import { type Section, section } from '../schema/section.js'
import { duration, tableOf } from '../schema/table-of.js'
import type { Kept, Retained } from './measure.js'

/** Runs that may be left out before somebody should look, and seconds at least. */
const missed = { runs: 10, seconds: 600 } as const
/** How much older than asked something may get: samples of the clock, the margin, and a run that is on its way. */
const late = 1.5

const ages = ({ after }: Kept): string => after === null ? 'never' : typeof after === 'number' ? duration(after / 1_000)
  : Object.entries(after).map(([channel, ms]) => `${channel} ${duration(ms / 1_000)}`).join(', ') || 'never'
const overdue = ({ kinds, readers }: Retained): readonly string[] => kinds.filter(({ kind, after, oldest }) => !(kind === 'events' && readers.length > 0) && typeof after === 'number' && oldest !== null && oldest * 1_000 > after * late).map(({ kind }) => kind)

/** What is removed when it is old, and whether somebody does it. Nothing here is an alarm: what is too much is a nuisance, and not a loss. */
export const retentionOf = ({ retention }: Measured): Section => {
  const { every, last, failure, kinds, clockBehind, readers } = retention, old = overdue(retention)
  const idle = every !== false && old.length > 0 && (last === null || last > Math.max(missed.seconds, every / 1_000 * missed.runs))
  return section('Retention', [
    `${last === null ? 'nothing has run yet' : `last run ${duration(last)} ago`}; ${every === false ? `runs only by 'lowtide retention run'` : `one instance runs every ${duration(every / 1_000)}`}`,
    tableOf(['rows', 'go after', 'oldest', 'last run', 'in all'], kinds.map(kept => [kept.kind, ages(kept), kept.oldest === null ? 'none' : duration(kept.oldest), kept.removed, kept.total])),
    ...readers.length > 0 && kinds.some(({ kind, after }) => kind === 'events' && after !== null) ? [readersTold(readers)] : [],
  ].join('\n'), [
    ...failure === null ? [] : [`the last run failed: ${failure}`],
    ...idle || (every === false && old.length > 0) ? [`${old.join(', ')} are older than asked: ${every === false ? 'run: lowtide retention run' : 'start a process of this deployment, or run: lowtide retention run'}`] : [],
    ...clockBehind > 1 ? [`the server's clock stands ${duration(clockBehind)} before a time that it has shown: nothing gets older until then; where that time was wrong, delete the rows of lowtide_ages after now()`] : [],
  ], false)
}

import type { Failure, Plan, Report, Verb } from '@lowtide/core'
import * as E from 'fp-ts/lib/Either.js'
import { inspect, troubled } from '../schema/start.js'
import { tableOf } from '../schema/table-of.js'
import type { Using } from '../schema/verbs.js'
import { type Access, type Database, database } from '../server/database.js'
import { failure } from '../server/failure.js'
import { readersStep, readersTold } from '../store/reading.js'
import { type Counts, countable, retention } from './run.js'
import { type RetentionOptions, kinds, termsOf, wrongTerms } from './terms.js'

/** Milliseconds for which an instance that removes at this moment is waited for, from one look to the next, and from one line about the progress to the next. */
const patience = 60_000, look = 500, often = 1_000

const sum = (counts: Counts): number => kinds.reduce((all, kind) => all + counts[kind], 0)
const keeps = (held: readonly string[], blind: string | undefined): string => held.length === 0 ? '' : blind === undefined ? `\nmarks are kept of consumers with old messages before them: ${held.join(', ')}` : `\nmarks are kept of ${held.join(', ')}: ${blind}`
const counted = (title: string, counts: Counts): string => tableOf(['rows', title], kinds.map(kind => [kind, counts[kind] >= countable ? `${countable}+` : counts[kind]]))

/** What keeps events, however old. */
const reads = async (db: Database, report: Report): Promise<Report> => {
  const readers = (await db.fly([readersStep(db)]))[0]!.rows.map(([pid]) => Number(pid))
  return readers.length === 0 ? report : { ...report, text: `${report.text}\n${readersTold(readers)}`, data: { ...report.data as object, readers } }
}
/** `lowtide retention run`: at once, until nothing is left that is old. */
export const retaining = (access: Access, options: RetentionOptions, using: Using, from?: Access): Verb => {
  const running = async (db: Database, source: Database | undefined, plan: Plan, dry: boolean): Promise<E.Either<Failure, Report>> => {
    const { runtime } = plan, wrong = wrongTerms(options, plan)
    if (wrong.length > 0) return E.left(failure(`cannot remove what is old: ${wrong.join('; ')}`))
    const inspected = await inspect(db, access, plan)()
    if (E.isLeft(inspected)) return inspected
    const { run, count } = retention({ db, shift: inspected.right.shift, terms: termsOf(options, plan.options), plan, source })
    if (dry) {
      const { counts, held, blind } = await count()
      return E.right({ text: `${counted('would go', counts)}${keeps(held, blind)}`, data: { dry: true, rows: counts, held } })
    }
    const begun = runtime.now()
    let last = begun, all = 0
    const told = (_kind: string, removed: number): void => {
      all += removed
      const now = runtime.now()
      if (now - last < often) return
      last = now
      runtime.log('info', `${all} rows removed, ${Math.round(all / (now - begun) * 1_000)} a second`)
    }
    for (;;) {
      const { ran, whole, removed, held, blind } = await run({ due: 0, told })
      if (ran && !whole) return E.left({ failure: `[postgres] could not remove all that is old: another instance took over after ${sum(removed)} rows; run it again to see to the rest`, retry: true })
      if (ran) return E.right({ text: `${counted('removed', removed)}${keeps(held, blind)}`, data: { dry: false, rows: removed, held } })
      if (runtime.now() - begun > patience) return E.left({ failure: `[postgres] cannot remove what is old: for ${patience / 1_000} s another instance has been at it; try again later`, retry: true })
      await new Promise<void>(resolve => { runtime.after(look, resolve) })
    }
  }
  return {
    name: 'retention run', about: 'removes what is old, in small transactions: marks and outcomes after dedupWindow, and what the option retention says',
    flags: { dry: 'tells how many rows would go, and removes none' },
    run: (plan, flags) => using(access, plan, db => async () => {
      const source = from && database({ ...from, connections: 1, readOnly: true }, text => plan.runtime.log('warn', text))
      try {
        const ran = await running(db, source, plan, flags.has('dry'))
        return E.isLeft(ran) || options.events === undefined ? ran : E.right(await reads(db, ran.right))
      } catch (e) { return E.left(await troubled(db, access, `remove what is old from schema '${db.schema}'`, e)) } finally { await source?.close() }
    }),
  }
}

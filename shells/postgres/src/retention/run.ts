import type { Plan } from '@lowtide/core'
import type { Database } from '../server/database.js'
import type { Param } from '../server/statement.js'
import { failureOf } from '../server/failure.js'
import { retaining } from './statements.js'
import type { Kind, Terms } from './terms.js'
import { type Piece, type Work, samplesOf, spacingOf, workOf } from './work.js'

export type Counts = { readonly [K in Kind]: number }
/** `ran`: not where another instance runs, or the last run was not long ago. `whole`: it came to its end. */
export interface Ran { readonly ran: boolean; readonly whole: boolean; readonly removed: Counts; readonly held: readonly string[]; readonly blind?: string | undefined }
interface Given { readonly db: Database; readonly shift: number; readonly terms: Terms; readonly plan: Pick<Plan, 'everywhere' | 'channels' | 'runtime'>; /** Of a replica: where the log is that it reads. */ readonly source?: Pick<Database, 'at' | 'fly'> | undefined }
interface How {
  /** Milliseconds that must have gone by since the last run; 0: at once. */ readonly due: number
  /** Asked between two batches. */ readonly stopped?: () => boolean; readonly told?: (kind: Kind, removed: number) => void
}

/** Rows of a transaction, at first, at least and at most. All readers of the log wait for its end: it shall take from `quick` to `slow` milliseconds. */
const rows = { first: 1_000, least: 100, most: 5_000 } as const, quick = 10, slow = 40
/** Milliseconds after which somebody else may run in place of one that died. */
const lease = 30_000
/** Rows that are counted for `--dry`, at most. */
export const countable = 1_000_000
const none: Counts = { outcomes: 0, marks: 0, outbox: 0, events: 0, failed: 0 }
const added = (counts: Counts, kind: Kind, count: number): Counts => ({ ...counts, [kind]: counts[kind] + count })

/**
 * Removes what is old, in small transactions, the oldest first. After each it waits for as long as that took, so it has half of one connection. One
 * instance at a time runs: it holds a row, which each batch renews, and one that has lost it removes nothing more.
 */
export const retention = ({ db, shift, terms, plan, source }: Given) => {
  const sql = retaining(db, shift), { runtime } = plan, holder = runtime.newId()
  const one = async (statement: Parameters<Database['fly']>[0][number]['statement'], ...params: readonly Param[]) => (await db.fly([{ statement, params }]))[0]!.rows
  const pause = (ms: number): Promise<void> => new Promise(resolve => { runtime.after(ms, resolve) })
  let told: string | undefined
  /** What somebody has to settle in the source is told once; that it does not answer tells who reads there. */
  const look = async (): Promise<Work> => {
    const work = await workOf(db, sql, terms, plan, source), barred = work.blind?.barred === true ? work.blind.why : undefined
    if (barred !== undefined && barred !== told) runtime.log('warn', barred)
    told = barred
    return work
  }
  const noted = async (): Promise<void> => {
    await db.fly([{ statement: sql.age, params: [spacingOf(terms)] }, { statement: sql.forget, params: [samplesOf(terms, plan.channels.map(({ channel }) => channel))] }])
  }
  const paramsOf = ({ kind, below, of }: Piece, from: number, size: number): readonly Param[] => kind === 'failed' ? [...of, size] : [below ?? 0, from, ...of, size]
  let size: number = rows.first
  /** Whether there is more. */
  const batch = async (work: () => Promise<boolean>): Promise<boolean> => {
    const begun = runtime.now(), more = await work(), took = Math.max(1, runtime.now() - begun)
    size = took > slow ? Math.max(rows.least, size >> 1) : took < quick ? Math.min(rows.most, size * 2) : size
    if (more) await pause(took)
    return more
  }
  return {
    /** How many rows would go, and what keeps others; changes nothing. */
    count: async (): Promise<Pick<Ran, 'held' | 'blind'> & { readonly counts: Counts }> => {
      const { pieces, held, blind } = await look()
      let counts = none
      for (const piece of pieces) if (piece.below !== 0) counts = added(counts, piece.kind, Number((await one(sql[piece.kind].count, ...paramsOf(piece, 1, countable)))[0]![0]))
      return { counts, held, blind: blind?.why }
    },
    run: async ({ due, stopped = () => false, told = () => {} }: How): Promise<Ran> => {
      if ((await one(sql.claim, holder, lease, due))[0]![0] === '0') return { ran: false, whole: false, removed: none, held: [] }
      let removed = none, failed: unknown, held: readonly string[] = [], blind: Work['blind']
      try {
        await noted()
        const work = await look(), mine = { held: true }, goes = (): boolean => mine.held && !stopped()
        held = work.held
        blind = work.blind
        for (const { stamps } of work.pieces) if (stamps !== undefined) while (goes() && await batch(async () => (await db.fly([{ statement: sql.stamp, params: [stamps, size] }]))[0]!.count >= size)) { /* the rest of them */ }
        for (const piece of work.pieces) {
          let from = 1
          if (piece.kind === 'outcomes' && goes()) await db.fly([{ statement: sql.moot, params: [piece.below ?? 0] }])
          while (goes() && piece.below !== 0 && await batch(async () => {
            const asked = size, [[renewed, count, last]] = await one(sql[piece.kind].remove, ...paramsOf(piece, from, asked), holder, lease) as [readonly (string | null)[]]
            if (renewed === '0') mine.held = false
            removed = added(removed, piece.kind, Number(count))
            if (Number(count) > 0) told(piece.kind, Number(count))
            from = Math.max(from, Number(last ?? 0))
            return Number(count) >= asked
          })) { /* the next batch */ }
        }
        return { ran: true, whole: goes(), removed, held, blind: blind?.why }
      } catch (e) {
        failed = e
        throw e
      } finally { await one(sql.release, holder, failed === undefined ? (blind?.barred ? blind.why : null) : failureOf('remove what is old', failed).failure).catch(() => {}) } // else its lease ends
    },
  }
}

import { type AnyTable, type Check, type Committed, type Failure, type Mark, type Unit, type Write, keyOf } from '@lowtide/core'
import * as E from 'fp-ts/lib/Either.js'
import { type Checking, type Found, fencesCheck, marksCheck, rowsCheck, sumsCheck, together, uniqueCheck } from './checks.js'
import type { Database } from '../server/database.js'
import { constraintsByName } from '../schema/declared.js'
import { failure, failureOf, isCrowded, isFailure, refusalOf, type Refusal } from '../server/failure.js'
import type { Landed } from '../server/flight.js'
import { txOf } from './gate.js'
import type { Guest } from './guest.js'
import { guarantees } from '../guarantees.js'
import { type Asked, type Kept, isPlaced, keptOf, markOf, passedStep, reachOf, seenStep } from './inbox.js'
import { emitLock, locking, ownershipOf } from './locks.js'
import type { News } from '../log/newsroom.js'
import type { Outbox } from '../log/outbox.js'
import { published } from '../log/position.js'
import { passing } from './passing.js'
import { type Shape, possible } from './shape.js'
import { type Step, identifier, statements } from '../server/statement.js'
import { caution, unindexed } from './trust.js'
import { partitionsOf, writing } from './writes.js'

interface Committing {
  readonly db: Database; readonly shift: number; readonly partitions: number; readonly outbox?: Outbox | undefined
  /** Of the log that a replica reads: the newest that is noted there. */
  readonly start?: (() => string | null) | undefined
  /** Throws a Failure that names the known ones. */
  readonly shapes: (table: string) => Shape
  /** All of them: what a constraint of the database says is found by its name. */
  readonly tables: readonly AnyTable[]
  /** Nobody else writes these tables: no locks are taken. */
  readonly alone?: boolean
  /** What stands now. */
  told(news: News, emits: Unit['emits']): void
}
/** One table's part of a unit. */
interface Part { readonly shape: Shape; readonly expected: { readonly key: string; readonly columns: Write['columns']; readonly version: number | undefined }[]; readonly uniques: Map<number, Check[]>; readonly rows: { readonly [O in Write['op']]: Extract<Write, { op: O }>[] } }
type Landing = readonly Landed[]

/** Tries that a unit has, with all of its checks, where somebody wrote past its locks between its checks and its writes. */
const tries = 3

const partsOf = (unit: Unit, shapes: Committing['shapes'], trusting: boolean): readonly Part[] => {
  const { writes } = unit, checks = trusting ? unindexed(unit, shapes) : unit.checks
  const parts = new Map<string, Part>()
  const part = (table: string): Part => {
    let known = parts.get(table)
    if (known === undefined) parts.set(table, known = { shape: shapes(table), expected: [], uniques: new Map(), rows: { insert: [], put: [], update: [], remove: [], add: [] } })
    return known
  }
  for (const check of checks) {
    const { expected, uniques, shape } = part(check.table)
    if (check.version === undefined && !possible(shape, Object.keys(check.columns), check.columns)) continue // no row can ever have them, so it stays absent
    if (check.index === undefined) expected.push({ key: check.key, columns: check.columns, version: check.version === undefined ? undefined : Number(check.version) })
    else if (uniques.has(check.index)) uniques.get(check.index)!.push(check)
    else uniques.set(check.index, [check])
  }
  for (const write of writes) {
    if (write.op === 'add' && Object.keys(write.by).length === 0) continue
    const { expected, rows } = part(write.table)
    ;(rows[write.op] as Write[]).push(write)
    if (write.op === 'add' || write.op === 'put' || (trusting && write.op === 'insert')) continue
    expected.push({ key: write.key, columns: write.columns, version: write.op === 'insert' ? undefined : Number(write.version) })
  }
  return [...parts.values()]
}
const columnsOf = (adds: Part['rows']['add']): readonly string[] => [...new Set(adds.flatMap(a => Object.keys(a.by)))].sort()
const byId = (a: Mark, b: Mark): number => a.consumer < b.consumer ? -1 : a.consumer > b.consumer ? 1 : a.id < b.id ? -1 : 1

/**
 * A unit as one flight: locks, checks, writes, in this order, one statement a kind. What the indexes check anyway is not checked before, as long as nothing
 * is lost by it: that was a quarter of the server's time. A unit that they refuse comes again with all of its checks, which say what does not hold.
 */
export const committing = ({ db, shift, partitions, outbox, shapes, tables, told, start, alone = false }: Committing) => {
  const schema = identifier(db.schema), write = writing(schema, txOf(shift)), lock = locking(db.schema), texts = statements(), { trusts, lost } = caution()

  const plan = (unit: Unit, trusting: boolean) => {
    const parts = partsOf(unit, shapes, trusting), found: Found = { stale: new Set(), broken: [], seen: [], fenced: [] }, checking: Checking[] = [], steps: Step[] = [], locks = lock()
    if (!alone) for (const { key } of unit.writes) locks.exclusive(key)
    if (!alone) for (const { key, index } of unit.checks) if (index === undefined) locks.shared(key); else locks.exclusive(key) // who finds a value free mostly takes it
    for (const { channel, message } of unit.emits) locks.exclusive(emitLock(channel, message.subject))
    for (const { consumer, channel, partition } of unit.checkpoints) locks.shared(ownershipOf(consumer, channel, partition))
    for (const { consumer, channel, partition } of unit.parks) if (partition !== '') locks.shared(ownershipOf(consumer, channel, partition)) // what is redriven has no checkpoint, and a rebuild may take it in meanwhile

    const { passings, passed, rest } = passing(unit), asked = trusting ? passed : unit.marks // of those that are written, the index tells
    if (asked.length > 0) checking.push(marksCheck(`${schema}.lowtide_inbox`, asked, found))
    if (passings.length > 0) checking.push(fencesCheck(`${schema}.lowtide_consumers`, passings, found))
    for (const { shape, expected, uniques, rows } of parts) {
      if (expected.length > 0) checking.push(rowsCheck(shape, expected, found))
      for (const [index, checks] of uniques) checking.push(uniqueCheck(shape, index, checks, found))
      if (rows.add.length > 0) checking.push(sumsCheck(shape, rows.add, columnsOf(rows.add), found))
    }
    const at = partitionsOf(unit.emits, partitions), from = unit.emits.some(e => e.again) ? published : 0, places = new Map(unit.emits.map(({ channel, message }, n) => [message.id, [channel, at[n]!, from + n] as const]))
    const marks = rest.length > 1 ? [...rest].sort(byId) : rest, kept = new Map<Mark, Kept>()
    for (const mark of marks) if (mark.outcome) kept.set(mark, keptOf(mark.outcome, event => places.get(event.id)))
    const gate = checking.length > 0 ? 'gated' : 'free'
    let tx: number | undefined
    if (marks.length > 0) { tx = steps.length; steps.push(write.marks(marks, marks.map(m => kept.has(m) ? JSON.stringify(kept.get(m)) : null), gate)) }
    for (const { shape, rows } of parts) if (rows.remove.length > 0) steps.push(write.remove(shape, rows.remove)) // what they free, the next ones may take
    for (const { shape, rows } of parts) if (rows.update.length > 0) steps.push(write.update(shape, rows.update))
    for (const { shape, rows } of parts) {
      if (rows.add.length > 0) steps.push(write.add(shape, rows.add, columnsOf(rows.add)))
      if (rows.insert.length > 0) steps.push(write.insert(shape, rows.insert, gate))
      if (rows.put.length > 0) steps.push(write.put(shape, rows.put, gate))
    }
    if (unit.emits.length > 0) { steps.push(write.emits(unit.emits, at, gate, tx === undefined, from)); tx ??= steps.length - 1 }
    const leaving = outbox?.leave(unit.emits.map(({ channel }, i) => ({ channel, partition: at[i]!, n: from + i })), gate)
    if (leaving !== undefined) steps.push(leaving)
    if (unit.parks.length > 0) steps.push(write.parks(unit.parks))
    if (unit.unparks.length > 0) steps.push(write.unparks(unit.unparks))
    const moved = unit.checkpoints.filter((c): c is typeof c & { readonly position: string } => c.position !== undefined)
    const gone = outbox?.remove(moved)
    if (gone !== undefined) steps.push(gone)
    if (moved.length > 0) steps.push(write.checkpoints(moved, start?.()))
    const before = [...(locks.size() > 0 ? [locks.step()] : []), ...(checking.length > 0 ? [together(texts, checking)] : [])]
    return { steps: [...before, ...steps], checking, found, kept, at, locks, before: before.length, tx: tx === undefined ? undefined : before.length + tx }
  }

  const seen = async (asked: readonly Asked[]): Promise<readonly Mark[]> => {
    const placed = asked.filter(isPlaced), [found, passed] = await db.fly([seenStep(schema, asked), ...placed.length > 0 ? [passedStep(schema, placed)] : []]), marks = found!.rows.map(markOf)
    for (const [nth] of passed?.rows ?? []) { const { consumer, id } = placed[Number(nth) - 1]!; if (!marks.some(m => m.id === id && m.consumer === consumer)) marks.push({ consumer, id, body: '', time: '' }) }
    return marks
  }
  const land = async (unit: Unit, { checking, found, kept, at, before, tx: nth }: ReturnType<typeof plan>, landed: Landing, tell = told): Promise<Committed> => {
    if (checking.length > 0) for (const [check, nth, detail] of landed[before - 1]!.rows) checking[Number(check)]!.found(Number(nth), detail)
    if (found.stale.size + found.broken.length + found.seen.length + found.fenced.length > 0) {
      return { conflict: { stale: [...found.stale], broken: found.broken, seen: found.seen.length > 0 ? await seen([...new Set(found.seen)]) : [], fenced: found.fenced } }
    }
    const tx = nth === undefined ? 0 : Number(landed[nth]!.rows[0]![0])
    tell({
      log: [...new Map(unit.emits.map(({ channel }, i) => [`${at[i]}/${channel}`, { channel, partition: at[i]!, tx }])).values()],
      outcome: kept.size > 0, applied: unit.checkpoints.length > 0, parked: unit.parks.length + unit.unparks.length > 0,
    }, unit.emits)
    if (kept.size === 0) return { marks: unit.marks }
    return { marks: unit.marks.map((mark): Mark => { // no spreads: this is once a command
      const { outcome } = mark
      if (outcome === undefined) return mark
      const { commandId, rejection, events } = outcome, upTo = reachOf(kept.get(mark)!, tx)
      return { consumer: mark.consumer, id: mark.id, body: mark.body, time: mark.time, outcome: rejection === undefined ? { commandId, events, upTo } : { commandId, rejection, upTo } }
    }) }
  }

  /** What a constraint of a table forbids although every check held: a referenced row that is removed, or a row that somebody wrote past the locks. */
  const forbidden = ({ writes }: Unit, { code, constraint: name = '' }: Refusal): Committed | undefined => {
    const table = code === '23503' || code === '23505' ? tables.find(t => constraintsByName(t).has(name)) : undefined, constraint = table && constraintsByName(table).get(name)
    if (constraint === undefined) return undefined
    const removed = writes.filter(w => w.op === 'remove' && w.table === constraint.parent), hit = removed.length > 0 ? removed : writes.filter(w => w.table === table!.name && w.op !== 'remove')
    return hit.length === 0 ? undefined : { conflict: { stale: [], broken: hit.map(w => ({ key: keyOf(w.table, w.at), constraint: `${table!.name}.${constraint.columns.join('+')}` })), seen: [], fenced: [] } }
  }
  /** A unit that is too much for now is tried again in parts: an answer that asks for another attempt would bring all of it again. */
  const failed = (unit: Unit, e: unknown): Failure => {
    const f = failureOf(`commit ${unit.marks.length} messages`, e)
    return isCrowded(refusalOf(e)) && unit.marks.length + unit.parks.length > 1 ? { failure: f.failure, retry: false } : f
  }

  return {
    seen,
    commit: async (unit: Unit): Promise<E.Either<Failure, Committed>> => {
      if (unit.marks.length > guarantees.unitLimit) return E.left(failure(`cannot commit ${unit.marks.length} messages in one unit: expected at most ${guarantees.unitLimit} (guarantees.unitLimit)`))
      for (let n = trusts() ? 0 : 1; ; n++) {
        try {
          const planned = plan(unit, n === 0)
          return E.right(await land(unit, planned, await db.fly(planned.steps)))
        } catch (e) {
          if (isFailure(e)) return E.left(e)
          const refusal = refusalOf(e), raced = refusal.code === 'LT001' || refusal.code === '23505'
          if (raced && n === 0) lost()
          if (raced && n < tries) continue
          const conflict = forbidden(unit, refusal)
          return conflict === undefined ? E.left(failed(unit, e)) : E.right(conflict)
        }
      }
    },
    /** In a transaction of somebody else's: nothing is left to the indexes, whose errors would end it, and nobody is told before it ends. */
    inside: (guest: Guest) => async (unit: Unit): Promise<E.Either<Failure, Committed>> => {
      for (let n = 1; ; n++) {
        try {
          const planned = plan(unit, false), landed = await guest.fly(planned.locks.modes(), planned.locks.size() > 0 ? planned.steps.slice(1) : planned.steps)
          const answer = await land(unit, planned, planned.locks.size() > 0 ? [{ rows: [], count: 0 }, ...landed] : landed, () => {})
          if (answer.conflict === undefined) guest.stands()
          return E.right(answer)
        } catch (e) {
          if (isFailure(e)) return E.left(e)
          const refusal = refusalOf(e)
          if (/^(LT001|23505|40P01)$/.test(refusal.code ?? '') && n < tries) continue
          const conflict = forbidden(unit, refusal)
          return conflict === undefined ? E.left(failureOf('commit a command in the transaction of its caller', e)) : E.right(conflict)
        }
      }
    },
  }
}

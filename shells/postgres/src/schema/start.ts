import type { Failure } from '@lowtide/core'
import * as E from 'fp-ts/lib/Either.js'
import type { TaskEither } from 'fp-ts/lib/TaskEither.js'
import { type Needs, otherPartitions, tooNew, tooOld } from './changes.js'
import { describe, unreachable } from '../server/connecting.js'
import type { Access, Database } from '../server/database.js'
import { difference } from './difference.js'
import { failure, refusalOf } from '../server/failure.js'
import { type Live, looking, seen, version } from './live.js'
import { type Meta, answered, asking, moved } from './meta.js'
import { barredFromUsing } from './rights.js'
import { identifier } from '../server/statement.js'
import { newest } from './system.js'

export interface Inspected { /** What the store adds to transaction ids. */ readonly shift: number; readonly partitions: number }

const run = `run 'lowtide migrate' for this project`
const compared = (schema: string, needs: Needs, live: Live, meta: Meta): readonly string[] => {
  const numbered = tooNew(meta.number) ?? (meta.number < newest ? `expected Lowtide's schema number ${newest}, found ${meta.number}; ${run}` : undefined)
  const { changes, faults } = difference(schema, needs.tables, live, () => true)
  return [
    numbered, otherPartitions(meta.partitions, needs.options.partitions), moved(meta),
    ...changes.map(({ lack }) => lack && `${lack}; ${run}`), ...faults,
  ].filter(fault => fault !== undefined)
}

/** Whether a shell can be opened over this schema as it is: two round trips, and every fault at once. Changes nothing. */
export const inspect = (db: Database, { url }: Pick<Access, 'url'>, needs: Needs): TaskEither<Failure, Inspected> => async () => {
  const doing = `open schema '${db.schema}'`, refuse = (faults: readonly string[]) => E.left(failure([`cannot ${doing} at ${describe(url)}:`, ...faults].join('\n- ')))
  try {
    const live = await db.fly(looking(db.schema)).then(seen, async (e: unknown) => {
      if (!(refusalOf(e).code ?? '').startsWith('42')) throw e
      const [landed] = await db.fly([{ statement: version, params: [] }]), old = tooOld(Number(landed!.rows[0]![0])) // it may not even know the columns that were asked for
      if (old === undefined) throw e
      return old
    })
    const old = typeof live === 'string' ? live : tooOld(live.server)
    if (typeof live === 'string' || old !== undefined) return refuse([String(old)])
    if (!live.schema) return refuse([`expected a schema '${db.schema}', found none in this database; ${run}`])
    const barred = barredFromUsing(live, db.schema)
    if (barred !== undefined) return refuse([barred])
    if (!live.tables.has('lowtide_migrations')) return refuse([`expected Lowtide's tables in schema '${db.schema}', found none; ${run}`])
    const meta = answered(await db.fly(asking(identifier(db.schema)))), faults = compared(db.schema, needs, live, meta)
    return faults.length > 0 ? refuse(faults) : E.right({ shift: Number(meta.shift), partitions: Number(meta.partitions) })
  } catch (e) { return E.left(unreachable(url, doing, e)) }
}

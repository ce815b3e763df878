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
import type { Role } from '../roles/grants.js'
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

/** Why nobody can do anything with this schema; nothing, where Lowtide's tables can be asked. */
const unusable = (schema: string, live: Live, as: Role = 'app'): string | undefined =>
  !live.schema ? `expected a schema '${schema}', found none in this database; ${run}`
  : barredFromUsing(live, schema, as) ?? (live.tables.has('lowtide_migrations') ? undefined : `expected Lowtide's tables in schema '${schema}', found none; ${run}`)
const refusal = (doing: string, url: string, faults: readonly string[]): Failure => failure([`cannot ${doing} at ${describe(url)}:`, ...faults].join('\n- '))
/** What a statement on Lowtide's tables met, in the words of a start where the schema is the reason. */
export const troubled = async (db: Database, { url }: Pick<Access, 'url'>, doing: string, e: unknown): Promise<Failure> => {
  const { code = '' } = refusalOf(e), older = code === '42P01' ? `expected Lowtide's schema number ${newest}, found a lower one, or tables that somebody removed; ${run}` : undefined
  const why = /^(42P01|3F000|42501)$/.test(code) ? await db.fly(looking(db.schema)).then(landed => unusable(db.schema, seen(landed)) ?? older, () => undefined) : undefined
  return why === undefined ? unreachable(url, doing, e) : refusal(doing, url, [why])
}

/** Whether a shell can be opened over this schema as it is: two round trips, and every fault at once. Changes nothing. A relay touches no table of a function. */
export const inspect = (db: Database, { url }: Pick<Access, 'url'>, needs: Needs, as: Role = 'app'): TaskEither<Failure, Inspected> => async () => {
  const doing = `open schema '${db.schema}'`, refuse = (faults: readonly string[]) => E.left(refusal(doing, url, faults))
  try {
    const live = await db.fly(looking(db.schema)).then(seen, async (e: unknown) => {
      if (!(refusalOf(e).code ?? '').startsWith('42')) throw e
      const [landed] = await db.fly([{ statement: version, params: [] }]), old = tooOld(Number(landed!.rows[0]![0])) // it may not even know the columns that were asked for
      if (old === undefined) throw e
      return old
    })
    const old = typeof live === 'string' ? live : tooOld(live.server)
    if (typeof live === 'string' || old !== undefined) return refuse([String(old)])
    const why = unusable(db.schema, live, as)
    if (why !== undefined) return refuse([why])
    const meta = answered(await db.fly(asking(identifier(db.schema)))), faults = compared(db.schema, as === 'relay' ? { ...needs, tables: [] } : needs, live, meta)
    return faults.length > 0 ? refuse(faults) : E.right({ shift: Number(meta.shift), partitions: Number(meta.partitions) })
  } catch (e) { return E.left(unreachable(url, doing, e)) }
}

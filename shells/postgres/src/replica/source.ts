import type { Failure, Plan } from '@lowtide/core'
import * as E from 'fp-ts/lib/Either.js'
import { positionOf } from '../log/position.js'
import { otherPartitions, tooNew } from '../schema/changes.js'
import { answered, asking, moved } from '../schema/meta.js'
import { belongs } from '../store/copies.js'
import { describe, malformed, unreachable } from '../server/connecting.js'
import { type Access, type Database, database } from '../server/database.js'
import { failure } from '../server/failure.js'
import { identifier, statement } from '../server/statement.js'

/** Another service's log. */
export interface Source {
  /** Nothing can be written there. Where the server may be another than it was, it is asked who it is before anything is read. */
  readonly db: Database
  readonly shift: number
  /** Which log it is: the server, what is added to its ids, the schema. */
  readonly identity: string
  readonly where: string
  moved(): void
}
type Wanted = Pick<Plan, 'consumers' | 'options' | 'runtime'>
const highest = 2 ** 31 - 1

/** What the source says of itself, or why nothing can be read there. */
const asked = async (source: Database, where: string, { options }: Pick<Wanted, 'options'>): Promise<{ readonly identity: string; readonly shift: number; readonly next: bigint; readonly faults: readonly string[] }> => {
  const meta = answered(await source.fly(asking(identifier(source.schema)))), gone = moved(meta)
  return {
    identity: `${meta.here}/${meta.shift ?? 0}/${source.schema}`, shift: Number(meta.shift ?? 0), next: meta.next,
    faults: [tooNew(meta.number), otherPartitions(meta.partitions, options.partitions), gone && `${gone} (in the deployment whose log it is: ${where})`].filter(fault => fault !== undefined),
  }
}
/**
 * Why a copy cannot go on from where its consumers are: another log than the one that they have read, or the same after a restore or a failover that has lost
 * what they have handled. A checkpoint stands at a message, unless older ones have been taken from the log with it.
 */
const astray = async (db: Database, source: Database, names: readonly string[], { identity, next }: { readonly identity: string; readonly next: bigint }): Promise<string | undefined> => {
  const own = identifier(db.schema), log = `${identifier(source.schema)}.lowtide_log`, again = (consumer: string): string => `the source was restored from a backup, or lost its last transactions in a failover, so the copy may hold what is no longer so; make it anew: lowtide consumers rebuild ${consumer}`
  const [known, standing] = await db.fly([
    { statement: statement(`select consumer, identity from ${own}.lowtide_sources where consumer = any($1::text[])`), params: [names] },
    { statement: statement(`select consumer, channel, partition, tx, n from ${own}.lowtide_consumers where consumer = any($1::text[]) and tx > 0 order by 1, 2, 3`), params: [names] },
  ])
  const of = new Map(known!.rows.map(([name, value]) => [name!, value!])), other = names.find(name => (of.get(name) ?? identity) !== identity)
  if (other !== undefined) return `expected the log that '${other}' has read so far (${of.get(other)}: system identifier, shift, schema), found another (${identity}): ${again(other)}`
  const at = standing!.rows.map(([consumer, channel, partition, tx, n]) => ({ consumer: consumer!, channel: channel!, partition: Number(partition), tx: Number(tx), n: Number(n) }))
  if (at.length === 0) return undefined
  const [landed] = await source.fly([{
    statement: statement(`select u.i from unnest($1::text[], $2::smallint[], $3::bigint[], $4::int[]) with ordinality u(c, p, tx, n, i)
      where u.tx >= $5::bigint or (u.n < ${highest} and not exists (select from ${log} l where l.channel = u.c and l.partition = u.p and l.tx = u.tx and l.n = u.n) and exists (select from ${log} l where l.channel = u.c and l.partition = u.p and (l.tx, l.n) < (u.tx, u.n))) order by u.i limit 1`),
    params: [at.map(a => a.channel), at.map(a => a.partition), at.map(a => a.tx), at.map(a => a.n), String(next)],
  }]), lost = landed!.rows[0] === undefined ? undefined : at[Number(landed!.rows[0][0]) - 1]!
  return lost && `expected the message at ${lost.channel}/${lost.partition}/${positionOf(lost)}, the last that '${lost.consumer}' has handled, found none: ${again(lost.consumer)}`
}

/** Opens the log of another service for consumers whose rows and checkpoints stand in `db`. Without consumers, as for an operator, it is opened in any case. */
export const sourceOf = async (db: Database, access: Access, plan: Wanted): Promise<E.Either<Failure, Source>> => {
  const wrong = malformed(access.url)
  if (wrong !== undefined) return E.left(wrong)
  const { runtime } = plan, names = plan.consumers.filter(c => !c.broadcast).map(c => c.name), where = `schema '${access.schema}' at ${describe(access.url)}`, doing = `read the log of ${where}`
  const source = database({ ...access, readOnly: true }, text => runtime.log('warn', text))
  let suspicious = false, told: string | undefined
  try {
    const said = await asked(source, where, plan), lost = said.faults.length > 0 ? undefined : await astray(db, source, names, said), faults = [...said.faults, ...lost === undefined ? [] : [lost]]
    if (faults.length > 0) { await source.close(); return E.left(failure([`cannot ${doing}:`, ...faults].join('\n- '))) }
    for (const name of names) await db.script(belongs(identifier(db.schema), name, said.identity))
    const sure = async (): Promise<void> => {
      const now = await asked(source, where, plan), fault = now.faults[0] ?? (now.shift === said.shift ? await astray(db, source, names, now) : 'its shift has changed; start this process again')
      if (fault !== undefined && fault !== told) runtime.log('error', `[postgres] cannot ${doing}: ${told = fault}`) // an outage tells its first reason alone
      if (fault !== undefined) throw new Error(fault)
      suspicious = false
      told = undefined
    }
    return E.right({
      db: { ...source, fly: async steps => { if (suspicious) await sure(); return source.fly(steps) } }, where,
      shift: said.shift, identity: said.identity, moved: () => { suspicious = true },
    })
  } catch (e) { await source.close(); return E.left(unreachable(access.url, doing, e)) }
}

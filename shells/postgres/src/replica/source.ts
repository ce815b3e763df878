import type { Failure, Plan } from '@lowtide/core'
import * as E from 'fp-ts/lib/Either.js'
import { compare, positionOf, printOf, start as nowhere } from '../log/position.js'
import { otherPartitions, tooNew } from '../schema/changes.js'
import { answered, asking, moved } from '../schema/meta.js'
import { belongs } from '../store/copies.js'
import { describe, malformed, unreachable } from '../server/connecting.js'
import { type Access, type Database, database } from '../server/database.js'
import { failure } from '../server/failure.js'
import { identifier, statement } from '../server/statement.js'
import { type Readable, type Standing, type Witnessing, parted, readableOf, removedFrom, witnessing } from './witness.js'

/** Another service's log. */
export interface Source {
  /** Nothing can be written there. Where the server may be another than it was, it is asked who it is before anything is read. */
  readonly db: Database
  readonly shift: number
  /** Which log it is: the server, what is added to its ids, the schema. */
  readonly identity: string
  readonly where: string
  /** What of it can be seen; the newest start that was read; what stands at places now, and up to where retention has removed. */
  readonly told: Pick<Readable, 'starts' | 'removed'>
  started(start: string | null): void
  start(): string | null
  readonly witnessed: Witnessing
  removed(): ReturnType<typeof removedFrom>
  moved(): void
}
type Wanted = Pick<Plan, 'consumers' | 'options' | 'runtime'>
interface Said { readonly identity: string; readonly shift: number; readonly next: bigint; readonly readable: Readable; readonly faults: readonly string[] }

/** What the source says of itself, or why nothing can be read there. */
const asked = async (source: Database, where: string, { options }: Pick<Wanted, 'options'>): Promise<Said> => {
  const meta = answered(await source.fly(asking(identifier(source.schema)))), gone = moved(meta)
  return {
    readable: await readableOf(source),
    identity: `${meta.here}/${meta.shift ?? 0}/${source.schema}`, shift: Number(meta.shift ?? 0), next: meta.next,
    faults: [tooNew(meta.number), otherPartitions(meta.partitions, options.partitions), gone && `${gone} (in the deployment whose log it is: ${where})`].filter(fault => fault !== undefined),
  }
}
/**
 * Why a copy cannot go on from where its consumers are: another log than the one that they have read, or the same after a restore or a failover that has lost
 * what they have handled.
 */
const astray = async (db: Database, source: Database, { consumers, options }: Wanted, { identity, next, readable }: Said): Promise<{ readonly fault?: string | undefined; readonly standing: readonly Standing[]; readonly fresh: readonly Standing[] }> => {
  const named = new Map(consumers.filter(c => !c.broadcast).map(c => [c.name, new Set(c.channels.map(({ channel }) => channel))])), names = [...named.keys()]
  const own = identifier(db.schema), again = (consumer: string): string => `the source was restored from a backup, or lost its last transactions in a failover, so the copy may hold what is no longer so; make it anew: lowtide consumers rebuild ${consumer}`
  const gone = new Map((await removedFrom(source, readable)).map(r => [`${r.partition}/${r.channel}`, r])) // first: a checkpoint may move meanwhile, and what was behind it be removed
  const [known, rows] = await db.fly([
    { statement: statement(`select consumer, identity from ${own}.lowtide_sources where consumer = any($1::text[])`), params: [names] },
    { statement: statement(`select consumer, channel, partition, tx, n, print, start from ${own}.lowtide_consumers where consumer = any($1::text[]) order by 1, 2, 3`), params: [names] },
  ])
  const of = new Map(known!.rows.map(([name, value]) => [name!, value!])), other = names.find(name => (of.get(name) ?? identity) !== identity)
  const all = rows!.rows.map(([consumer, channel, partition, tx, n, print, start]): Standing & { readonly begun: boolean } => {
    const place = { tx: Number(tx), n: Number(n) }, known = printOf(print ?? null, place)
    return { consumer: consumer!, channel: channel!, partition: Number(partition), ...place, print: known || null, start: known === undefined ? null : start ?? null, begun: print === begun }
  }).filter(at => at.partition < options.partitions && named.get(at.consumer)?.has(at.channel)), standing = all.filter(at => at.tx > 0 && !at.begun)
  if (other !== undefined) return { standing, fresh: [], fault: `expected the log that '${other}' has read so far (${of.get(other)}: system identifier, shift, schema), found another (${identity}): ${again(other)}` }
  const lost = await parted(source, standing, next, readable)
  if (lost) return { standing, fresh: [], fault: `${lost.why}: ${again(lost.consumer)}` }
  const behind = all.filter(at => compare(gone.get(`${at.partition}/${at.channel}`) ?? nowhere, at) > 0)
  const old = new Set(all.flatMap(at => at.begun ? [] : [`${at.consumer}/${at.channel}`])), late = behind.find(at => old.has(`${at.consumer}/${at.channel}`))
  return { standing, fresh: behind.map(at => ({ ...at, ...gone.get(`${at.partition}/${at.channel}`)! })), fault: late && `expected that the log holds all that '${late.consumer}' has not read yet, behind ${late.channel}/${late.partition}/${positionOf(late)}, found that retention has removed up to ${positionOf(gone.get(`${late.partition}/${late.channel}`)!)}, so the copy lacks what these events told; keep events for longer there, and make it anew from what is left: lowtide consumers rebuild ${late.consumer} --partial` }
}
/** In place of a print: of a channel in which the consumer has handled nothing yet. */
const begun = 'begun'
/**
 * Consumers that have never read a channel begin behind what is gone from it, in all partitions, and not where nothing was: so who falls behind later is told
 * apart from them. As long as they have handled nothing there they begin again, behind what goes meanwhile.
 */
const beginning = (db: Database, { consumers, options, runtime }: Wanted) => {
  const own = `${identifier(db.schema)}.lowtide_consumers`, told = new Set<string>(), readers = consumers.filter(c => !c.broadcast)
  const tell = (names: readonly string[]): void => {
    for (const name of new Set(names)) if (!told.has(name)) { told.add(name); runtime.log('warn', `[postgres] '${name}' begins behind what retention has removed from the source: what these events told is not in the copy`) }
  }
  return {
    first: async (removed: Awaited<ReturnType<typeof removedFrom>>): Promise<void> => {
      const gone = new Map(removed.map(r => [`${r.partition}/${r.channel}`, r]))
      const parts = readers.flatMap(({ name, channels }) => channels.flatMap(({ channel }) => Array.from({ length: options.partitions }, (_, partition) => ({ name, channel, partition, ...(gone.get(`${partition}/${channel}`) ?? nowhere) }))))
      if (parts.length === 0) return
      const [landed] = await db.fly([{
        statement: statement(`insert into ${own} (consumer, channel, partition, tx, n, print) select u.c, u.h, u.p, u.x, u.n, '${begun}' from unnest($1::text[], $2::text[], $3::smallint[], $4::bigint[], $5::int[]) u(c, h, p, x, n)
          where not exists (select from ${own} k where k.consumer = u.c and k.channel = u.h) on conflict do nothing returning consumer, tx`),
        params: [parts.map(r => r.name), parts.map(r => r.channel), parts.map(r => r.partition), parts.map(r => r.tx), parts.map(r => r.n)],
      }])
      tell(landed!.rows.flatMap(([name, tx]) => tx === '0' ? [] : [name!]))
    },
    again: async (fresh: readonly Standing[]): Promise<void> => {
      if (fresh.length === 0) return
      await db.fly([{
        statement: statement(`update ${own} x set tx = u.x, n = u.n from unnest($1::text[], $2::text[], $3::smallint[], $4::bigint[], $5::int[]) u(c, h, p, x, n) where x.consumer = u.c and x.channel = u.h and x.partition = u.p and x.print = '${begun}'`),
        params: [fresh.map(r => r.consumer), fresh.map(r => r.channel), fresh.map(r => r.partition), fresh.map(r => r.tx), fresh.map(r => r.n)],
      }])
      tell(fresh.map(({ consumer }) => consumer))
    },
  }
}
/** What stands at places of which nothing was kept: by a version before, or because this role could not see it. */
const keep = async (db: Database, standing: readonly Standing[], witnessed: Witnessing): Promise<void> => {
  const blank = standing.filter(({ print, start }) => print === null || start === null), found = await witnessed(blank)
  if (blank.length > 0) await db.fly([{
    statement: statement(`update ${identifier(db.schema)}.lowtide_consumers x set print = u.w, start = u.s from unnest($1::text[], $2::text[], $3::smallint[], $4::bigint[], $5::int[], $6::text[], $7::text[]) u(c, h, p, x, n, w, s)
      where x.consumer = u.c and x.channel = u.h and x.partition = u.p and x.tx = u.x and x.n = u.n`),
    params: [blank.map(b => b.consumer), blank.map(b => b.channel), blank.map(b => b.partition), blank.map(b => b.tx), blank.map(b => b.n), blank.map((b, i) => positionOf(b, b.print ?? found[i]!.print ?? '')), blank.map((b, i) => b.start ?? found[i]!.start)],
  }])
}

/** Opens the log of another service for consumers whose rows and checkpoints stand in `db`. Without consumers, as for an operator, it is opened in any case. */
export const sourceOf = async (db: Database, access: Access, plan: Wanted): Promise<E.Either<Failure, Source>> => {
  const wrong = malformed(access.url)
  if (wrong !== undefined) return E.left(wrong)
  const { runtime } = plan, names = plan.consumers.filter(c => !c.broadcast).map(c => c.name), where = `schema '${access.schema}' at ${describe(access.url)}`, doing = `read the log of ${where}`
  const source = database({ ...access, readOnly: true }, text => runtime.log('warn', text))
  const { first, again } = beginning(db, plan)
  let suspicious = false, told: string | undefined, start: string | null = null
  try {
    const said = await asked(source, where, plan), looked = said.faults.length > 0 ? undefined : await astray(db, source, plan, said), faults = [...said.faults, ...looked?.fault === undefined ? [] : [looked.fault]], witnessed = witnessing(source, said.readable)
    if (faults.length > 0) { await source.close(); return E.left(failure([`cannot ${doing}:`, ...faults].join('\n- '))) }
    for (const name of names) await db.script(belongs(identifier(db.schema), name, said.identity))
    await keep(db, looked?.standing ?? [], witnessed)
    await again(looked?.fresh ?? [])
    await first(said.readable.removed ? await removedFrom(source, said.readable) : [])
    if (!said.readable.starts && names.length > 0) runtime.log('warn', `[postgres] cannot see the starts of the server in ${where}, so a backup of it that is put back may stay unnoticed where retention removes events: grant select on ${source.at('lowtide_starts')} to this role there`)
    if (!said.readable.removed && names.length > 0) runtime.log('warn', `[postgres] cannot see what retention has removed in ${where}, so events that are gone before they were read here stay unnoticed: grant select on ${source.at('lowtide_removed')} to this role there`)
    const sure = async (): Promise<void> => {
      suspicious = false // what moves while this is asked is asked again
      const fault = await (async () => {
        const now = await asked(source, where, plan)
        if (now.faults[0] !== undefined || now.shift !== said.shift) return now.faults[0] ?? 'its shift has changed; start this process again'
        const { fault, fresh } = await astray(db, source, plan, now)
        if (fault === undefined) await again(fresh)
        return fault
      })().catch((e: unknown) => { suspicious = true; throw e })
      if (fault !== undefined) suspicious = true
      if (fault !== undefined && fault !== told) runtime.log('error', `[postgres] cannot ${doing}: ${told = fault}`) // an outage tells its first reason alone
      if (fault !== undefined) throw new Error(fault)
      told = undefined
    }
    return E.right({
      db: { ...source, fly: async steps => { if (suspicious) await sure(); return source.fly(steps) } }, where,
      shift: said.shift, identity: said.identity, moved: () => { suspicious = true }, told: said.readable, removed: () => removedFrom(source, said.readable), started: newest => { start = newest }, start: () => start, witnessed,
    })
  } catch (e) { await source.close(); return E.left(unreachable(access.url, doing, e)) }
}

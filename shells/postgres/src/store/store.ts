import type { AnyTable, Failure, Runtime, Shell, Store, Unit } from '@lowtide/core'
import * as E from 'fp-ts/lib/Either.js'
import { committing } from './commit.js'
import type { Database } from '../server/database.js'
import { failure, failureOf, isFailure } from '../server/failure.js'
import { fetching } from './fetch.js'
import { type Guest, hosting } from './guest.js'
import { cursorsOf, historyOf, historyStep } from './history.js'
import type { News } from '../log/newsroom.js'
import { discardSteps, parkedOf, parkedStep, redriveStep } from './parking.js'
import type { Outbox } from '../log/outbox.js'
import { positionOf } from '../log/position.js'
import { reset } from './reset.js'
import type { Witnessing, removedFrom } from '../replica/witness.js'
import { sharedAmong } from './shared.js'
import { shadow } from './shadow.js'
import { type Shape, shapeOf } from './shape.js'
import { identifier, statement } from '../server/statement.js'

interface Storing {
  readonly db: Database; readonly shift: number; readonly partitions: number; readonly tables: readonly AnyTable[]; readonly runtime: Pick<Runtime, 'newId' | 'after' | 'random' | 'now' | 'log'>; readonly outbox?: Outbox | undefined
  /** Another database, whose log is read: `shift` is added to ids there. */
  readonly from?: { readonly db: Pick<Database, 'fly' | 'own' | 'schema'>; readonly shift: number; readonly where: string; readonly identity: string; start(): string | null; readonly witnessed: Witnessing; removed(): ReturnType<typeof removedFrom> } | undefined
  told(news: News, emits: Unit['emits']): void
  readonly watch: Store['watch']
}
type Opened = Awaited<ReturnType<ReturnType<Shell['open']>>> extends E.Either<Failure, infer O> ? O : never
type Visiting = Awaited<ReturnType<ReturnType<Within>>> extends E.Either<Failure, infer S> ? S : never
type Within = NonNullable<Opened['within']>
const parkedNews: News = { log: [], outcome: false, applied: false, parked: true }

/** What this process keeps, and `within` a transaction of somebody else's: read on connections of our own, written on his. */
export const store = ({ db, shift, partitions, tables, told, watch, runtime, outbox, from }: Storing): Store & { readonly within: Within } => {
  const schema = identifier(db.schema), known = new Map(tables.map(table => [table.name, shapeOf(table, db.at(table.name))]))
  const unknown = (name: string): Failure => failure(`cannot find table '${name}'; known: ${[...known.keys()].join(', ') || 'none'}`)
  /** An answer, or a failure of what was being done. */
  const doing = <A>(what: string, run: () => Promise<E.Either<Failure, A>>) => async (): Promise<E.Either<Failure, A>> => {
    try { return await run() } catch (e) { return E.left(isFailure(e) ? e : failureOf(what, e)) }
  }
  const over = (shapes: (table: string) => Shape, tell: Storing['told'], alone = false) => {
    const ask = fetching(shapes), { commit, seen, inside } = committing({ db, shift, partitions, outbox, shapes, tables, told: tell, start: from?.start, alone })
    const fetch: Store['fetch'] = asked => doing('look up rows', async () => {
      const { steps, answers } = ask(asked)
      return E.right(answers(steps.length === 0 ? [] : await db.fly(steps)))
    })
    return { fetch, commit, seen, inside }
  }
  const live = over(name => { const shape = known.get(name); if (shape === undefined) throw unknown(name); return shape }, told)
  const applied = statement(`select x.channel, x.partition, x.tx, x.n, (select count(*) from ${schema}.lowtide_parked p where p.consumer = $1::text) from (select null) one left join ${schema}.lowtide_consumers x on x.consumer = $1::text and x.tx > 0`)
  const host = hosting({ db, tables }), seen: Store['seen'] = asked => doing('look up what was handled', async () => E.right(asked.length === 0 ? [] : await live.seen(asked)))
  return {
    within: (transaction, over) => async () => E.map((guest: Guest): Visiting => {
      const commit = live.inside(guest)
      return { fetch: live.fetch, seen, commit: unit => () => commit(unit), end: guest.end }
    })(await host(transaction, over)),
    fetch: live.fetch, watch, seen,
    commit: unit => doing('commit', async () => from !== undefined && unit.emits.length > 0 ? E.left(failure(`cannot write to ${[...new Set(unit.emits.map(e => `'${e.channel}'`))].join(', ')}: this deployment only reads the log, of ${from.where}; run the handlers that send something in the deployment whose log it is`)) : live.commit(unit)),
    applied: consumer => doing(`see how far '${consumer}' is`, async () => {
      const [{ rows }] = await db.fly([{ statement: applied, params: [consumer] }]) as [Awaited<ReturnType<Database['fly']>>[number]]
      return E.right({ parked: Number(rows[0]![4]), upTo: rows.flatMap(([channel, partition, tx, n]) => channel === null ? [] : [{ channel: channel!, partition: partition!, position: positionOf({ tx: Number(tx), n: Number(n) }) }]) })
    }),
    ...from === undefined && { reset: ((consumer, to, how) => doing(`reset '${consumer.name}'`, () => reset(db, shift, partitions, consumer, to, how))) satisfies Store['reset'] },
    parked: filter => doing('list what is parked', async () => E.right((await db.fly([parkedStep(schema, filter)]))[0]!.rows.map(parkedOf))),
    unpark: (id, how) => doing(`${how} '${id}'`, async () => {
      const [row] = (await db.fly(how === 'redrive' ? [redriveStep(schema, id)] : discardSteps(schema, id)))[0]!.rows
      if (row === undefined) return E.left(failure(`cannot find the parked message '${id}'; it may have been handled or discarded`))
      if (how === 'redrive' && row[2] === '0') return E.left(failure(`cannot redrive '${id}': it waits behind '${row[1]}' of the key '${row[0]}'; redrive or discard that one first`))
      told(parkedNews, [])
      return E.right(undefined)
    }),
    history: (channels, after, limit) => doing('read the history', async () => {
      const cursors = cursorsOf(channels, partitions, after)
      return E.right(historyOf(cursors, (await (from?.db ?? db).fly([historyStep(identifier((from?.db ?? db).schema), from?.shift ?? shift, cursors, limit)]))[0]!))
    }),
    shadow: originals => doing('copy tables', async () => {
      const missing = originals.find(({ name }) => !known.has(name))
      const theirs = missing ? [] : await sharedAmong(db, originals)
      if (theirs.length > 0) return E.left(failure(`cannot make the tables ${theirs.join(', ')} anew: others made them, and have rows and columns there that no event has; write a table of your own by the projector, and rebuild that`))
      return missing ? E.left(unknown(missing.name)) : shadow({ db, shift, partitions, runtime, log: { db: from?.db ?? db, identity: from?.identity, witnessed: from?.witnessed, removed: from?.removed }, name: runtime.newId().replaceAll('-', '').slice(-12), originals, over: shapes => over(shapes, () => {}, true), unknown })
    }),
  }
}

import type { AnyTable, Failure } from '@lowtide/core'
import { randomUUID } from 'node:crypto'
import * as E from 'fp-ts/lib/Either.js'
import type { Client } from 'pg'
import { constraintsByName } from '../schema/declared.js'
import type { Database } from '../server/database.js'
import { failure, failureOf, refusalOf } from '../server/failure.js'
import { type Landed, type Visited, visit } from '../server/flight.js'
import { type Statement, type Step, identifier, statement } from '../server/statement.js'
import { shut } from './gate.js'
import { type Modes, taking } from './locks.js'

/** A unit's place in a transaction that its caller has begun. */
export interface Guest {
  /** Locks, then these steps, whose answers it returns. Throws what ended them. */
  fly(locks: Modes, steps: readonly Step[]): Promise<readonly Landed[]>
  /** The unit is written: it stays. */
  stands(): void
  /** Leaves the transaction as it was, but for what stands. */
  end(): Promise<E.Either<Failure, void>>
}

/** What our statements rely on: set for a while, and given back. */
const settings = ({ lockTimeout, answerTimeout }: Database['times']) => Object.entries({
  search_path: 'pg_catalog', timezone: 'UTC', datestyle: 'ISO', extra_float_digits: '1', bytea_output: 'hex', standard_conforming_strings: 'on', array_nulls: 'on',
  lock_timeout: `${Math.ceil(lockTimeout)}ms`, statement_timeout: `${Math.ceil(answerTimeout)}ms`,
})
const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`
const plain = (text: string): Step => ({ statement: statement(text), params: [] })
/** The database of this server since its start: other databases have tables of the same names. */
const here = `(select d.oid from pg_catalog.pg_database d where d.datname = pg_catalog.current_database())::text operator(pg_catalog.||) '/' operator(pg_catalog.||) extract(epoch from pg_catalog.pg_postmaster_start_time())::text`
const assigned = 'pg_catalog.pg_current_xact_id_if_assigned() is not null'

/**
 * Savepoints: `lowtide` before all of it, `lowtide_locks` behind the settings, `lowtide_writes` behind the locks. A conflict that its checks find gives all
 * locks back, for no id is assigned yet; once something may have been written, the transaction may have its id, and the locks that it had before are all that it ever has.
 */
const sql = (times: Database['times'], schema: string, tables: readonly AnyTable[]) => {
  const names = settings(times), constraints = tables.flatMap(table => [...constraintsByName(table).values()])
  const setting = (kind: string, when: string): readonly Step[] => {
    const all = constraints.filter(c => c.kind === kind).map(({ name }) => `${identifier(schema)}.${identifier(name)}`)
    return all.length === 0 ? [] : [plain(`set constraints ${all.join(', ')} ${when}`)]
  }
  const entered = statement(`select pg_catalog.set_config('lowtide.guest', $1::text, true)`)
  const spoiling = statement(`select ${identifier(schema)}.lowtide_must(pg_catalog.current_setting('lowtide.guest', true) is distinct from $1::text, 'the transaction of a command')`)
  return {
    /** A transaction has the token of its guest until it ends, however that happens. */
    begin: (token: string): readonly Step[] => [
      { statement: entered, params: [token] },
      plain('savepoint lowtide'),
      plain(`select ${assigned}, pg_catalog.current_setting('transaction_isolation'), pg_catalog.current_setting('transaction_read_only'), ${here}, pg_catalog.set_config('lowtide.before', pg_catalog.json_build_object(${names.map(([name]) => `'${name}', pg_catalog.current_setting('${name}')`).join(', ')})::text, true)`),
      plain(`select ${names.map(([name, value]) => `pg_catalog.set_config('${name}', ${quoted(value)}, true)`).join(', ')}`),
      ...setting('unique', 'immediate'), ...setting('reference', 'deferred'), plain('savepoint lowtide_locks'),
    ],
    /** Whoever wrote meanwhile shuts the gate. */
    unlocked: plain('rollback to savepoint lowtide_locks'), idless: plain(`select ${shut} where ${assigned}`), locked: plain('savepoint lowtide_writes'), rewritten: plain('rollback to savepoint lowtide_writes'),
    /** What is checked late is checked now: the caller's commit shall not fail of it. */
    check: [...setting('reference', 'immediate'), ...setting('reference', 'deferred')],
    keep: [plain(`select pg_catalog.set_config('lowtide.gate', '', true), ${names.map(([name]) => `pg_catalog.set_config('${name}', x.b operator(pg_catalog.->>) '${name}', true)`).join(', ')}, pg_catalog.set_config('lowtide.before', '', true) from (select pg_catalog.current_setting('lowtide.before')::json) x(b)`), plain('release savepoint lowtide')],
    undo: [plain('rollback to savepoint lowtide'), plain('release savepoint lowtide'), plain(`select ${assigned}`)],
    /** No commit may stand any more. */
    spoil: (token: string): Step => ({ statement: spoiling, params: [token] }),
  }
}
/** Those on which a command is under way, of whichever deployment: settings and savepoints have the same names. */
const busy = new WeakSet<Client>()
const isClient = (value: unknown): value is Client => {
  const { connection } = (typeof value === 'object' && value !== null ? value : {}) as { readonly connection?: { readonly sync?: unknown; readonly parse?: unknown } | null }
  return typeof connection?.sync === 'function' && typeof connection.parse === 'function'
}
/** Savepoints are told apart from what the caller did in between. */
const ended = /^(25P01|3B001)$/
const unusable = (e: Error): Failure | undefined => ({
  '25P01': failure('cannot handle a command in this transaction: expected one that is open on this connection, found none; begin it first'),
  '25P02': failure('cannot handle a command in this transaction: expected one that goes on, found one that an error has ended; roll it back'),
} as { readonly [code: string]: Failure })[refusalOf(e).code ?? '']

export interface Hosting { readonly db: Pick<Database, 'fly' | 'schema' | 'times'>; readonly tables: readonly AnyTable[] }
export const hosting = ({ db, tables }: Hosting) => {
  const { begin, unlocked, idless, locked, rewritten, check, keep, undo, spoil } = sql(db.times, db.schema, tables), asked: Statement = statement(`select ${here}`)
  let home: string | undefined
  const homeOf = async (found: string): Promise<string> => home === found ? home : home = (await db.fly([{ statement: asked, params: [] }]))[0]!.rows[0]![0]!
  const wrong = async ([id, isolation, readOnly, place]: readonly (string | null)[]): Promise<string | undefined> =>
    id === 't' ? `expected one without an id, found that it has one: it has written, locked rows, or handled a command; send the command before all of that, one in a transaction (a key's order in the log rests on ids that are given after its locks are taken)`
    : isolation !== 'read committed' ? `expected isolation 'read committed', found '${isolation}', in which no check sees what was committed meanwhile; begin it with: begin isolation level read committed`
    : readOnly === 'on' ? `expected one that may write, found a read only one`
    : await homeOf(place!) !== place ? `expected a connection to the database of this deployment, found another database or server` : undefined

  return async (transaction: unknown, over: (leave: () => void) => void): Promise<E.Either<Failure, Guest>> => {
    if (!isClient(transaction)) return E.left(failure(`cannot handle a command in this transaction: expected a client of 'pg' on which it was begun (of a pool: what connect() gives), found something else`))
    const client = transaction, token = randomUUID()
    if (busy.has(client)) return E.left(failure(`cannot handle a command in this transaction: expected one command at a time on a client, found one under way on this one; wait for its answer, and send the other in another transaction`))
    busy.add(client)
    let gone = false
    const go = (): void => { if (!gone) { gone = true; busy.delete(client) } }
    /** Not once its caller was told that its time is over: the connection may carry another transaction by then. */
    const visited = (steps: readonly Step[]): Promise<Visited> => gone ? Promise.resolve({ landed: [], error: new Error('its caller waits no more') }) : visit(client, steps)
    /** Behind all that was sent, and before all that the caller sends once he knows. */
    over(() => { if (!gone) { go(); void visit(client, [spoil(token)]) } })
    const { landed, error } = await visit(client, begin(token))
    const leave = async (): Promise<void> => { await visited(undo); go() }
    const doing = 'handle a command in the transaction of its caller', found = landed[2]?.rows[0]
    if (landed.length <= 1 && error) { go(); return E.left(unusable(error) ?? failureOf(doing, error)) }
    try {
      const why = found && await wrong(found) // elsewhere it may not even know our tables
      if (why !== undefined || error) { await leave(); return E.left(why === undefined ? failureOf(doing, error) : failure(`cannot handle a command in this transaction: ${why}`)) }
    } catch (e) { await leave(); return E.left(failureOf(doing, e)) }

    /** `kept`: what the caller wrote while a command was handled stands; `lost`: it was rolled back with the unit, and so must be all of it. */
    let held: Modes | undefined, stood = false, again = false, meanwhile: 'kept' | 'lost' | undefined
    return E.right({
      fly: async (locks, steps) => {
        const more = held && [...locks].find(([hash, exclusive]) => !held!.has(hash) || (exclusive && !held!.get(hash)))
        if (more) throw { failure: `[postgres] cannot decide the command again in this transaction: others have changed what it read, and another decision needs other locks, which must come before its id; roll it back and begin again`, retry: true, unavailable: true } satisfies Failure
        const first = again ? [unlocked, idless] : [idless], before = held ? [rewritten] : [...first, ...locks.size > 0 ? [taking(locks)] : [], locked]
        const { landed: found, error: e } = await visited([...before, ...steps, ...check])
        if (!held && (found[first.length - 1]?.rows.length ?? 0) > 0) {
          meanwhile = again || e ? 'lost' : 'kept'
          throw failure(`cannot commit a command in the transaction of its caller: it was given an id meanwhile; wait for the answer before you write${meanwhile === 'lost' ? ', and roll it back' : ''}`)
        }
        again = true
        if (e && found.length >= before.length) held ??= locks // its writes may have begun
        if (e && ended.test(refusalOf(e).code ?? '')) throw failure('cannot commit a command in the transaction of its caller: it was ended meanwhile; wait for the answer first')
        if (e) throw e
        return found.slice(before.length, before.length + steps.length)
      },
      stands: () => { stood = true },
      end: async () => {
        try {
          const { landed: left, error: e } = await visited(meanwhile === 'lost' ? [spoil(token)] : stood || meanwhile === 'kept' ? keep : undo)
          if (meanwhile === 'lost') return E.right(undefined)
          if (e) { const f = failureOf('leave the transaction of a command', e); return E.left({ ...f, failure: `${f.failure}; roll it back` }) }
          if (stood || meanwhile || held || left.at(-1)!.rows[0]![0] !== 't') return E.right(undefined)
          await visited([spoil(token)])
          return E.left(failure('cannot leave the transaction of a command: it was written to meanwhile, and that is rolled back with the command; roll back all of it, and wait for the answer before you write'))
        } finally { go() }
      },
    })
  }
}

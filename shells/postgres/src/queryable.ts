import type { Failure } from '@lowtide/core'
import * as E from 'fp-ts/lib/Either.js'
import type { TaskEither } from 'fp-ts/lib/TaskEither.js'
import pg from 'pg'
import { malformed, secretless, unreachable } from './server/connecting.js'
import { failure, failureOf, refusalOf } from './server/failure.js'

export interface QueryableOptions {
  /** `postgres://user:password@host:port/database`; a role that may only read is one door more. */
  readonly url: string
  /** Connections at most; who needs one more waits. Default 2. */
  readonly connections?: number
  /** Milliseconds after which a statement is given up, and a connection that does not answer; default 30,000. */
  readonly answerTimeout?: number
}
/** What answers SQL that only reads. */
export interface Queryable { query<R extends object = { readonly [column: string]: unknown }>(text: string, values?: readonly unknown[]): TaskEither<Failure, R[]> }
/** A query is a transaction of its own. */
export interface Queries extends Queryable {
  /** Several in one transaction: all of them see the same rows. */
  together<A>(run: (db: Queryable) => TaskEither<Failure, A>): TaskEither<Failure, A>
  /** Safe twice. Not needed where the process ends: connections that nobody uses keep it from nothing. */
  close(): Promise<void>
}

/**
 * SQL of your own, for a port that reads: on connections apart from those of the shell, so that a slow report holds up no unit. The server refuses what writes.
 *
 * @example
 * const reading = queryable({ url })
 * ports: { stock: { ask: ({ sku }) => reading.query<{ pieces: number }>('select pieces from stock where sku = $1', [sku]) } }
 */
export const queryable = ({ url, connections = 2, answerTimeout = 30_000 }: QueryableOptions): Queries => {
  const wrong = malformed(url), timeout = Math.ceil(answerTimeout), doing = 'ask by SQL of your own'
  const pool = wrong ? undefined : new pg.Pool({ connectionString: url, max: connections, application_name: 'lowtide queries', keepAlive: true, connectionTimeoutMillis: timeout, allowExitOnIdle: true }), ready = new WeakSet<pg.PoolClient>()
  pool?.on('error', () => {}).on('connect', client => { client.on('error', () => {}) }) // whoever uses it next hears of it
  let closing: Promise<void> | undefined
  const refused = (e: unknown): Failure => {
    const { code } = refusalOf(e)
    if (code === '25006') return failure(`cannot ${doing}: expected a query that only reads, found one that writes; what changes rows is an event`)
    if (code === '57014') return { failure: `[postgres] cannot ${doing}: no answer within ${answerTimeout} ms`, retry: true }
    const found = failureOf(doing, e)
    return { ...found, failure: secretless(url, found.failure) }
  }
  const together: Queries['together'] = run => async () => {
    if (pool === undefined) return E.left(wrong!)
    if (closing) return E.left(failure(`cannot ${doing}: it is closed`))
    let client: pg.PoolClient
    try { client = await pool.connect() } catch (e) { return E.left(unreachable(url, doing, e)) }
    let broken = true, timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => { timer = setTimeout(() => reject(new Error(`no answer within ${answerTimeout} ms`)), timeout + 1_000) })
    try {
      const asked = async () => {
        if (!ready.has(client)) await client.query(`set default_transaction_read_only = on; set statement_timeout = ${timeout}; set idle_in_transaction_session_timeout = ${timeout}`) // read only also if somebody ends the transaction
        ready.add(client)
        await client.query('begin isolation level repeatable read, read only')
        const answer = await run({
          // extended: a text of several statements is refused
          query: <R extends object>(text: string, values: readonly unknown[] = []) => async () => {
            try { return E.right((await client.query<R>({ text, values: [...values], queryMode: 'extended' } as pg.QueryConfig)).rows) } catch (e) { return E.left(refused(e)) }
          },
        })()
        await client.query('rollback')
        return answer
      }
      const answer = await Promise.race([asked(), late])
      broken = false
      return answer
    } catch (e) { return E.left(refused(e)) } finally {
      clearTimeout(timer)
      client.release(broken)
    }
  }
  return {
    together, query: (text, values) => together(({ query }) => query(text, values)),
    close: () => closing ??= pool ? pool.end() : Promise.resolve(),
  }
}

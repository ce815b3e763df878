import pg from 'pg'
import { redacted, refusalOf } from './failure.js'
import { type Landed, fly, isSpoiled } from './flight.js'
import { type Step, identifier } from './statement.js'

export interface Access {
  /** Nothing can be written there: another service's database. */
  readonly readOnly?: boolean
  /** `postgres://user:password@host:port/database`, with the parameters that `pg` knows (`sslmode=…`). */
  readonly url: string
  /** Where Lowtide's tables and those of the functions stand; default `lowtide`. */
  readonly schema: string
  /** Connections at most; who needs one more waits. */
  readonly connections: number
  /** Milliseconds for which a statement waits for a lock. */
  readonly lockTimeout: number
  /** Milliseconds after which a round trip is given up, its connection with it. */
  readonly answerTimeout: number
}
/** The database as this process uses it: statements in one round trip and one transaction. */
export interface Database {
  /** The name of a table, ready to stand in a statement. */
  at(table: string): string
  readonly schema: string
  /** How long it waits. */
  readonly times: Pick<Access, 'lockTimeout' | 'answerTimeout'>
  /** Rejects with the server's error, or with that of the connection. */
  fly(steps: readonly Step[]): Promise<readonly Landed[]>
  /** For plain SQL of several statements, without parameters, in one transaction, for as long as it takes: copies of tables. */
  script(text: string): Promise<void>
  /** A connection of its own, as for LISTEN; it does not count among the others. */
  own(): Promise<pg.Client>
  close(): Promise<void>
}

/**
 * Set where they matter, for each connection. A named statement that was first planned on an empty table keeps its sequential scan, and a plan made
 * anew each time costs 100 us: one plan for good, that goes through indexes (measured: 5,249 commands a second and falling, against 31,311).
 */
const settings = ({ lockTimeout, answerTimeout, readOnly = false }: Access): string => [
  `set plan_cache_mode = force_generic_plan`, `set enable_seqscan = off`, `set enable_hashjoin = off`, `set enable_mergejoin = off`, `set jit = off`,
  `set default_transaction_isolation = 'read committed'`, `set default_transaction_read_only = ${readOnly ? 'on' : 'off'}`, `set timezone = 'UTC'`, `set datestyle = 'ISO'`, `set extra_float_digits = 1`, `set bytea_output = 'hex'`,
  `set search_path = pg_catalog`, `set client_min_messages = warning`, `set standard_conforming_strings = on`,
  `set lock_timeout = ${Math.ceil(lockTimeout)}`, `set statement_timeout = ${Math.ceil(answerTimeout)}`, `set idle_in_transaction_session_timeout = ${Math.ceil(answerTimeout)}`,
].join('; ')

/** A process that stops in the middle of sending holds its locks no longer than this; servers before 17 have no such limit. */
export const bounded = (ms: number, local: boolean): string => `select set_config('transaction_timeout', '${Math.ceil(ms)}', ${local}) where current_setting('server_version_num')::int >= 170000`

/** Statements that a connection had prepared are gone, stand already, or answer with other columns since a migration: another connection has none of that. */
const outdated = (e: unknown): boolean => ['26000', '42P05', '0A000'].includes(refusalOf(e).code ?? '')

export const database = (access: Access, log: (text: string) => void): Database => {
  const { url, schema, connections, answerTimeout } = access, ready = new WeakSet<pg.ClientBase>(), session = settings(access)
  const shared = { connectionString: url, application_name: 'lowtide', keepAlive: true, connectionTimeoutMillis: answerTimeout }
  const pool = new pg.Pool({ ...shared, max: connections })
  pool.on('connect', client => { client.on('error', () => {}) }) // one that is ended while it is out, between two statements, would end the process too
  pool.on('error', e => log(`[postgres] an idle connection broke: ${redacted(e.message)}`)) // nobody listens: the process would end
  let closing: Promise<void> | undefined

  const begin = async (client: pg.ClientBase): Promise<void> => {
    if (ready.has(client)) return
    await client.query(`${session}; ${bounded(answerTimeout, false)}`)
    ready.add(client)
  }
  /** Gives the connection back only where it is known to be idle: in doubt it is closed. */
  const within = async <A>(run: (client: pg.PoolClient) => Promise<A>, patience = answerTimeout + 1_000): Promise<A> => {
    const client = await pool.connect()
    let timer: NodeJS.Timeout | undefined, broken = false
    const late = new Promise<never>((_, reject) => {
      if (patience !== Infinity) timer = setTimeout(() => { broken = true; reject(new Error(`no answer within ${answerTimeout} ms`)) }, patience)
    })
    try {
      return await Promise.race([begin(client).then(() => run(client)), late])
    } catch (e) {
      broken ||= refusalOf(e).severity !== 'ERROR' || isSpoiled(client as pg.PoolClient & pg.Client) || outdated(e)
      throw e
    } finally {
      clearTimeout(timer)
      client.release(broken)
    }
  }
  return {
    schema, times: access, at: table => `${identifier(schema)}.${identifier(table)}`,
    fly: async steps => {
      for (let n = 0; ; n++) {
        try { return await within(client => fly(client as pg.PoolClient & pg.Client, steps)) } catch (e) { if (n > connections || !outdated(e)) throw e } // nothing of it stands
      }
    },
    script: text => within(async client => {
      try { await client.query(`begin; set local statement_timeout = 0; ${bounded(0, true)}; ${text}; commit`) } catch (e) { await client.query('rollback').catch(() => {}); throw e }
    }, Infinity),
    own: async () => {
      const client = new pg.Client(shared)
      client.on('error', () => {}) // its user hears of the end
      try { await client.connect(); await client.query(session) } catch (e) { await client.end().catch(() => {}); throw e }
      return client
    },
    close: () => closing ??= pool.end(),
  }
}

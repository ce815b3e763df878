import type { Shell } from '@lowtide/core'
import * as E from 'fp-ts/lib/Either.js'
import { type Access, database } from './server/database.js'
import { guarantees } from './guarantees.js'
import { newsroom } from './log/newsroom.js'
import { inspect } from './schema/start.js'
import { store } from './store/store.js'
import { transport } from './log/transport.js'
import { verbs } from './schema/verbs.js'

export { guarantees }
/** Times, buffers and the number of partitions are core's options; these are the shell's own. */
export interface PostgresOptions {
  /** `postgres://user:password@host:port/database`, with the parameters that `pg` knows (`sslmode=…`). */
  readonly url: string
  /** Where Lowtide's tables and those of the functions stand; default `lowtide`. */
  readonly schema?: string
  /** Connections at most, and two more: one listens, one keeps the leases. Who needs one waits for it. Default 10. */
  readonly connections?: number
  /** Milliseconds for which a statement waits for a lock before its unit is tried again in parts; default 5,000. */
  readonly lockTimeout?: number
  /** Milliseconds after which a round trip is given up, and its connection with it; default 30,000. */
  readonly answerTimeout?: number
  /** Deliveries in a batch, at most, and never more than the option `buffer`; default 500. */
  readonly batch?: number
}

/**
 * Runs on a Postgres database, version 14 or later, and on nothing else: rows, events, outcomes and checkpoints change in one transaction, and
 * channels are read from the log of it. Any number of processes share a database.
 *
 * @example deployment({ functions: [functions], shell: postgres({ url: process.env.DATABASE_URL }), … })
 */
export const postgres = ({ url, schema = 'lowtide', connections = 10, lockTimeout = 5_000, answerTimeout = 30_000, batch = 500 }: PostgresOptions): Shell => {
  const access: Access = { url, schema, connections, lockTimeout, answerTimeout }
  return {
    name: 'postgres', guarantees, verbs: verbs(access), abreast: 3, // while one waits for the server, this process decides another: a quarter to a half more commands a second than one by one
    open: ({ tables, runtime, options }) => async () => {
      const db = database(access, text => runtime.log('warn', text)), inspected = await inspect(db, access, { tables, options })()
      if (E.isLeft(inspected)) { await db.close(); return inspected }
      const keeper = database({ ...access, connections: 1 }, text => runtime.log('warn', text))
      const { shift, partitions } = inspected.right, news = newsroom({ db, runtime, options }), log = transport({ db, keeper, runtime, options, newsroom: news, shift, partitions, batch })
      let closing: Promise<void> | undefined
      const kept = store({ db, shift, partitions, tables, runtime, watch: news.watch, told: (said, emits) => { news.tell(said); for (const { channel } of emits) log.wrote(channel, 1) } })
      return E.right({
        transport: log, store: kept, within: kept.within,
        drain: () => Promise.resolve(), // all of it is on disk: another process goes on
        close: () => closing ??= log.close().then(() => news.close()).then(() => Promise.all([keeper.close(), db.close()])).then(() => {}),
      })
    },
  }
}

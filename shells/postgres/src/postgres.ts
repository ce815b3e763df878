import type { AnyPort, Channel, Failure, Shell } from '@lowtide/core'
import * as E from 'fp-ts/lib/Either.js'
import { type Access, database } from './server/database.js'
import { guarantees } from './guarantees.js'
import { newsroom } from './log/newsroom.js'
import { outboxOf } from './log/outbox.js'
import { scheduled } from './retention/schedule.js'
import { type RetentionOptions, termsOf, wrongTerms } from './retention/terms.js'
import { inspect } from './schema/start.js'
import { failure } from './server/failure.js'
import { sourceOf } from './replica/source.js'
import { store } from './store/store.js'
import { transport } from './log/transport.js'
import { roleOf } from './roles/grants.js'
import { verbs } from './schema/verbs.js'

export { guarantees }
export type { RetentionOptions }
/** Times, buffers and the number of partitions are core's options; these are the shell's own. */
export interface PostgresOptions {
  /** `postgres://user:password@host:port/database`, with the parameters that `pg` knows (`sslmode=…`). */
  readonly url: string
  /** Where Lowtide's tables and those of the functions stand; default `lowtide`. */
  readonly schema?: string
  /**
   * The log of another deployment, which this one reads and never writes: a replica. Rows, checkpoints and what is parked stand in the database of `url`, each unit in one transaction there. Only
   * handlers that send nothing can run here (projectors), and queries. `schema`: that of the other deployment, default `lowtide`. Its role needs no more than to select there.
   */
  readonly from?: { readonly url: string; readonly schema?: string }
  /** Connections at most, and two more: one listens, one keeps the leases. Who needs one waits for it. Default 10. */
  readonly connections?: number
  /** Milliseconds for which a statement waits for a lock before its unit is tried again in parts; default 5,000. */
  readonly lockTimeout?: number
  /** Milliseconds after which a round trip is given up, and its connection with it; default 30,000. */
  readonly answerTimeout?: number
  /** Deliveries in a batch, at most, and never more than the option `buffer`; default 500. */
  readonly batch?: number
  /** What is removed when it is old, and how often somebody looks; see `RetentionOptions`. */
  readonly retention?: RetentionOptions
  /** Channels, and ports by their effects, that leave the database: what is emitted to them waits in `lowtide_outbox` as well, for a relay or for Debezium. Default: none. */
  readonly outbox?: readonly (Channel | AnyPort)[]
}
/** A port leaves by the channel of its effects. */
const nameOf = (leaving: Channel | AnyPort): string => 'channel' in leaving ? leaving.channel : leaving.message?.channel.channel ?? `effect-${leaving.port}`

/**
 * Runs on a Postgres database, version 14 or later, and on nothing else: rows, events, outcomes and checkpoints change in one transaction, and
 * channels are read from the log of it. Any number of processes share a database.
 *
 * @example deployment({ functions: [functions], shell: postgres({ url: process.env.DATABASE_URL }), … })
 */
export const postgres = ({ url, schema = 'lowtide', from, connections = 10, lockTimeout = 5_000, answerTimeout = 30_000, batch = 500, retention = {}, outbox: leaving = [] }: PostgresOptions): Shell => {
  const access: Access = { url, schema, connections, lockTimeout, answerTimeout }, there = from && { ...access, url: from.url, schema: from.schema ?? 'lowtide' }, channels = new Set(leaving.map(nameOf))
  return {
    name: 'postgres', guarantees, verbs: verbs(access, retention, there), outbox: [...channels], abreast: 3, // while one waits for the server, this process decides another: a quarter to a half more commands a second than one by one
    open: plan => async () => {
      const { tables, consumers, runtime, options } = plan, wrong = wrongTerms(retention, plan)
      if (wrong.length > 0) return E.left(failure(`cannot open schema '${schema}': ${wrong.join('; ')}`))
      const leaves = [...channels, ...consumers.filter(c => c.outbox).map(c => c.name)]
      if (there !== undefined && leaves.length > 0) return E.left(failure(`cannot open schema '${schema}': expected no outbox and no relay in a deployment that only reads a log (from), found ${leaves.join(', ')}; name them in the deployment that writes it`))
      const warn = (text: string): void => runtime.log('warn', text), db = database(access, warn), as = there === undefined ? roleOf(plan) : 'copy', inspected = await inspect(db, access, { tables, options }, as)()
      const read = E.isRight(inspected) && there !== undefined ? await sourceOf(db, there, { consumers, options, runtime }) : E.right(undefined)
      if (E.isLeft(inspected) || E.isLeft(read)) { await db.close(); return E.isLeft(inspected) ? inspected : read as E.Left<Failure> }
      const keeper = database({ ...access, connections: 1 }, warn), source = read.right
      const { shift, partitions } = inspected.right, relays = new Set(consumers.filter(c => c.outbox).map(c => c.name)), outbox = channels.size + relays.size > 0 ? outboxOf(db, shift, channels, relays) : undefined
      const news = newsroom({ db, runtime, options }), hints = source && newsroom({ db: source.db, runtime, options })
      const log = transport({ db, keeper, runtime, options, newsroom: news, shift, partitions, batch, outbox, from: source && hints && { ...source, newsroom: hints } })
      const cleaning = scheduled({ db, shift, terms: termsOf(as === 'relay' ? { ...retention, every: false } : retention, options), plan, source: source?.db })
      let closing: Promise<void> | undefined
      const kept = store({ db, shift, partitions, tables, runtime, outbox, from: source, watch: news.watch, told: (said, emits) => { news.tell(said); for (const { channel } of emits) log.wrote(channel, 1) } })
      return E.right({
        transport: log, store: kept, ...(source === undefined && { within: kept.within }), // a replica sends nothing
        drain: () => Promise.resolve(), // all of it is on disk: another process goes on
        close: () => closing ??= cleaning.close().then(() => log.close()).then(() => Promise.all([news.close(), hints?.close()])).then(() => Promise.all([keeper.close(), db.close(), source?.db.close()])).then(() => {}),
      })
    },
  }
}

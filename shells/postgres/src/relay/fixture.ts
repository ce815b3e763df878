import { type Emit, type Failure, type Options, defaults } from '@lowtide/core'
import { type Observe, type Relay, deployment, relay, relayed, run } from '@lowtide/run'
import { freshDatabase } from '@lowtide/servers'
import { right } from '@lowtide/testing'
import * as TE from 'fp-ts/lib/TaskEither.js'
import pg from 'pg'
import { type RetentionOptions, postgres } from '../postgres.js'
import { migrate } from '../schema/migrate.js'
import { database } from '../server/database.js'
import { bell, leaving, note, ring } from './functions/fixture.js'

// Processes on a database of their own that have something to tell the outside; all that a test starts ends with it.

export const options = { lease: 700, poll: 50, backoffBase: 10, backoffCap: 100, partitions: 4, timeout: 20_000 }
export interface Told { readonly url: string; readonly relays?: readonly Relay[]; readonly options?: Partial<Options>; readonly retention?: RetentionOptions }
export const deployedOf = ({ url, relays = [], options: more, retention = {} }: Told) => deployment({
  name: 'relaying', functions: [{ note, ring }], shell: postgres({ url, connections: 4, outbox: [leaving, bell], retention }), processes: { worker: [note, ring], relay: relays }, ports: { bell: relayed }, options: { ...options, ...more },
})
/** Commands alone, relays alone, or both. */
export const appOf = ({ process, observe, ...told }: Told & { readonly process?: 'worker' | 'relay'; readonly observe?: Observe }) => run(deployedOf(told), { only: process, signals: false, ...(observe && { observe }) })
export type RelayingApp = Awaited<ReturnType<typeof appOf>>

/** What the outside got, and what it answers; undefined: it takes all. */
export const outside = (name = 'out') => {
  const got: Emit[] = [], calls: (readonly Emit[])[] = []
  let answer = (_messages: readonly Emit[]): Failure | undefined => undefined
  return {
    got, calls, answers: (how: typeof answer): void => { answer = how },
    /** `slow`: milliseconds for a call. */
    relay: (channels: Relay['channels'] = [leaving], batch?: number, slow = 0) => relay({
      name, channels, ...(batch !== undefined && { batch }),
      publish: messages => async () => {
        calls.push(messages)
        await new Promise(resolve => { setTimeout(resolve, slow) })
        const failed = answer(messages)
        if (failed === undefined) got.push(...messages)
        return failed === undefined ? TE.right(undefined)() : TE.left(failed)()
      },
    }),
    of: (key: string): readonly unknown[] => got.filter(({ message }) => message.subject === key).map(({ message }) => (message.data as { readonly n: number }).n),
  }
}
export const bellChannel = bell.message!.channel

export interface Place {
  readonly url: string
  sql(text: string, values?: readonly unknown[]): Promise<readonly { readonly [column: string]: unknown }[]>
  app(told?: Omit<Parameters<typeof appOf>[0], 'url'>): Promise<RelayingApp>
}
export const inPlace = (server: () => string, test: (place: Place) => Promise<void>) => async (): Promise<void> => {
  const fresh = await freshDatabase(server()), { url } = fresh, apps: RelayingApp[] = [], pool = new pg.Pool({ connectionString: url, max: 2 })
  pool.on('error', () => {})
  try {
    const access = { url, schema: 'lowtide', connections: 1, lockTimeout: 5_000, answerTimeout: 20_000 }, db = database(access, () => {})
    try { await right(migrate(db, access, { tables: [], options: { ...defaults, ...options } })) } finally { await db.close() }
    await test({
      url, sql: async (text, values = []) => (await pool.query<{ readonly [column: string]: unknown }>(text, [...values])).rows,
      app: async told => { const app = await appOf({ url, ...told }); apps.push(app); return app },
    })
  } finally {
    for (const app of apps) await app.close()
    await pool.end()
    await fresh.drop()
  }
}

import { createHash } from 'node:crypto'
import type { Options, Runtime } from '@lowtide/core'
import type { Database } from '../server/database.js'
import { atMost, outage } from './outage.js'
import { statement } from '../server/statement.js'

export interface Hinting { readonly db: Pick<Database, 'fly' | 'own' | 'schema'>; readonly runtime: Runtime; readonly options: Options }
/** The name under which the processes of a schema hear of each other. */
const nameOf = (schema: string): string => `lowtide_${createHash('sha256').update(schema).digest('hex').slice(0, 16)}`
const notify = statement('select pg_notify($1::text, $2::text)')
/** Milliseconds from one NOTIFY of a process to its next: a commit with one takes a lock that all of them share. */
const pause = 10

/**
 * Tells other processes, in a transaction of its own: inside the one that writes, commits came to 0.28 of their number. At once where nothing was
 * told of late; what comes in between is told together. A hint: one that fails is not repeated.
 */
export const teller = ({ db, runtime, options }: Hinting, text: () => string | undefined) => {
  const name = nameOf(db.schema)
  let asked = false, sending: Promise<void> | undefined, stop: (() => void) | undefined, last = Number.NEGATIVE_INFINITY, closed = false
  const send = (): void => {
    stop = undefined
    asked = false
    const payload = text()
    if (payload === undefined) return
    last = runtime.now()
    sending = db.fly([{ statement: notify, params: [name, payload] }]).then(() => {}, () => {}).then(() => {
      sending = undefined
      if (asked) plan()
    })
  }
  const plan = (): void => {
    if (stop !== undefined || sending !== undefined || closed) return
    const wait = last + pause - runtime.now()
    if (wait > 0 && wait <= pause) { stop = runtime.after(wait, send); return }
    stop = () => {}
    runtime.soon(() => { if (stop !== undefined) send() })
  }
  return {
    ask: (): void => { asked = true; plan() },
    /** What is still to be told is told now. */
    close: async (): Promise<void> => {
      if (closed) return
      closed = true
      stop?.()
      await atMost(runtime, options.grace, (async () => { await sending; send(); await sending })())
    },
  }
}

/** Hears what other processes tell, on a connection of its own, which is made again when it breaks: `begun` each time, for what was told meanwhile is lost. */
export const hearer = ({ db, runtime, options }: Hinting, on: { heard(text: string): void; begun(): void; /** Another session, or none. */ changed(): void }) => {
  const trouble = outage(runtime, options, 'listen for news'), listen = `listen "${nameOf(db.schema)}"`
  let client: Awaited<ReturnType<Database['own']>> | undefined, stop: (() => void) | undefined, session: number | undefined, closed = false, opened = false
  const again = (e: unknown): void => {
    if (closed || stop !== undefined) return
    client = undefined
    if (session !== undefined) { session = undefined; on.changed() }
    stop = runtime.after(trouble.failed(e), () => { stop = undefined; void begin() })
  }
  const begin = async (): Promise<void> => {
    try {
      const mine = await db.own()
      if (closed) { await mine.end(); return }
      client = mine
      mine.on('notification', ({ payload }) => { if (!closed && payload !== undefined) on.heard(payload) })
      mine.on('end', () => { if (client === mine) again(new Error('the connection ended')) })
      const { rows: [own] } = await mine.query<{ readonly pid: number }>('select pg_backend_pid() as pid')
      await mine.query(listen)
      if (closed || client !== mine) return
      session = own?.pid
      trouble.over()
      on.begun()
      on.changed()
    } catch (e) {
      client?.end().catch(() => {})
      again(e)
    }
  }
  return {
    session: (): number | undefined => session,
    open: (): void => { if (!opened && !closed) { opened = true; void begin() } },
    close: async (): Promise<void> => {
      closed = true
      stop?.()
      const mine = client
      client = undefined
      if (mine !== undefined) await atMost(runtime, options.grace, mine.end())
    },
  }
}

import { Client } from 'pg'
import { messageOf } from './fault.js'
import { readLock } from './lock.js'

/** Runs statements on a connection of their own. @param limit milliseconds to connect */
export const ask = async (url: string, statements: readonly string[], limit = 10_000): Promise<void> => {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: limit })
  client.on('error', () => {})
  try {
    await client.connect()
    for (const statement of statements) await client.query(statement)
  } finally { await client.end().catch(() => {}) }
}

export const answers = (url: string): Promise<boolean> => ask(url, ['select 1'], 2_000).then(() => true, () => false)

const pause = (): Promise<void> => new Promise(resume => { setTimeout(resume, 5) })

/** Asks until this very server answers; another one at its port does not count. Ends, with the last error, when `over` says so. */
export const answered = async (data: string, pid: number, url: string, over: () => boolean): Promise<string | undefined> => {
  let last = 'it did not say that it is ready'
  while (!over()) {
    const lock = readLock(data)
    if (lock?.pid === pid && lock.ready) {
      try {
        await ask(url, ['select 1'])
        return undefined
      } catch (error) { last = messageOf(error) }
    }
    await pause()
  }
  return last
}

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Ask, Told } from './grown.child.js'
import type { Maker } from './grown.js'

/** Room for a million rows and their history. */
const heap = '--max-old-space-size=8192'

/** A process that holds a table of so many rows. It ends with us. */
export const growing = (maker: Maker, rows: number) => {
  const child = fork(fileURLToPath(new URL('grown.child.js', import.meta.url)), [maker, String(rows)], { execArgv: [heap] })
  const ask = async (question: Ask): Promise<number> => {
    child.send(question)
    const told = await Promise.race([once(child, 'message').then(([m]) => m as Told), once(child, 'exit').then(([code, signal]): Told => ({ failed: `the process with ${rows} rows ended with ${signal ?? code}` }))])
    if ('failed' in told) throw new Error(told.failed)
    return told.found
  }
  return {
    heap: () => ask({ ask: 'heap' }), round: (commands: number) => ask({ ask: 'round', commands }), audit: () => ask({ ask: 'end' }),
    close: async () => { if (child.connected) { child.disconnect(); await once(child, 'exit') } },
  }
}

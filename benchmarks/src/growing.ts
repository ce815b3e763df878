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
  let answer = (_told: Told): void => {}
  child.on('message', (told: Told) => answer(told))
  child.on('exit', (code, signal) => answer({ failed: `the process with ${rows} rows ended with ${signal ?? code}` }))
  const ask = async (question: Ask): Promise<number> => {
    const told = await new Promise<Told>(resolve => { answer = resolve; child.send(question) })
    if ('failed' in told) throw new Error(told.failed)
    return told.found
  }
  return {
    heap: () => ask({ ask: 'heap' }), round: (commands: number) => ask({ ask: 'round', commands }), audit: () => ask({ ask: 'end' }),
    close: async () => { if (child.connected) { child.disconnect(); await once(child, 'exit') } },
  }
}

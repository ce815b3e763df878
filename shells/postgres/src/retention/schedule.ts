import type { Plan } from '@lowtide/core'
import type { Database } from '../server/database.js'
import { outage } from '../log/outage.js'
import { retention } from './run.js'
import type { Terms } from './terms.js'

/** Of the time from one run to the next: so much sooner or later, so that instances do not come together. */
const jitter = 0.1

/** Runs by itself, in one instance at a time, until it is closed. What fails is tried again, and told once an outage. */
export const scheduled = (given: { readonly db: Database; readonly shift: number; readonly terms: Terms; readonly plan: Plan; readonly source?: Pick<Database, 'at' | 'fly'> | undefined }): { close(): Promise<void> } => {
  const { plan: { runtime, options }, terms: { every } } = given, trouble = outage(runtime, options, 'remove what is old')
  let closed = false, stop: (() => void) | undefined, running: Promise<void> | undefined
  if (every === false) return { close: () => Promise.resolve() }
  const { run } = retention(given), wait = (): number => every * (1 - jitter + 2 * jitter * runtime.random())
  const again = (ms: number): void => { if (!closed) stop = runtime.after(ms, () => { running = turn() }) }
  const turn = async (): Promise<void> => {
    let next = wait()
    try {
      if ((await run({ due: every * (1 - jitter), stopped: () => closed })).ran) trouble.over()
    } catch (e) { if (!closed) next = Math.min(next, Math.max(options.backoffBase, trouble.failed(e))) }
    again(next)
  }
  again(every * runtime.random())
  return { close: async () => { closed = true; stop?.(); await running } }
}

import type { Options, Runtime } from '@lowtide/core'
import { failureOf } from '../server/failure.js'

/** A line in the log when something begins to fail, one when it works again, and how long to wait in between: full jitter, up to a cap. */
export interface Outage { failed(e: unknown): number; over(): void }
export const outage = (runtime: Runtime, options: Options, doing: string): Outage => {
  let failures = 0
  return {
    failed: e => {
      if (failures === 0) runtime.log('warn', `${failureOf(doing, e).failure}; tries again by itself`)
      return runtime.random() * Math.min(options.backoffCap, options.backoffBase * 2 ** failures++)
    },
    over: () => {
      if (failures > 0) runtime.log('info', `[postgres] can ${doing} again, after ${failures} attempts in vain`)
      failures = 0
    },
  }
}
/** Waits for work, at most so long; whether it failed is not asked. */
export const atMost = (runtime: Runtime, ms: number, work: Promise<unknown>): Promise<void> => new Promise(resolve => {
  const stop = runtime.after(ms, resolve), ended = (): void => { stop(); resolve() }
  work.then(ended, ended)
})

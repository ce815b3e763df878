import type { Plan, Shell, Store } from '@lowtide/core'
import * as E from 'fp-ts/lib/Either.js'
import { failed } from './trouble.js'

/** Ends when Ctrl-C does. */
export const aborted = (signal: AbortSignal): Promise<never> => new Promise((_, reject) => {
  const stop = (): void => reject(signal.reason as Error)
  if (signal.aborted) stop()
  else signal.addEventListener('abort', stop, { once: true })
})

/** Opens a shell that handles nothing, for a task over its store that hears of Ctrl-C itself, and closes it whatever comes of that. */
export const toItsEnd = async <A>(shell: Shell, plan: Plan, task: (store: Store) => Promise<A>): Promise<A> => {
  const opened = await shell.open({ ...plan, consumers: [] })()
  if (E.isLeft(opened)) throw failed(opened.left)
  try { return await task(opened.right.store) } finally { await opened.right.close() }
}
/** The same for a task that may be left where it is. */
export const overStore = <A>(shell: Shell, plan: Plan, signal: AbortSignal, task: (store: Store) => Promise<A>): Promise<A> =>
  toItsEnd(shell, plan, store => Promise.race([aborted(signal), task(store)]))

import type { Runtime } from '@lowtide/core'

/**
 * Waits for something that may happen in another process: asks once for all who wait, at each hint and at each poll.
 * Whoever gives up takes itself off, so that nothing leaks in the caller (law 8).
 */
export const waiting = <P>(runtime: Runtime, poll: number, watch: (listener: () => void) => () => void, look: (pending: ReadonlySet<P>) => Promise<void>) => {
  const pending = new Set<P>()
  let looking = false, again = false, stopTimer = (): void => {}
  const ask = async (): Promise<void> => {
    if (looking) { again = true; return }
    looking = true
    stopTimer()
    try {
      do { again = false; if (pending.size > 0) await look(pending) } while (again)
    } catch (e) { runtime.log('error', `what callers wait for could not be looked up: ${String(e)}`) } // the poll asks again
    looking = false
    if (pending.size > 0) stopTimer = runtime.after(poll, () => void ask())
  }
  const unwatch = watch(() => { if (pending.size > 0) void ask() })
  return {
    add: (p: P): void => { pending.add(p); void ask() },
    /** Whether it still waited. */
    remove: (p: P): boolean => { const was = pending.delete(p); if (pending.size === 0) stopTimer(); return was },
    size: (): number => pending.size,
    /** Those who waited still. */
    close: (): readonly P[] => { const left = [...pending]; unwatch(); stopTimer(); pending.clear(); return left },
  }
}

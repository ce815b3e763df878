import type { Runtime } from '@lowtide/core'
import { until, within } from '@lowtide/testing'
import type { Clock } from './world.js'

/** Numbers from 0 to 1 that a seed repeats (mulberry32). */
export const chance = (seed: number): (() => number) => {
  let a = seed >>> 0
  return () => {
    a = (a + 0x6d2b79f5) >>> 0
    const b = Math.imul(a ^ (a >>> 15), a | 1), c = b ^ (b + Math.imul(b ^ (b >>> 7), b | 61))
    return ((c ^ (c >>> 14)) >>> 0) / 2 ** 32
  }
}
/** The real clock: time passes by itself. */
export const real: Clock = {
  now: Date.now,
  pass: ms => new Promise(resolve => { setTimeout(resolve, ms) }),
  during: (what, ms, task) => within(ms, what, () => task),
  until: async (what, ms, condition) => {
    let found: { readonly answer: Awaited<ReturnType<typeof condition>> } | undefined
    await until(what, ms, async () => { const answer = await condition(); return answer ? found = { answer } : answer })
    return found!.answer
  },
}

/** Turns of the event loop without news after which nothing is going on any more. */
const quiet = 4
/** Real milliseconds after which a turn that never ends is given up. */
const stuck = 20_000

/**
 * A clock that jumps: while somebody waits, and all that can run has run, it is the time of the next timer. What takes a week
 * takes a moment, and the same seed gives the same run. `busy` counts what happens; work that is no timer must be counted too.
 */
export const virtual = () => {
  let now = Date.UTC(2030, 0, 1), busy = 0, waiting = 0, pumping = false, nth = 0
  interface Timer { readonly at: number; readonly nth: number; readonly call: () => void }
  const timers = new Set<Timer>()
  const next = (): Timer | undefined => {
    let first: Timer | undefined
    for (const t of timers) if (first === undefined || t.at < first.at || (t.at === first.at && t.nth < first.nth)) first = t
    return first
  }
  const fire = (t: Timer): void => { timers.delete(t); now = Math.max(now, t.at); busy++; t.call() }
  const turn = (): Promise<void> => new Promise(resolve => { setImmediate(resolve) })
  const settle = async (): Promise<void> => {
    for (let seen = busy, still = 0; still < quiet; still++) {
      await turn()
      if (busy !== seen) { seen = busy; still = -1 }
    }
  }
  const pollers: (() => void)[] = []
  const pump = async (): Promise<void> => {
    if (pumping) return
    pumping = true
    while (waiting > 0) {
      await settle()
      if (pollers.length > 0) { for (const call of pollers.splice(0)) call(); await settle() } // they look before time goes on
      const t = next()
      if (waiting > 0 && t) fire(t)
    }
    pumping = false
  }
  const awaited = async <A>(what: string, ms: number, task: () => Promise<A>): Promise<A> => {
    const end = now + ms, begun = performance.now()
    let late: (e: Error) => void = () => {}
    const limit = new Promise<never>((_, refuse) => { late = refuse })
    const watch = setInterval(() => { if (performance.now() - begun > stuck) late(new Error(`waited ${stuck} ms for ${what}, in vain`)) }, 100)
    const stop = after(end - now, () => late(new Error(`waited ${ms} ms for ${what}, in vain`)))
    waiting++
    void pump()
    try { return await Promise.race([task(), limit]) } finally { waiting--; stop(); clearInterval(watch) }
  }
  const after = (ms: number, call: () => void): (() => void) => {
    const t: Timer = { at: now + Math.max(0, ms), nth: nth++, call }
    timers.add(t)
    busy++
    return () => { timers.delete(t) }
  }
  const clock: Clock = {
    now: () => now,
    pass: async ms => {
      const end = now + ms
      for (await settle(); ; await settle()) {
        const t = next()
        if (t === undefined || t.at > end) break
        fire(t)
      }
      now = end
    },
    during: (what, ms, task) => awaited(what, ms, () => task),
    until: async (what, ms, condition) => {
      let last: unknown = 'none yet', over = false
      const poll = async () => {
        for (;;) {
          const found = await condition()
          if (found || over) return found
          last = found
          await new Promise<void>(resolve => { pollers.push(resolve) })
        }
      }
      try { return await awaited(what, ms, poll) } catch (e) { throw new Error(`${(e as Error).message}; the last answer was ${JSON.stringify(last)}`, { cause: e }) } finally { over = true }
    },
  }
  /** The runtime of one instance: its own chance, the common time. */
  const runtime = (seed: number, log: Runtime['log']): Runtime => {
    const random = chance(seed)
    let ids = 0
    return {
      now: () => now, after, random, log,
      soon: call => { busy++; setImmediate(() => { busy++; call() }) },
      newId: () => `id-${seed}-${ids++}`,
    }
  }
  return { clock, runtime, count: (): void => { busy++ } }
}

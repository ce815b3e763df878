import type { Shell, Unit } from '@lowtide/core'
import * as E from 'fp-ts/lib/Either.js'
import { type Each, around, changed } from './around.js'
import type { Faults } from './world.js'

/** A shell in which go wrong what `faults` says. `die` ends the process. */
export const faulty = (shell: Shell, faults: Faults, die: () => void): Shell => {
  let calls = 0, failing = faults.commit?.times ?? 0, stale = faults.stale ?? 0
  const crashing: Each = async (call, run) => {
    if (call === 'hint') return run()
    const nth = ++calls
    if (nth === faults.crash?.call && faults.crash.when === 'before') { die(); return new Promise(() => {}) }
    const answer = await run()
    if (nth === faults.crash?.call) { die(); return new Promise(() => {}) }
    return answer
  }
  const writes = (unit: Unit): boolean => unit.marks.length > 0
  const breaking = changed(shell, o => ({
    ...o,
    store: {
      ...o.store,
      commit: unit => async () => {
        if (writes(unit) && failing > 0) {
          failing--
          if (faults.commit!.when === 'after') await o.store.commit(unit)()
          return E.left({ failure: 'the suite cut the line', retry: true })
        }
        if (writes(unit) && stale > 0) { stale--; return E.right({ conflict: { stale: unit.writes.map(w => w.key), broken: [], seen: [], fenced: [] } }) }
        return o.store.commit(unit)()
      },
    },
    transport: !faults.twice ? o.transport : {
      ...o.transport, subscribe: (consumer, on) => o.transport.subscribe(consumer, { ...on, batch: async b => { await on.batch(b); await on.batch(b) } }),
    },
  }))
  return faults.crash ? around(breaking, crashing) : breaking
}

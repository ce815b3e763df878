import type { Runtime } from '@lowtide/core'
import type { Each } from './around.js'

/** What becomes of a process: it may stand still, and it may die; then nothing of it is heard again. */
export const life = (died: () => void) => {
  let state: 'alive' | 'paused' | 'dead' = 'alive'
  const waiting: (() => void)[] = []
  const never = new Promise<never>(() => {})
  const alive = async (): Promise<void> => {
    while (state === 'paused') await new Promise<void>(resolve => { waiting.push(resolve) })
    if (state === 'dead') await never
  }
  const wake = (): void => { for (const call of waiting.splice(0)) call() }
  return {
    state: () => state,
    /** A call that begins and ends only while the process lives. */
    through: (async (_call, run) => {
      if (state !== 'alive') await alive()
      const answer = await run()
      if (state !== 'alive') await alive()
      return answer
    }) satisfies Each,
    /** Its timers go off late when it stands still, and never when it is dead. */
    runtime: (r: Runtime): Runtime => {
      const later = (call: () => void) => (): void => { if (state === 'alive') call(); else if (state === 'paused') waiting.push(later(call)) }
      const after: Runtime['after'] = (ms, call) => {
        let on = true
        const stop = r.after(ms, later(() => { if (on) call() }))
        return () => { on = false; stop() }
      }
      return { ...r, after, soon: call => r.soon(later(call)) }
    },
    pause: (): void => { if (state === 'alive') state = 'paused' },
    resume: (): void => { if (state === 'paused') { state = 'alive'; wake() } },
    die: (): void => { if (state !== 'dead') { state = 'dead'; died(); wake() } },
  }
}
export type Life = ReturnType<typeof life>

import { system } from '@lowtide/run'
import { chance, real } from './clock.js'
import { launch } from './instance.js'
import type { Site } from './local.js'
import { pool } from './pool.js'
import { type Frame, remote } from './remote.js'
import type { Instance, Make, Outside, Start, World } from './world.js'

/** What a world of processes runs on. `given` is JSON, for the shell that `serve` makes in each of them. */
export interface Ground extends Pick<World, 'guarantees' | 'inspect' | 'bench' | 'restart' | 'close'> { readonly given: unknown }

const never = new Promise<never>(() => {})
/** What keeps this process alive, a moment from now: sockets, pipes, timers. */
const held = (): Promise<string> => new Promise(resolve => {
  setTimeout(() => setImmediate(() => resolve(process.getActiveResourcesInfo().filter(of => of !== 'Immediate' && of !== 'CloseReq').toSorted().join(' '))), 2)
})

/** The process of an instance: a script of its own calls this, and `processes` starts it, and what ended in good order again, for another world. */
export const serve = (site: (given: never) => Pick<Site, 'join'>): void => {
  let started: Awaited<ReturnType<typeof launch>> | undefined, nth = 0
  const before = held()
  const parent = remote(frame => { process.send?.(frame) }, {
    start: async (start: Start, given: never): Promise<void> => {
      await before
      const own = ++nth
      const asking = (call: string) => (...args: unknown[]) => own === nth ? parent.call(call, ...args) : never // nobody is there any more for an instance that has ended
      const outside = { ask: asking('ask'), effect: asking('effect') } as Outside
      const runtime = { ...system, random: chance(start.seed), log: () => {} }
      started = await launch(start, { shell: site(given).join(), outside, runtime, die: () => process.kill(process.pid, 'SIGKILL') })
    },
    call: (operation: string, args: readonly unknown[]) => started!.call(operation, args),
    close: () => started!.close(),
    /** Answers when nothing is left of the instance: no socket, no timer. Where something stays, it never does. */
    end: async (): Promise<void> => {
      await started!.close()
      nth++
      started = undefined
      for (const alone = await before; await held() !== alone;);
    },
  })
  process.on('message', frame => parent.hear(frame as Frame))
  process.on('disconnect', () => process.exit())
}

/** A world whose instances are processes: they are killed, stopped and continued, and time is real. */
export const processes = (script: URL, open: (o: { readonly partitions: number }) => Promise<Ground>, args: readonly string[] = []): Make => {
  const take = pool(script, args)
  return async o => {
    const ground = await open(o), ends: (() => Promise<void>)[] = []
    return {
      ...ground, clock: real,
      start: async (start, outside): Promise<Instance> => {
        const p = take(outside)
        let fit = false
        ends.push(() => fit ? p.leave() : p.kill())
        await Promise.race([p.call('start', start, ground.given).then(() => { fit = true }), p.gone])
        return {
          call: (operation, args) => p.call('call', operation, args),
          crash: p.kill, pause: async () => { fit = false; p.signal('SIGSTOP') }, resume: async () => { fit = true; p.signal('SIGCONT') },
          close: async () => { await p.call('close') }, crashed: p.ended,
        }
      },
      close: async () => {
        await Promise.all(ends.map(end => end()))
        await ground.close()
      },
    }
  }
}

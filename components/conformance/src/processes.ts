import { type ChildProcess, fork } from 'node:child_process'
import { system } from '@lowtide/run'
import { chance, real } from './clock.js'
import { launch } from './instance.js'
import type { Site } from './local.js'
import { type Frame, remote } from './remote.js'
import type { Instance, Make, Outside, Start, World } from './world.js'

/** What a world of processes runs on. `given` is JSON, for the shell that `serve` makes in each of them. */
export interface Ground extends Pick<World, 'guarantees' | 'inspect' | 'bench' | 'restart' | 'close'> { readonly given: unknown }

/** The process of an instance: a script of its own calls this, and `processes` starts it. */
export const serve = (site: (given: never) => Pick<Site, 'join'>): void => {
  let started: Awaited<ReturnType<typeof launch>> | undefined
  const parent = remote(frame => { process.send?.(frame) }, {
    start: async (start: Start, given: never): Promise<void> => {
      const outside = { ask: (...args: unknown[]) => parent.call('ask', ...args), effect: (...args: unknown[]) => parent.call('effect', ...args) } as Outside
      const runtime = { ...system, random: chance(start.seed), log: () => {} }
      started = await launch(start, { shell: site(given).join(), outside, runtime, die: () => process.kill(process.pid, 'SIGKILL') })
    },
    call: (operation: string, args: readonly unknown[]) => started!.call(operation, args),
    close: () => started!.close(),
  })
  process.on('message', frame => parent.hear(frame as Frame))
  process.on('disconnect', () => process.exit())
}

const ended = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null
const end = (child: ChildProcess): Promise<void> => ended(child) ? Promise.resolve() : new Promise(resolve => { child.once('exit', () => resolve()); child.kill('SIGKILL') })

/** Processes that wait to be instances: one loads its modules while the test before goes on. They end with this process. */
const ready = (script: URL, args: readonly string[]) => {
  let spare: ChildProcess | undefined
  const made = (): ChildProcess => {
    const child = fork(script, [...args], { stdio: 'inherit' })
    child.on('error', () => {}) // what is sent to one that dies is never heard
    child.unref()
    child.channel?.unref()
    return child
  }
  return (): ChildProcess => {
    const child = spare !== undefined && !ended(spare) ? spare : made()
    spare = made()
    child.ref()
    child.channel?.ref()
    return child
  }
}

/** A world whose instances are processes: they are killed, stopped and continued, and time is real. */
export const processes = (script: URL, open: (o: { readonly partitions: number }) => Promise<Ground>, args: readonly string[] = []): Make => {
  const next = ready(script, args)
  return async o => {
    const ground = await open(o), children = new Set<ChildProcess>()
    return {
      ...ground, clock: real,
      start: async (start, outside): Promise<Instance> => {
        const child = next(), there = remote(frame => { if (child.connected) child.send(frame) }, { ask: outside.ask, effect: outside.effect })
        children.add(child)
        child.on('message', frame => there.hear(frame as Frame))
        await Promise.race([there.call('start', start, ground.given), new Promise(resolve => { child.once('exit', resolve) })])
        return {
          call: (operation, args) => there.call('call', operation, args),
          crash: () => end(child), pause: async () => { child.kill('SIGSTOP') }, resume: async () => { child.kill('SIGCONT') },
          close: async () => { await there.call('close') }, crashed: () => ended(child),
        }
      },
      close: async () => {
        await Promise.all([...children].map(end))
        await ground.close()
      },
    }
  }
}

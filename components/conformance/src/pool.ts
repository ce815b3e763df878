import { type ChildProcess, fork } from 'node:child_process'
import { type Frame, remote } from './remote.js'
import type { Outside } from './world.js'

/** Milliseconds within which an instance must have ended for its process to be used again. */
const promptly = 1_000
/** Processes that are kept for the next world; more of them would only take memory. */
const kept = 6

const ended = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null
const kill = (child: ChildProcess): Promise<void> => ended(child) ? Promise.resolve() : new Promise(resolve => { child.once('exit', () => resolve()); child.kill('SIGKILL') })

/**
 * Processes that serve as instances, of one world after the other: loading its modules costs a process more than what most laws ask of it.
 * Only one of which nothing is left serves again, as itself says; whoever crashed, stands still or does not end is replaced. One waits
 * loaded at any time. They end with this process.
 */
export const pool = (script: URL, args: readonly string[]) => {
  const made = () => {
    const child = fork(script, [...args], { stdio: 'inherit' })
    let outside: Outside | undefined
    const there = remote(frame => { if (child.connected) child.send(frame) }, {
      ask: (...asked: Parameters<Outside['ask']>) => outside?.ask(...asked), effect: (...asked: Parameters<Outside['effect']>) => outside?.effect(...asked),
    })
    child.on('error', () => {}) // what is sent to one that dies is never heard
    child.on('message', frame => there.hear(frame as Frame))
    const rest = (): void => { outside = undefined; child.unref(); child.channel?.unref() }
    rest()
    return { child, call: there.call, rest, gone: new Promise<void>(resolve => { child.once('exit', () => resolve()) }), wake: (around: Outside): void => { outside = around; child.ref(); child.channel?.ref() } }
  }
  const idle: ReturnType<typeof made>[] = []
  return (outside: Outside) => {
    while (idle.length > 0 && ended(idle.at(-1)!.child)) idle.pop()
    const p = idle.pop() ?? made(), { child, gone } = p
    p.wake(outside)
    if (idle.length === 0) idle.push(made())
    return {
      call: p.call, gone, ended: () => ended(child), kill: () => kill(child), signal: (signal: NodeJS.Signals): void => { child.kill(signal) },
      /** Ends the instance, not the process; where that takes long, both. */
      leave: async (): Promise<void> => {
        let late: NodeJS.Timeout | undefined
        const fit = await Promise.race([
          p.call('end').then(() => true, () => false), gone.then(() => false), new Promise<boolean>(resolve => { late = setTimeout(() => resolve(false), promptly) }),
        ])
        clearTimeout(late)
        if (!fit || idle.length >= kept) return kill(child)
        p.rest()
        idle.push(p)
      },
    }
  }
}

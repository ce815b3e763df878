import { type ChildProcess, fork } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Role, Told, Wish } from './role.js'

const script = fileURLToPath(new URL('storm.child.js', import.meta.url))
/** Milliseconds before one that ended by itself is started again: its server may be away. */
const pause = 300

/** A place in the storm: whoever is in it is started again when it dies. */
export interface Member {
  readonly role: Role
  pid(): number | undefined
  acknowledged(): number
  done(): boolean
  /** Resolves when whoever is in it runs. */
  ready(): Promise<void>
  /** SIGKILL; the next one is started at once. */
  kill(): Promise<void>
  /** Told now, and again to whoever follows. */
  tell(wish: Wish): void
  /** For good. */
  close(): Promise<void>
}
/** `ended`: one that ended without being told to. */
export const member = (role: Role, ended: () => void): Member => {
  const log = openSync(join(role.folder, `${role.name}.log`), 'a'), wakes: (() => void)[] = []
  let child: ChildProcess | undefined, acknowledged = 0, done = false, closed = false, wish: Wish | undefined, ready = false, timer: NodeJS.Timeout | undefined
  const start = (): void => {
    if (closed || done) return
    const mine = child = fork(script, [JSON.stringify(role)], { stdio: ['ignore', log, log, 'ipc'], execArgv: ['--enable-source-maps'] })
    ready = false
    mine.on('message', (told: Told) => {
      if ('acknowledged' in told) acknowledged = told.acknowledged
      else if ('done' in told) done = true
      else { ready = true; if (wish) mine.send(wish); for (const wake of wakes.splice(0)) wake() }
    })
    mine.on('error', () => {})
    mine.once('exit', (_, signal) => {
      if (child !== mine) return
      child = undefined
      if (closed || done) return
      if (signal !== 'SIGKILL') ended()
      timer = setTimeout(start, signal === 'SIGKILL' ? 0 : pause)
    })
  }
  const end = (): Promise<void> => {
    const mine = child
    if (mine === undefined || mine.exitCode !== null || mine.signalCode !== null) return Promise.resolve()
    return new Promise(resolve => { mine.once('exit', () => resolve()); mine.kill('SIGKILL') })
  }
  start()
  return {
    role, pid: () => child?.pid, acknowledged: () => acknowledged, done: () => done,
    ready: () => ready || done ? Promise.resolve() : new Promise(resolve => { wakes.push(resolve) }),
    kill: end, tell: told => { wish = told; if (child?.connected && ready) child.send(told, () => {}) },
    close: async () => {
      if (closed) return
      closed = true
      clearTimeout(timer)
      await end()
      closeSync(log)
      for (const wake of wakes.splice(0)) wake()
    },
  }
}

import { existsSync, readFileSync } from 'node:fs'
import { codeOf } from './fault.js'

const hasProc = existsSync('/proc/self/stat')

const takesSignals = (pid: number): boolean => {
  try { return process.kill(pid, 0) } catch (error) { return codeOf(error) === 'EPERM' }
}

/** A process that has ended and that nobody has reaped still takes signals; Linux tells it apart. */
const nameOf = (pid: number): string | undefined => {
  try {
    const [, name, state = 'X'] = /^\d+ \((.*)\) (\S)/s.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? []
    return 'ZX'.includes(state) ? undefined : name
  } catch { return undefined }
}

export const isAlive = (pid: number): boolean => hasProc ? nameOf(pid) !== undefined : takesSignals(pid)

/** Whether a process is a server; numbers are used again, and where there is no `/proc` any process passes for one. */
export const serves = (pid: number): boolean => hasProc ? nameOf(pid) === 'postgres' : takesSignals(pid)

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { codeOf } from './fault.js'
import { serves } from './process.js'

/** What a server writes into its data folder as long as it runs. */
export type Lock = { readonly pid: number; readonly port: number; readonly ready: boolean }

const lockFile = (data: string): string => join(data, 'postmaster.pid')

export const readLock = (data: string): Lock | undefined => {
  try {
    const lines = readFileSync(lockFile(data), 'utf8').split('\n')
    return { pid: Number(lines[0]), port: Number(lines[3]), ready: lines[7]?.trim() === 'ready' }
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
}

/**
 * A lock that a killed server left stops the next one when its number is now another process, or one that nobody reaps. Removed by hand
 * it would no longer protect from old backends that still hold the shared memory. PostgreSQL takes a lock of its own parent for
 * stale, and checks the memory all the same: so it gets that number.
 */
export const releaseStaleLock = (data: string, parent: number): void => {
  const lock = readLock(data)
  if (!lock || serves(lock.pid)) return
  const [, ...rest] = readFileSync(lockFile(data), 'utf8').split('\n')
  writeFileSync(lockFile(data), [String(parent), ...rest].join('\n'))
}

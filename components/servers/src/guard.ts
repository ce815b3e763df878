// A process of its own, in a session of its own, that is the parent of a server and outlives whoever started it, by moments: when the
// channel to its starter closes, be it by the starter's wish or by its death, it stops the server, removes the folder, and ends.
import { spawn, type ChildProcess } from 'node:child_process'
import { closeSync, fchownSync, mkdtempSync, openSync } from 'node:fs'
import type { Account } from './account.js'
import { messageOf } from './fault.js'
import { remove } from './remove.js'

export type Program = { readonly command: string; readonly args: readonly string[]; readonly cwd: string; readonly log: string; readonly account: Account }
export type Order = { readonly run: Program } | { readonly signal: NodeJS.Signals }
export type Report = { readonly folder: string } | { readonly pid: number } | { readonly failed: string } | { readonly ended: string }

/** What a signal to stop leads to when nobody heeds it. `SIGQUIT` ends PostgreSQL without a checkpoint; it recovers at its next start. */
const stopping: readonly (readonly [NodeJS.Signals, number])[] = [['SIGINT', 0], ['SIGQUIT', 60_000], ['SIGKILL', 70_000]]

const tell = (report: Report): void => { if (process.connected) process.send?.(report, undefined, undefined, () => {}) }

let running: { readonly child: ChildProcess; readonly closed: Promise<void> } | undefined

/** Variables that libpq and the server read would make servers differ from machine to machine. */
const surroundings = (): NodeJS.ProcessEnv => ({ ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(PG|LC_|LANG)/.test(name))), LC_ALL: 'C', TZ: 'UTC' })

const run = ({ command, args, cwd, log, account }: Program): void => {
  const output = openSync(log, 'a', 0o600)
  if (account) fchownSync(output, account.uid, account.gid)
  // Nobody writes to the last pipe. All processes of the server inherit it, so it ends, and 'close' comes, when the last of them has ended.
  const child = spawn(command, args, { cwd, env: surroundings(), stdio: ['ignore', output, output, 'pipe'], windowsHide: true, ...account })
  closeSync(output)
  const pipe = child.stdio[3]
  if (pipe && 'resume' in pipe) pipe.on('error', () => {}).resume()
  const closed = new Promise<void>(resolve => {
    child.on('error', error => { tell({ failed: error.message }); resolve() })
    child.on('close', (code, signal) => { running = undefined; tell({ ended: signal ?? `exit code ${code}` }); resolve() })
  })
  running = { child, closed }
  if (child.pid !== undefined) tell({ pid: child.pid })
}

const obey = (order: Order): void => {
  try {
    if ('run' in order) run(order.run)
    else running?.child.kill(order.signal)
  } catch (error) { tell({ failed: messageOf(error) }) }
}

const finish = async (folder: string): Promise<void> => {
  const timers = stopping.map(([signal, ms]) => setTimeout(() => running?.child.kill(signal), ms))
  await running?.closed
  timers.forEach(clearTimeout)
  remove(folder)
  process.exit()
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})
const folder = mkdtempSync(process.argv[2] ?? '')
process.on('message', obey)
process.once('disconnect', () => finish(folder))
if (process.connected) tell({ folder })
else await finish(folder)

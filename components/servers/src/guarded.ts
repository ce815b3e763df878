import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { fault } from './fault.js'
import type { Order, Program, Report } from './guard.js'
import { serves } from './process.js'
import { remove } from './remove.js'

/** Milliseconds. */
const patience = 10_000

export type Running = {
  readonly pid: number
  /** Resolves with its exit code or signal when it and all processes that it started have ended. */
  readonly ended: Promise<string>
  /** The same, and keeps this process alive meanwhile. */
  wait(): Promise<string>
  signal(name: NodeJS.Signals): void
}

export type Guard = {
  readonly pid: number
  /** Temporary; the guard removes it at its end. */
  readonly folder: string
  /** One program at a time. */
  run(program: Program): Promise<Running>
  /** Stops what runs, removes the folder, and resolves when that is done. Safe to call twice. */
  end(): Promise<void>
}

type Waiting = { begun(pid: number): void; failed(why: string): void; ended(how: string): void }

/** A program that is there and is not found lacks its loader. */
const hint = (why: string, { command }: Program): string =>
  why.includes('ENOENT') && existsSync(command) ? '; it is there but needs glibc, which Alpine lacks: set TEST_DATABASE_URL to a server of your own' : ''

/** Somebody has killed the guard: the server goes with it all the same, in order if it can. */
const bury = async (pid: number): Promise<void> => {
  const limit = Date.now() + patience
  for (let signal: NodeJS.Signals = 'SIGINT'; serves(pid); signal = 'SIGKILL') {
    try { process.kill(pid, signal) } catch { return }
    while (serves(pid) && (signal === 'SIGKILL' || Date.now() < limit)) await new Promise(resume => { setTimeout(resume, 5) })
  }
}

/**
 * Starts the guard of a server (see `guard.ts`). An idle guard does not keep this process alive; when this process ends, in
 * whichever way, so does what it guards.
 */
export const guarded = async (name: string): Promise<Guard> => {
  const { NODE_OPTIONS: _, NODE_V8_COVERAGE: __, ...env } = process.env
  const child = spawn(process.execPath, [fileURLToPath(new URL('guard.js', import.meta.url)), join(tmpdir(), `${name}-`)],
    { detached: true, stdio: ['ignore', 'ignore', 'ignore', 'ipc'], env, windowsHide: true })
  let waiting: Waiting | undefined, last: number | undefined, holders = 0, ending = false

  const held = async <A>(task: Promise<A>): Promise<A> => {
    if (holders++ === 0) { child.ref(); child.channel?.ref() }
    try { return await task } finally { if (--holders === 0) { child.unref(); child.channel?.unref() } }
  }
  const gone = new Promise<void>(resolve => { child.once('exit', () => resolve()).once('error', () => resolve()) })
  const order = (wish: Order): void => { if (child.connected) child.send(wish, () => {}) }

  const folder = await held(new Promise<string>((resolve, reject) => {
    child.on('message', (report: Report) => {
      if ('folder' in report) resolve(report.folder)
      else if ('pid' in report) waiting?.begun(report.pid)
      else if ('failed' in report) waiting?.failed(report.failed)
      else waiting?.ended(report.ended)
    })
    child.once('error', reject)
    void gone.then(() => reject(fault(`the guard of a server ended at its start: expected to make a folder in '${tmpdir()}'; is it there, and may this user write to it?`)))
  }))

  const run = (program: Program): Promise<Running> => held(new Promise((resolve, reject) => {
    const ended = new Promise<string>(end => {
      waiting = {
        begun: pid => { last = pid; resolve({ pid, ended, wait: () => held(ended), signal: name => order({ signal: name }) }) },
        failed: why => { reject(fault(`cannot run '${program.command}' with output to '${program.log}': ${why}${hint(why, program)}`)); end(why) },
        ended: how => { last = undefined; end(how) },
      }
    })
    if (child.connected) order({ run: program })
    else reject(fault(`cannot run '${program.command}': its guard has ended`))
  }))
  const cleared = gone.then(async () => {
    if (!ending && last !== undefined) await bury(last)
    if (!ending) remove(folder)
    waiting?.failed('its guard has ended')
    waiting?.ended('the end of its guard')
  })
  const end = (): Promise<void> => {
    if (child.connected) {
      ending = true
      child.disconnect()
    }
    return held(cleared)
  }
  return { pid: child.pid ?? 0, folder, run, end }
}

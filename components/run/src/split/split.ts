import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { carrierOf } from '../relay.js'
import { type AnyDeployment, nearest } from '../wiring.js'
import { type Death, type Place, place } from './place.js'

/** One process of a deployment that runs somewhere; only one with a front has a port. */
export interface Member { readonly process: string; readonly pid: number; readonly port: number | undefined; readonly handlers: readonly string[] }
export interface Splitting {
  /** The path of the compiled main whose deployment it is; each process reads it. */
  readonly main: string
  readonly deployment: AnyDeployment
  /** More of a process's environment; `port`: where its front listened before it died. Default: none. */
  readonly env?: (port: number | undefined) => { readonly [name: string]: string | undefined }
  /** Where what the processes print on standard output goes. Default: `stdout`. */
  readonly output?: 'stdout' | 'stderr'
  /** A process runs; `again`: in place of one that died. */
  runs(member: Member, again: boolean): void
  /** What a person wants to know: who died, and that it runs again. */
  tell(line: string): void
}
export interface Split {
  /** Once all of them have run. Rejects where one cannot start for the first time, with what it said. */
  readonly ready: Promise<readonly Member[]>
  /** Those with fronts first, for what they have taken in is answered by the others; then the rest; within the grace of the deployment. Safe twice. */
  close(): Promise<void>
}

const script = fileURLToPath(new URL('process.js', import.meta.url))
const isFront = (d: AnyDeployment, name: string): boolean => d.processes[name]!.some(m => 'front' in m)

/** What a process of a deployment is; throws where there is none of this name, or the shell has no room for several. */
export const memberOf = (d: AnyDeployment, process: string): Omit<Member, 'pid' | 'port'> => {
  if (!Object.hasOwn(d.processes, process)) throw fault(`${d.name} has no process '${process}'${nearest(process, Object.keys(d.processes))}`)
  if (d.shell.guarantees.scaleOut !== 'processes') throw fault(`${d.name} runs in one process only: what its shell '${d.shell.name}' holds is in the memory of that one, where no other finds it (its guarantee 'scaleOut' is '${d.shell.guarantees.scaleOut}', expected 'processes'); start it as a whole`)
  return { process, handlers: d.processes[process]!.flatMap(m => 'front' in m ? [] : ['kind' in m ? m.name : carrierOf(m).name]) }
}
const fault = (text: string): Error => Object.assign(new Error(text), { code: 'WIRING' })
const inSeconds = (ms: number): string => `${Math.round(ms / 100) / 10} s`
const dying = (name: string, { pid, how, failed, times, pause }: Death): string =>
  `'${name}'${pid === undefined ? '' : ` (pid ${pid})`} ${failed === undefined ? `ended with ${how}` : `could not start: ${failed}`}${times === 1 ? '' : `, ${times} times in a row`}; it starts again${pause === 0 ? '' : ` in ${inSeconds(pause)}`}`
const within = (ms: number, task: Promise<unknown>): Promise<unknown> => {
  let timer: NodeJS.Timeout
  return Promise.race([task, new Promise(resolve => { timer = setTimeout(resolve, ms) })]).finally(() => clearTimeout(timer))
}

/** Runs each process of a deployment in an operating system process of its own, which ends with this one, and starts those again that die. */
export const split = ({ main, deployment: d, env = () => ({}), output = 'stdout', runs, tell }: Splitting): Split => {
  const members = Object.keys(d.processes).map(name => memberOf(d, name)), places = new Map<string, Place>(), running = new Map<string, Member>()
  const begin = (name: string, port: number | undefined): ChildProcess =>
    fork(script, [main, name], { execArgv: ['--enable-source-maps'], env: { ...process.env, ...env(port) }, stdio: ['ignore', output === 'stdout' ? 'inherit' : 2, 'inherit', 'ipc'] })
  const ready = new Promise<readonly Member[]>((resolve, reject) => {
    for (const member of members) places.set(member.process, place({
      begin: port => begin(member.process, port),
      runs: (alive, again) => {
        const one = { ...member, ...alive }
        running.set(member.process, one)
        if (again) tell(`'${member.process}' runs again, pid ${alive.pid}`)
        runs(one, again)
        if (running.size === members.length) resolve(members.map(m => running.get(m.process)!))
      },
      died: death => tell(dying(member.process, death)),
      failed: why => reject(fault(`'${member.process}' cannot start: ${why}`)),
    }))
  })
  const close = async (): Promise<void> => {
    const stopped = (fronts: boolean): Promise<unknown> => Promise.all([...places].filter(([name]) => isFront(d, name) === fronts).map(([, p]) => p.stop()))
    const { grace } = d.options, limit = Date.now() + grace
    await within(grace / 2, stopped(true))
    const all = Promise.all([stopped(true), stopped(false)])
    await within(limit - Date.now(), all)
    for (const p of places.values()) p.kill()
    await all
  }
  let closing: Promise<void> | undefined
  return { ready, close: () => closing ??= close() }
}

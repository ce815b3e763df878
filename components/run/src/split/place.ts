import type { ChildProcess } from 'node:child_process'
import type { Told, Wish } from './told.js'

/** `steady`: milliseconds after which a process that runs no longer counts as one that died at once. The first start after a death follows it; each further one in a row waits, from `least`, doubled, to `most` milliseconds. */
export interface Pauses { readonly steady: number; readonly least: number; readonly most: number }
const usual: Pauses = { steady: 5_000, least: 250, most: 10_000 }

export interface Alive { readonly pid: number; readonly port: number | undefined }
/** One that ended without being told to: how, or why it could not start; how often in a row, and the milliseconds until the next one starts. */
export interface Death { readonly pid: number | undefined; readonly how: string; readonly failed: string | undefined; readonly times: number; readonly pause: number }
export interface Placing {
  /** Starts one; `port`: where the one before it listened. */
  begin(port: number | undefined): ChildProcess
  runs(alive: Alive, again: boolean): void
  died(death: Death): void
  /** The very first one could not start, and said why: nobody tries again. */
  failed(why: string): void
  readonly pauses?: Pauses
}
/** A process's place: whoever is in it is started again when it dies. */
export interface Place {
  /** Asks it to stop, for good; resolves when it is gone. */
  stop(): Promise<void>
  kill(): void
}

export const place = ({ begin, runs, died, failed, pauses: { steady, least, most } = usual }: Placing): Place => {
  const leaves: (() => void)[] = []
  let child: ChildProcess | undefined, port: number | undefined, ever = false, times = 0, closed = false, timer: NodeJS.Timeout | undefined
  const over = (): void => { for (const leave of leaves.splice(0)) leave() }
  const start = (): void => {
    const mine = child = begin(port)
    let since: number | undefined, why: string | undefined
    const ended = (how: string): void => {
      if (child !== mine) return
      child = undefined
      if (closed) return over()
      if (!ever && why !== undefined) { closed = true; return failed(why) }
      times = since !== undefined && Date.now() - since >= steady ? 1 : times + 1
      const pause = times === 1 ? 0 : Math.min(most, least * 2 ** (times - 2))
      died({ pid: mine.pid, how, failed: why, times, pause })
      timer = setTimeout(start, pause)
    }
    mine.on('message', (told: Told) => {
      if ('failed' in told) { why = told.failed; return }
      since = Date.now()
      port = told.port
      runs({ pid: mine.pid!, port }, ever)
      ever = true
    })
    mine.once('exit', (code, signal) => ended(signal ?? `exit code ${code}`))
    mine.on('error', e => { if (mine.pid === undefined) ended(e.message) }) // what cannot be begun never exits
  }
  start()
  return {
    stop: () => {
      clearTimeout(timer)
      closed = true
      const mine = child, wish: Wish = { stop: true }
      if (mine === undefined) return Promise.resolve()
      if (mine.connected) mine.send(wish, () => {})
      else mine.kill('SIGTERM')
      return new Promise(resolve => { leaves.push(resolve) })
    },
    kill: () => { child?.kill('SIGKILL') },
  }
}

import type { Readable } from 'node:stream'
import { asked, help } from './arguments.js'
import { importCustomers, type Invitation } from './import.js'
import { Unreadable } from './line.js'
import { readLines } from './lines.js'
import { reporter, type Screen } from './report.js'
import { fileSource, standardInput } from './source.js'

const signals = [['SIGINT', 130], ['SIGTERM', 143]] as const

type Signal = (typeof signals)[number][0]
/** What is used of the process. */
export interface Surroundings {
  readonly argv: readonly string[]
  readonly stdin: Readable & { readonly isTTY?: boolean }
  readonly stdout: Screen
  readonly stderr: Screen
  once(signal: Signal, listener: () => void): unknown
  off(signal: Signal, listener: () => void): unknown
}
/** What is used of the deployment. */
export interface Deployed {
  readonly invite: (email: string) => Promise<Invitation>
  /** So far. */
  readonly mails: () => number
  /** Ends when all that was accepted is done. */
  readonly close: () => Promise<void>
}

/** Stops the intake at the first signal; the next one ends the process. `code` is then its exit code, else 0. */
const interruption = (process: Surroundings, stop: AbortController) => {
  let code = 0
  const listeners = signals.map(([signal, ofSignal]) => [signal, () => {
    code ||= ofSignal
    stop.abort()
  }] as const)
  for (const [signal, listener] of listeners) process.once(signal, listener)
  return {
    code: () => code,
    end: () => { for (const [signal, listener] of listeners) process.off(signal, listener) },
  }
}

const importFile = async (path: string, { invite }: Deployed, process: Surroundings, report: ReturnType<typeof reporter>): Promise<number> => {
  const stop = new AbortController()
  const interrupted = interruption(process, stop)
  const { name, bytes, format } = path === '-' ? standardInput(process.stdin, stop.signal) : fileSource(path, stop.signal)
  const { counts, failed } = await importCustomers({
    lines: readLines({ bytes, format, stop: stop.signal }),
    invite: email => invite(email).catch((error: unknown) => {
      stop.abort()
      throw error
    }),
    progress: report.progress,
  })
  interrupted.end()

  const unread = failed?.error instanceof Unreadable
  if (failed) report.failed(name, failed)
  if (!unread || counts.lines > 0) report.summary(counts, { interrupted: interrupted.code() > 0 })
  return interrupted.code() || (unread ? 2 : failed || counts.invalid > 0 ? 1 : 0)
}

/** From the command line to the exit code. Closes the deployment. */
export const program = async (process: Surroundings, deployed: Deployed, now = () => performance.now()): Promise<number> => {
  const { argv, stdin, stdout, stderr } = process
  const report = reporter({ stdout, stderr, now })
  const wish = asked(argv.slice(2), { terminal: stdin.isTTY === true })
  const code = 'path' in wish ? await importFile(wish.path, deployed, process, report) : 'help' in wish ? 0 : 2
  if ('help' in wish) stdout.write(`${help}\n`)
  if ('fault' in wish) report.complain(wish.fault)

  await deployed.close()
  if (deployed.mails() > 0) report.mails(deployed.mails())
  return code
}

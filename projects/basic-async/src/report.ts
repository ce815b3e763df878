import type { Counts, Failed, Progress } from './import.js'
import { Unreadable } from './line.js'
import { printable } from './printable.js'

/** What is used of a stream that people read. */
export interface Screen {
  readonly isTTY?: boolean | undefined
  readonly columns?: number | undefined
  write(text: string): boolean
  on(event: 'error' | 'drain', listener: () => void): unknown
}

/** Characters of a reason. */
const longestReason = 160
/** Milliseconds between two progress lines. */
const pace = 100
/** Takes the cursor to the line's beginning and clears it. */
const clear = '\r\u001b[K'

const prefix = '[basic-async]'

const seconds = (ms: number): string => (ms / 1000).toFixed(1)
const results = ({ invited, alreadyInvited, invalid }: Counts): string => `${invited} invited, ${alreadyInvited} already invited, ${invalid} invalid`

/** Writes for people: progress and invalid lines on standard error, the summary on standard output. */
export const reporter = ({ stdout, stderr, now }: { readonly stdout: Screen; readonly stderr: Screen; readonly now: () => number }) => {
  const begun = now()
  let shown = begun
  let progressing = false
  let slow: Promise<void> | undefined
  let release = () => {}
  let gone = false

  // A reader that has left, as in `| head`, ends the printing, not the import.
  stdout.on('error', () => {})
  stderr.on('error', () => {
    gone = true
    release()
  })
  stderr.on('drain', () => release())

  const complain = (text: string): Promise<void> | undefined => {
    if (gone) return undefined
    const fits = stderr.write(`${progressing ? clear : ''}${text}\n`)
    progressing = false
    if (!fits) slow ??= new Promise(resolve => {
      release = () => {
        slow = undefined
        resolve()
      }
    })
    return slow
  }
  const hideProgress = () => {
    if (progressing) stderr.write(clear)
    progressing = false
  }
  const progress: Progress = {
    invalid: (line, reason) => complain(`line ${line}: ${printable(reason, longestReason)}`),
    counted: counts => {
      if (!stderr.isTTY || gone || now() - shown < pace) return
      shown = now()
      const rate = Math.round(counts.lines * 1000 / (shown - begun))
      stderr.write(`${clear}${`${counts.lines} lines, ${rate} lines/s: ${results(counts)}`.slice(0, (stderr.columns || 80) - 1)}`)
      progressing = true
    },
  }
  return {
    progress,
    complain: (text: string) => { void complain(`${prefix} ${printable(text)}`) },
    failed: (name: string, { line, error }: Failed) => {
      const reason = error instanceof Error ? error.message : String(error)
      void complain(`${prefix} ${printable(line !== undefined ? `stopped, for line ${line} could not be handled: ${reason}`
        : error instanceof Unreadable ? `cannot read ${name}: ${reason}` : `stopped: ${reason}`)}`)
    },
    mails: (count: number) => stdout.write(`${count} welcome ${count === 1 ? 'mail' : 'mails'} counted, none sent\n`),
    summary: (counts: Counts, { interrupted }: { readonly interrupted: boolean }) => {
      hideProgress()
      const lines = `${counts.lines} ${counts.lines === 1 ? 'line' : 'lines'}`
      const rest = interrupted ? ': interrupted' : counts.lines === 0 ? ': there was nothing to import' : ''
      stdout.write(`${results(counts)} (of ${lines} in ${seconds(now() - begun)} s)${rest}\n`)
    },
  }
}

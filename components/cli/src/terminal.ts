import { createInterface } from 'node:readline/promises'
import type { Readable, Writable } from 'node:stream'
import { redacted, redactedJson } from './secrets.js'
import { type Trouble, documentOf } from './trouble.js'

/** Where results, messages and questions go. */
export interface Terminal {
  /** Columns, where somebody reads. */
  readonly width: number | undefined
  /** The result: for people, or as the one JSON document. */
  say(result: { readonly text: string; readonly data: unknown }): Promise<void>
  complain(trouble: Trouble): Promise<void>
  /** For people, beside the result. */
  note(text: string): void
  /** How far a verb has come, for people who wait at a terminal. */
  progress(text: string): void
  /** Nobody is there to answer: undefined. */
  confirm(question: string, signal: AbortSignal): Promise<boolean | undefined>
}
interface Streams { readonly stdin: Readable & { readonly isTTY?: boolean }; readonly stdout: Writable & { readonly isTTY?: boolean; readonly columns?: number }; readonly stderr: Writable & { readonly isTTY?: boolean }; readonly columns?: string | undefined }

const written = (stream: Writable, text: string): Promise<void> => new Promise(resolve => { stream.write(text, () => resolve()) })

export const terminalOf = ({ stdin, stdout, stderr, columns }: Streams, json: boolean): Terminal => ({
  width: stdout.columns ?? (Number(columns) || undefined),
  say: ({ text, data }) => written(stdout, `${json ? redactedJson(data) : redacted(text)}\n`),
  complain: async trouble => {
    await written(stderr, `lowtide: ${redacted(trouble.message)}\n`)
    if (json) await written(stdout, `${redactedJson(documentOf(trouble))}\n`)
  },
  note: text => { stderr.write(`${redacted(text)}\n`) },
  progress: text => { if (stderr.isTTY === true) stderr.write(`${redacted(text)}\n`) },
  confirm: async (question, signal) => {
    if (stdin.isTTY !== true) return undefined
    // as the terminal is, not raw: so that Ctrl-C is a signal
    const lines = createInterface({ input: stdin, output: stderr, terminal: false })
    try {
      const ended = new Promise<string>(resolve => { lines.once('close', () => resolve('')) })
      return /^y(es)?$/i.test((await Promise.race([lines.question(redacted(question), { signal }), ended])).trim())
    } finally { lines.close() }
  },
})

/**
 * The streams of this process for this command alone: whatever a project's main or a shell prints on standard output goes to standard error.
 * A reader that has seen enough (`| head`) is no fault.
 */
export const ownStreams = (): Streams => {
  const { stdin, stdout, stderr, env: { COLUMNS: columns } } = process, write = stdout.write.bind(stdout)
  stdout.write = stderr.write.bind(stderr)
  stdout.on('error', () => process.exit(0))
  return { stdin, stderr, columns, stdout: Object.assign(Object.create(stdout) as typeof stdout, { write }) }
}

import { parseArgs } from 'node:util'
import { wanted } from './source.js'

export const help = `Invites the customers of a file, in memory.

  npm start basic-async -- [file]

file      CSV with a column 'email', or one address a line; or NDJSON, {"email": "…"} or "…" a line
          (by its extension .csv, .ndjson or .jsonl, else by its first character)
-         standard input; also without a file, when standard input is not a terminal
--help    this text

Standard output gets the summary, standard error each invalid line with its number and the progress.
Exit code: 0 all lines were fine, 1 some were invalid or could not be handled, 2 nothing could be read,
130 interrupted.`

export type Asked = { readonly path: string } | { readonly help: true } | { readonly fault: string }

/** What a command line asks for; the path is - for standard input. */
export const asked = (args: readonly string[], { terminal }: { readonly terminal: boolean }): Asked => {
  const { tokens, positionals } = parseArgs({
    args: [...args], strict: false, tokens: true, allowPositionals: true, options: { help: { type: 'boolean', short: 'h' } },
  })
  const unknown = tokens.find(token => token.kind === 'option' && token.name !== 'help')
  if (unknown?.kind === 'option') return { fault: `there is no option '${unknown.rawName}'; the one option is --help, and a file whose name begins with - goes after --` }
  if (tokens.some(({ kind }) => kind === 'option')) return { help: true }

  const [path, ...more] = positionals
  if (more.length > 0) return { fault: `expected one file, found ${positionals.length} ('${positionals.join("', '")}'); give one, or - and the joined files on standard input` }
  if (path !== undefined) return { path }
  return terminal ? { fault: `there is no file to read, and standard input is a terminal; ${wanted}` } : { path: '-' }
}

import { CsvError, parse } from 'csv-parse/sync'
import { isBlank, longestRecord, type Physical, tooLong } from './line.js'

export type Row =
  | { readonly line: number; readonly fields: readonly string[]; readonly invalid?: never }
  | { readonly line: number; readonly invalid: string; readonly fields?: never }

interface Text { readonly line: number; readonly text: string }
type Parsed = { readonly rows: readonly (readonly string[])[] } | { readonly reason: string }

const notClosed = 'broken quote: it is opened here and not closed'
const textBehind = 'broken quote: text follows a closing quote'
const reasons: { readonly [code: string]: string } = {
  CSV_QUOTE_NOT_CLOSED: notClosed,
  INVALID_OPENING_QUOTE: 'broken quote: it stands inside a field that does not begin with one',
  CSV_INVALID_CLOSING_QUOTE: textBehind,
  CSV_NON_TRIMABLE_CHAR_AFTER_CLOSING_QUOTE: textBehind,
}

const parsed = (text: string): Parsed => {
  try {
    return { rows: parse(text, { record_delimiter: ['\r\n', '\n'], relax_column_count: true, trim: true }) }
  } catch (error) {
    if (!(error instanceof CsvError)) throw error
    return { reason: reasons[error.code] ?? error.message }
  }
}

/** Halves what does not parse until a broken record stands alone: a call of the library costs six times what a record does. */
const rowsOf = (texts: readonly Text[]): readonly Row[] => {
  if (texts.length === 0) return []
  const all = parsed(texts.map(({ text }) => text).join('\n'))
  if ('rows' in all && all.rows.length === texts.length) return texts.map(({ line }, i) => ({ line, fields: all.rows[i] ?? [] }))
  if (texts.length === 1) return texts.map(({ line }) => ({ line, invalid: 'reason' in all ? all.reason : 'it is not one record' }))
  const half = texts.length >> 1
  return [...rowsOf(texts.slice(0, half)), ...rowsOf(texts.slice(half))]
}

const inOrder = (found: readonly (Text | Row)[]): readonly Row[] => {
  const read = rowsOf(found.filter(entry => 'text' in entry)).values()
  return found.flatMap(entry => 'text' in entry ? read.next().value ?? [] : entry)
}

const hasOddQuotes = (text: string): boolean => {
  let odd = false
  for (let at = text.indexOf('"'); at >= 0; at = text.indexOf('"', at + 1)) odd = !odd
  return odd
}

/**
 * Lines to rows: a row goes on over the next lines while the number of its quotes is odd; what they mean is left to the
 * library. A quote that is not closed within a record's length costs its own line only, and the next one begins a row again.
 * That stays linear: between two lines with odd quotes no line can open a row that goes on.
 */
export const rows = () => {
  let open: Physical[] = []
  let bytes = 0

  const join = (lines: readonly Physical[], last: boolean): readonly Row[] => {
    const found: (Text | Row)[] = []
    const todo = lines.toReversed()

    const giveUp = (first: Physical) => {
      found.push({ line: first.line, invalid: notClosed })
      for (const line of open.slice(1).toReversed()) todo.push(line)
      open = []
    }
    const begin = (next: Physical) => {
      if (isBlank(next)) return
      if (next.bytes > longestRecord) found.push({ line: next.line, invalid: tooLong })
      else if (hasOddQuotes(next.text) && isOpen(next.text)) [open, bytes] = [[next], next.bytes]
      else found.push(next.invalid === undefined ? next : { line: next.line, invalid: next.invalid })
    }
    const goOn = (first: Physical, next: Physical) => {
      open.push(next)
      bytes += 1 + next.bytes
      if (bytes > longestRecord) return giveUp(first)
      if (!hasOddQuotes(next.text)) return
      const whole = parsed(open.map(({ text }) => text).join('\n'))
      if ('reason' in whole) return giveUp(first)
      const invalid = open.find(line => line.invalid !== undefined)?.invalid
      found.push({ line: first.line, ...(invalid === undefined ? { fields: whole.rows[0] ?? [] } : { invalid }) })
      open = []
    }

    for (;;) {
      const next = todo.pop()
      const [first] = open
      if (next && first) goOn(first, next)
      else if (next) begin(next)
      else if (first && last) giveUp(first)
      else return inOrder(found)
    }
  }
  return { take: (lines: readonly Physical[]) => join(lines, false), end: () => join([], true) }
}

const isOpen = (text: string): boolean => {
  const alone = parsed(text)
  return 'reason' in alone && alone.reason === notClosed
}

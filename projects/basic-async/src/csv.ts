import { address, type Line, type Physical, type Reader, Unreadable } from './line.js'
import { type Row, rows } from './rows.js'

interface Columns { readonly email: number; readonly count: number; /** The row that says so holds an address itself. */ readonly headless: boolean }

const looksLikeAddress = /^\S+@\S+$/

const columnsOf = (line: number, fields: readonly string[]): Columns => {
  const names = fields.map(field => field.trim().toLowerCase())
  const email = names.indexOf('email')
  if (email >= 0 && email === names.lastIndexOf('email')) return { email, count: fields.length, headless: false }
  if (email < 0 && fields.length === 1 && looksLikeAddress.test(names[0] ?? '')) return { email: 0, count: 1, headless: true }
  const some = fields.slice(0, 6).map(name => `'${name}'`).join(', ')
  throw new Unreadable(email >= 0
    ? `it has more than one column 'email': line ${line} has ${some}`
    : `it has no column 'email': line ${line} has ${some}; name a column 'email' and separate columns by commas, or give one address a line`)
}

/** Comma separated values with a header that names a column 'email', or one address a line. */
export const csv = (): Reader => {
  const { take, end } = rows()
  let columns: Columns | undefined

  const lineOf = ({ line, fields, invalid }: Row): Line | undefined => {
    if (fields === undefined) return { line, invalid }
    const known = columns
    columns ??= columnsOf(line, fields)
    if (known === undefined && !columns.headless) return undefined
    const { email, count } = columns
    if (fields.length !== count) return { line, invalid: `expected ${count} ${count === 1 ? 'column' : 'columns'}, found ${fields.length}` }
    return address(line, fields[email] ?? '')
  }
  const linesOf = (found: readonly Row[]) => found.map(lineOf).filter(line => line !== undefined)
  return { take: (lines: readonly Physical[]) => linesOf(take(lines)), end: () => linesOf(end()) }
}

/** One record of a file, by the number of the line where it begins: an address as it was written, or why there is none. */
export type Line =
  | { readonly line: number; readonly email: string; readonly invalid?: never }
  | { readonly line: number; readonly invalid: string; readonly email?: never }

/** What understands one format. It takes a file's lines as they come and says when there are no more. */
export interface Reader {
  take(lines: readonly Physical[]): Iterable<Line>
  end(): Iterable<Line>
}

/** A line as it stands in the file, without its line feed; a carriage return stays, for within quotes it belongs to the field. */
export interface Physical {
  readonly line: number
  /** Empty when the line is too long. */
  readonly text: string
  readonly bytes: number
  readonly invalid?: string
}

/** The file as a whole cannot be used; the message says what to do. */
export class Unreadable extends Error {}

/** Bytes of a record. */
export const longestRecord = 64 * 1024
/** Characters of an address: 64 before the @, 255 behind it (RFC 5321). */
const longestAddress = 320

export const tooLong = `the record is longer than ${longestRecord / 1024} KiB`

export const isBlank = ({ text, invalid }: Physical): boolean => invalid === undefined && text.trim() === ''

/** What the readers can say of an address. Whether it is one is for the command's schema to decide. */
export const address = (line: number, email: string): Line => {
  const { length } = email.trim()
  if (length === 0) return { line, invalid: 'the email is empty' }
  return length > longestAddress ? { line, invalid: `the email has ${length} characters, at most ${longestAddress} can be right` } : { line, email }
}

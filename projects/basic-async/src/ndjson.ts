import { address, isBlank, type Line, type Physical, type Reader } from './line.js'

const expected = 'expected {"email": "…"} or a text'

const kind = (value: unknown): string => value === null ? 'null' : Array.isArray(value) ? 'an array' : typeof value === 'object' ? 'an object' : `a ${typeof value}`

const lineOf = ({ line, text, invalid }: Physical): Line => {
  if (invalid !== undefined) return { line, invalid }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    return { line, invalid: `not JSON: ${error instanceof Error ? error.message : 'it does not parse'}` }
  }
  if (typeof value === 'string') return address(line, value)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return { line, invalid: `${expected}, found ${kind(value)}` }
  if (!('email' in value)) return { line, invalid: `${expected}, found no "email" in it` }
  return typeof value.email === 'string' ? address(line, value.email) : { line, invalid: `expected a text as "email", found ${kind(value.email)}` }
}

/** One JSON value a line: an object with an email, or just the address. */
export const ndjson = (): Reader => ({
  take: lines => lines.filter(line => !isBlank(line)).map(lineOf),
  end: () => [],
})

import { createHash } from 'node:crypto'

/** Bytes of a name, at most; the server cuts what is longer without a word (https://www.postgresql.org/docs/current/limits.html). */
export const longestName = 63
export const fitsName = (name: string): boolean => name !== '' && name.isWellFormed() && !name.includes('\u0000') && Buffer.byteLength(name) <= longestName

/** The name itself, or where it is too long its beginning and a hash of all of it. */
const shortened = (name: string): string => {
  if (Buffer.byteLength(name) <= longestName) return name
  const hash = `~${createHash('sha256').update(name).digest('base64url').slice(0, 10)}`
  let head = ''
  for (const letter of name) {
    if (Buffer.byteLength(head + letter) + hash.length > longestName) break
    head += letter
  }
  return head + hash
}
/** By this name an error of the server is mapped back to what was declared: `customers.tenant+email`. */
export const constraintName = (table: string, what: string): string => shortened(`${table}.${what}`)
/** Indexes share their names with tables and uniques of the schema, so they look different. */
export const indexName = (table: string, columns: readonly string[]): string => shortened(`${indexPrefix(table)}${columns.join('+')}`)
export const indexPrefix = (table: string): string => `${table} by `
export const keyName = (table: string): string => shortened(`${table} key`)

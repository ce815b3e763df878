import { type Row, canonical } from '@lowtide/core'

/** As Postgres orders with collation C, ascending: text by code point, nulls last. */
export const compare = (a: unknown, b: unknown): number => {
  if (a === b) return 0
  if (a === null || b === null) return a === null ? 1 : -1
  if (typeof a === 'number' && typeof b === 'number') return a - b
  if (typeof a === 'boolean' && typeof b === 'boolean') return Number(a) - Number(b)
  return byCodePoint(typeof a === 'string' ? a : canonical(a), typeof b === 'string' ? b : canonical(b))
}
/** UTF-16 sorts surrogates before U+E000 to U+FFFF; code points do not. */
const byCodePoint = (a: string, b: string): number => {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i), y = b.charCodeAt(i)
    if (x !== y) return (x >= 0xd800 && x <= 0xdfff) === (y >= 0xd800 && y <= 0xdfff) ? x - y : x >= 0xd800 && x <= 0xdfff ? 1 : -1
  }
  return a.length - b.length
}
export const inOrder = (columns: readonly string[]) => (a: Row, b: Row): number => {
  for (const c of columns) { const order = compare(a[c], b[c]); if (order !== 0) return order }
  return 0
}

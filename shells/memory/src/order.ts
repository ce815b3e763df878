import { type AnyTable, type ColumnKind, type Row, atOf } from '@lowtide/core'

export type Order = (a: Row, b: Row) => number
type Compare = (a: never, b: never) => number

/** By Unicode code point, as Postgres' collation "C": surrogates stand for what comes behind the rest of the first plane. */
export const byCodePoint = (a: string, b: string): number => {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i), y = b.charCodeAt(i)
    if (x !== y) {
      const far = x >= 0xd800 && x <= 0xdfff, other = y >= 0xd800 && y <= 0xdfff
      return far === other ? x - y : far ? 1 : -1
    }
  }
  return a.length - b.length
}
const byNumber = (a: number, b: number): number => a - b
/** Exact at any length. Equal numbers of different text (`1.0`, `1.00`) are different values, as they are in a key. */
const byDecimal = (a: string, b: string): number => {
  const [whole = '', part = ''] = a.split('.'), [otherWhole = '', otherPart = ''] = b.split('.'), digits = Math.max(part.length, otherPart.length)
  const x = BigInt(whole + part.padEnd(digits, '0')), y = BigInt(otherWhole + otherPart.padEnd(digits, '0'))
  return x < y ? -1 : x > y ? 1 : byCodePoint(a, b)
}

const comparing: { readonly [K in ColumnKind]: Compare } = {
  text: byCodePoint, uuid: byCodePoint, int: byNumber, float: byNumber, decimal: byDecimal, timestamp: byCodePoint,
  bool: (a: boolean, b: boolean) => Number(a) - Number(b),
  json: (a: unknown, b: unknown) => byCodePoint(atOf(['json'], { json: [a] }), atOf(['json'], { json: [b] })),
}

/** Orders rows by these columns, ascending, nulls last, as Postgres does. Zero exactly when all of them are equal. */
export const orderOf = (table: AnyTable, fields: readonly string[]): Order => {
  const compares = fields.map(field => comparing[table.columns[field]!.kind])
  return (a, b) => {
    for (let i = 0; i < fields.length; i++) {
      const x = a[fields[i]!], y = b[fields[i]!]
      if (x === y) continue
      const found = x === null ? 1 : y === null ? -1 : compares[i]!(x as never, y as never)
      if (found !== 0) return found
    }
    return 0
  }
}

const rankBytes = 6
/** A number that orders rows nearly as `orderOf` does: of two rows, the one of lower rank comes first; of equal ranks nothing is said. It is the first six bytes that tell, as a whole number below 2^48. */
export const rankOf = (table: AnyTable, fields: readonly string[]): (row: Row) => number => {
  const kinds = fields.map(field => table.columns[field]!.kind)
  return row => {
    let rank = 0, bytes = 0
    const tell = (byte: number): void => { if (bytes < rankBytes) { rank = rank * 256 + byte; bytes++ } }
    /** Tells the column, or ends where it cannot. */
    const column = (value: unknown, kind: ColumnKind): boolean => {
      if (value === null) { tell(255); return true }
      if (kind === 'bool') { tell(value === true ? 1 : 0); return true }
      if (kind !== 'text' && kind !== 'uuid') return false
      const text = value as string
      for (let i = 0; i < text.length && bytes < rankBytes; i++) {
        const code = text.charCodeAt(i)
        if (code > 127) { tell(254); return false } // behind all of ASCII; what is equal so far is compared
        tell(code)
      }
      tell(0) // no text holds it, so the shorter one comes first
      return true
    }
    for (let i = 0; i < fields.length && bytes < rankBytes && column(row[fields[i]!], kinds[i]!); i++);
    while (bytes < rankBytes) tell(0)
    return rank
  }
}

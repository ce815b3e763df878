import type { ColumnKind } from '@lowtide/core'
import type { Value } from '../server/statement.js'

/** How a kind of column stands in the database, and how its values go there and back. Null is the caller's: it is null on both sides. */
export interface SqlColumn {
  /** The type it is declared with. Text is ordered by its bytes, whatever the database's locale. */
  readonly type: string
  /** For the cast of a parameter that holds a whole column of a batch. */
  readonly array: string
  /** What to select, so that `decode` can read it. */
  read(sqlColumn: string): string
  /** From the text on the wire. */
  decode(text: string): unknown
  encode(value: unknown): Value
}

const same = <A>(value: A): A => value
const plain = (type: string, array = `${type}[]`): SqlColumn => ({ type, array, read: same, decode: same, encode: value => value as string })

const columns: { readonly [K in ColumnKind]: SqlColumn } = {
  text: plain('text collate "C"', 'text[]'),
  int: { ...plain('bigint'), decode: Number, encode: value => value as number },
  float: { ...plain('double precision'), decode: Number, encode: value => value as number },
  bool: { ...plain('boolean'), decode: text => text === 't', encode: value => value as boolean },
  decimal: plain('numeric'),
  // All of a timestamp's milliseconds, also where they are zero: equal instants are equal texts.
  timestamp: { ...plain('timestamptz'), read: column => `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')` },
  uuid: plain('uuid'),
  // Not jsonb: it forgets the order of fields and the spelling of numbers.
  json: { ...plain('json'), decode: text => JSON.parse(text) as unknown, encode: value => JSON.stringify(value) },
}
export const columnOf = (kind: ColumnKind): SqlColumn => columns[kind]

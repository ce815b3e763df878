import * as E from 'fp-ts/lib/Either.js'
import type { Option } from 'fp-ts/lib/Option.js'
import { type Deep, type Output, type Schema, type of, canonical, parse, type Stable } from './schema.js'

// ---- columns
export type ColumnKind = 'text' | 'int' | 'float' | 'bool' | 'decimal' | 'timestamp' | 'uuid' | 'json'
export interface Column<A> { readonly [of]?: (a: A) => A; readonly kind: ColumnKind; readonly optional: boolean; readonly schema?: Schema }
type AnyColumn = Omit<Column<never>, typeof of>
export type Columns = Readonly<Record<string, AnyColumn>>
const column = <A>(kind: ColumnKind): Column<A> => ({ kind, optional: false })
export const text = column<string>('text')
/** A whole number within 2^53. */
export const int = column<number>('int')
export const float = column<number>('float')
export const bool = column<boolean>('bool')
/** An exact number, written as a string: `'12.50'`. Equal numbers may have several texts, so it cannot be part of a key or an index. */
export const decimal = column<string>('decimal')
/** An instant as `Date.toISOString` writes it: ISO 8601, UTC, milliseconds. */
export const timestamp = column<string>('timestamp')
export const uuid = column<string>('uuid')
export const json = <S extends Schema>(schema: S & Stable<S>): Column<Deep<Output<S>>> => ({ kind: 'json', optional: false, schema })
export const optional = <A>(c: Column<A>): Column<A | null> => ({ ...(c as AnyColumn), optional: true })
/** Whether a value is one of the column's: each has one text, so that equal texts are equal values on every shell. */
export const fits: { readonly [K in ColumnKind]: (v: unknown, c: AnyColumn) => boolean } = {
  text: v => typeof v === 'string', int: Number.isSafeInteger, float: Number.isFinite, bool: v => typeof v === 'boolean', json: (v, c) => E.isRight(parse(c.schema!, v)),
  decimal: v => typeof v === 'string' && /^(?!-0(\.0+)?$)-?(0|[1-9]\d*)(\.\d+)?$/.test(v),
  timestamp: v => typeof v === 'string' && /^(?!00)\d{4}-\d\d-\d\dT(?!24)\d\d:\d\d:\d\d\.\d{3}Z$/.test(v) && Date.parse(v) < Date.UTC(Number(v.slice(0, 4)), Number(v.slice(5, 7))), // no 30th of February
  uuid: v => typeof v === 'string' && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(v),
}
/** What does not fit the table's columns, in words; nothing when all does. */
export const misfit = (t: AnyTable, row: Row): string | undefined => {
  for (const name in t.columns) {
    const c = t.columns[name]!, v = row[name]
    if (v === null || v === undefined ? !c.optional || v === undefined : !fits[c.kind](v, c)) return `column '${t.name}.${name}': expected ${c.optional ? 'null or ' : ''}${c.kind}, found ${v === undefined ? 'nothing' : v === null ? 'null' : `another ${typeof v}`}` // never the value: errors hold no payload
  }
  for (const name in row) if (!(name in t.columns)) return `table '${t.name}' has no column '${name}'; it has ${Object.keys(t.columns).join(', ')}`
  return undefined
}

// ---- lookups and changes are data: a shell can answer five hundred in one round trip, and fold what writes one row
export type Row = { readonly [column: string]: unknown }
/** The canonical text of a key or an index value: equal exactly when the values are. */
export type At = string
export type Ask =
  | { readonly op: 'get'; readonly at: At; readonly key: Row }
  | { readonly op: 'by'; readonly at: At; readonly index: number; readonly key: Row }
  | { readonly op: 'where'; readonly at: At; readonly equal: Row; readonly orderBy?: string | undefined; readonly after?: Row | undefined; readonly limit?: number | undefined }
  | { readonly op: 'ask' | 'effect'; readonly at: At; readonly args: unknown }
  | { readonly op: 'nothing' | 'noRows'; readonly at: At }
/** Every lookup and change carries the name of its table or port, which `uses` checks. */
export interface Lookup<N extends string = string, A = unknown> { readonly lookup: N; readonly ask: Ask; readonly [of]?: A }
export type Lookups<N extends string = string> = { readonly [name: string]: Lookup<N> }
export interface Then<N extends string = string, A = unknown> { readonly first: Lookups<N>; readonly next: (answers: never) => Lookups<N>; readonly [of]?: A }
export type Names<L> = L extends Then<infer N> ? N : L[keyof L] extends Lookup<infer N> ? N : never
type Answer<L> = [Exclude<L, undefined>] extends [Lookup<string, infer A>] ? A : never
export type Flat<T> = { [K in keyof T]: T[K] } & {}
export type Answers<L> = L extends Then<string, infer A> ? A : { readonly [K in keyof L]: Answer<L[K]> }
export const nothing: Lookup<never, Option<never>> = { lookup: '' as never, ask: { op: 'nothing', at: '' } }
export const noRows: Lookup<never, readonly never[]> = { lookup: '' as never, ask: { op: 'noRows', at: '' } }
/** One more stage of lookups, made from the answers of the first; the decision gets all of them. `nothing` or `noRows` fill an empty branch. */
export const andThen = <L extends Lookups, M extends Lookups>(first: L, next: (answers: Answers<L>) => M): Then<Names<L> | Names<M>, Flat<Answers<L> & Answers<M>>> =>
  ({ first, next } as Then as Then<Names<L> | Names<M>, Flat<Answers<L> & Answers<M>>>)

export type Alter =
  | { readonly op: 'insert' | 'put'; readonly at: At; readonly row: Row }
  | { readonly op: 'update'; readonly at: At; readonly key: Row; readonly patch: Row; readonly when: Row | undefined }
  | { readonly op: 'increment'; readonly at: At; readonly key: Row; readonly by: { readonly [column: string]: number } }
  | { readonly op: 'remove'; readonly at: At; readonly key: Row }
export interface Change<N extends string = string> { readonly change: N; readonly alter: Alter }

// ---- tables
type Rows<C extends Columns> = { readonly [K in keyof C]: C[K] extends Column<infer A> ? A : never }
/** Columns that are never null, as a key must be. */
type Solid<C extends Columns> = { [F in keyof C as C[F] extends Column<infer A> ? null extends A ? never : F : never]: C[F] }
/** A value of a unique index: nulls are not unique. */
type Sought<R, I> = I extends keyof R ? NonNullable<R[I]> : I extends readonly (infer F extends keyof R)[] ? Flat<{ readonly [K in F]: NonNullable<R[K]> }> : never
type Fields<R> = keyof R & string
type Index<R> = Fields<R> | readonly [Fields<R>, ...Fields<R>[]]
type One<T> = T extends readonly (infer M)[] ? M : T
type Keyed<R, I> = I extends keyof R ? R[I] : I extends readonly (infer F extends keyof R)[] ? Flat<Pick<R, F>> : never
type Prefix<I> = I extends string ? I : I extends readonly [...infer P, unknown] ? I | (P extends readonly [] ? never : Prefix<P>) : never
type Equal<R, I> = I extends readonly (infer F extends keyof R)[] ? Flat<Pick<R, F>> : I extends keyof R ? Flat<Pick<R, I>> : never
type Numeric<R> = { [F in keyof R]: R[F] extends number ? F : never }[keyof R]
export interface AnyTable {
  readonly name: string; readonly columns: Columns; readonly key: readonly string[]; readonly unique: readonly (readonly string[])[]; readonly indexes: readonly (readonly string[])[]
  readonly partitionBy: string; readonly references: { readonly [field: string]: string }
}
export interface Table<N extends string, R, K, U, W> extends AnyTable {
  readonly name: N; readonly [of]?: Keyed<R, K>
  /** The row with this key. */
  get(key: Keyed<R, K>): Lookup<N, Option<R>>
  /** The row with this value of a unique index. */
  by<const I extends U>(index: I, value: Sought<R, I>): Lookup<N, Option<R>>
  /** The rows equal in the leading columns of a declared index, ordered by `orderBy` and then the key, behind `after`, at most `limit`. */
  where(equal: [W] extends [never] ? 'this table declares no indexes' : Equal<R, Prefix<W>>, page?: { orderBy?: Fields<R>; after?: Keyed<R, K>; limit?: number }): Lookup<N, readonly R[]>
  /** The row must not exist. */
  insert(row: R): Change<N>
  /** Whether or not the row exists. */
  put(row: R): Change<N>
  /** Nothing, when the row is absent or differs from `when`. */
  update(key: Keyed<R, K>, patch: Partial<Omit<R, One<K> & string>>, o?: { when?: Partial<R> }): Change<N>
  /** Adds to numbers without reading them; nothing, when the row is absent. */
  increment(key: Keyed<R, K>, by: { readonly [F in Numeric<R>]?: number }): Change<N>
  remove(key: Keyed<R, K>): Change<N>
}
const list = (index: string | readonly string[]): readonly string[] => typeof index === 'string' ? [index] : index
/** The canonical text of some columns of a row. */
export const atOf = (fields: readonly string[], row: Row): At => {
  const only = fields.length === 1 ? row[fields[0]!] : undefined
  return typeof only === 'string' && !only.startsWith('[') ? only : canonical(fields.map(f => row[f]))
}
const rowOf = (fields: readonly string[], value: unknown): Row => fields.length === 1 ? { [fields[0]!]: value } : value as Row

interface Shape { columns: Columns; key: string | readonly string[]; unique?: readonly (string | readonly string[])[]; indexes?: readonly (string | readonly string[])[]; partitionBy?: PropertyKey; references?: { readonly [field: string]: 'self' | { readonly name: string } | undefined } }
/** Declares a table: its columns, its key, what is unique, what `where` may ask for, and what it refers to. It is written only through the events of its handlers. */
export function table<const N extends string, C extends Columns, const K extends Index<Solid<C>>, const U extends Index<C> = never, const W extends Index<C> = never>(name: N, o: {
  columns: C; key: K; unique?: readonly U[]; indexes?: readonly W[]; partitionBy?: keyof NoInfer<C>
  references?: { readonly [F in keyof NoInfer<C>]?: (NonNullable<Rows<NoInfer<C>>[F]> extends Keyed<Rows<NoInfer<C>>, NoInfer<K>> ? 'self' : never) | { readonly name: string; readonly [of]?: NonNullable<Rows<NoInfer<C>>[F]> } }
}): Table<N, Flat<Rows<C>>, K, U, W>
export function table(name: string, shape: Shape): AnyTable {
  const key = list(shape.key), unique = (shape.unique ?? []).map(list)
  const lookup = (ask: Ask): Lookup => ({ lookup: name, ask })
  const change = (alter: Alter): Change => ({ change: name, alter })
  const keyed = (k: unknown): { at: At; key: Row } => { const row = rowOf(key, k); return { at: atOf(key, row), key: row } }
  return {
    name, columns: shape.columns, key, unique, indexes: (shape.indexes ?? []).map(list), partitionBy: String(shape.partitionBy ?? key[0]),
    references: Object.fromEntries(Object.entries(shape.references ?? {}).map(([f, to]) => [f, to === 'self' ? name : to!.name])),
    get: (k: unknown) => lookup({ op: 'get', ...keyed(k) }),
    by: (index: string | readonly string[], value: unknown) => {
      const fields = list(index), row = rowOf(fields, value)
      return lookup({ op: 'by', index: unique.findIndex(u => u.join() === fields.join()), at: atOf(fields, row), key: row })
    },
    where: (equal: Row, page: { orderBy?: string; after?: unknown; limit?: number } = {}) => {
      const after = page.after === undefined ? undefined : rowOf(key, page.after)
      return lookup({ op: 'where', equal, orderBy: page.orderBy, after, limit: page.limit, at: canonical([equal, page.orderBy, after, page.limit]) })
    },
    insert: (row: Row) => change({ op: 'insert', at: atOf(key, row), row }),
    put: (row: Row) => change({ op: 'put', at: atOf(key, row), row }),
    update: (k: unknown, patch: Row, c: { when?: Row } = {}) => change({ op: 'update', ...keyed(k), patch, when: c.when }),
    increment: (k: unknown, by: { readonly [column: string]: number }) => change({ op: 'increment', ...keyed(k), by }),
    remove: (k: unknown) => change({ op: 'remove', ...keyed(k) }),
  } as AnyTable
}

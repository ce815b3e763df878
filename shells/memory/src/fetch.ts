import { type Fact, type Failure, type Row, type TableLookup, atOf } from '@lowtide/core'
import * as E from 'fp-ts/lib/Either.js'
import { failure } from './failure.js'
import { type Order, orderOf } from './order.js'
import type { Held, Index, Rows } from './rows.js'
import type { Site } from './stage.js'

const none: readonly Fact[] = Object.freeze([])
const factOf = ({ row, version }: Held): Fact => ({ row, version })
const one = (held: Held | undefined): readonly Fact[] => held === undefined ? none : [factOf(held)]

const unlike = (equal: Row) => (column: string): boolean => !(column in equal)
/** The columns that order rows of which these are equal, once each. */
const telling = (columns: readonly string[], equal: Row): string => [...new Set(columns.filter(unlike(equal)))].join()

/** The index that answers: one that also has the order, if there is one. */
const indexFor = ({ table, indexes }: Rows, equal: Row, wanted: readonly string[]): { index: Index; ordered: boolean } | undefined => {
  const fields = Object.keys(equal).length
  const fit = indexes.filter(({ columns }) => fields > 0 && fields <= columns.length && !columns.slice(0, fields).some(unlike(equal)))
  const ordered = fit.find(({ columns }) => telling([...columns, ...table.key], equal) === telling(wanted, equal)), index = ordered ?? fit[0]
  return index && { index, ordered: ordered !== undefined }
}

type Where = Extract<TableLookup['ask'], { op: 'where' }>
/**
 * The rows equal in the leading columns of a declared index (a null equals a null), in ascending order of `orderBy` and
 * the key, nulls last, texts by code point; `after` a row, that is strictly behind it in this order. Behind a row that is gone
 * stands nothing, unless the key alone makes the order. Where an index has the order too, it reads no more than the page.
 */
const where = (rows: Rows, { equal, orderBy, after, limit = Infinity }: Where): E.Either<Failure, readonly Fact[]> => {
  const { table, held } = rows, unknown = [...Object.keys(equal), ...(orderBy === undefined ? [] : [orderBy])].find(column => !(column in table.columns))
  if (unknown !== undefined) return E.left(failure(`cannot look up rows of table '${table.name}': it has no column '${unknown}'; it has ${Object.keys(table.columns).join(', ')}`))
  const wanted = orderBy === undefined ? table.key : [orderBy, ...table.key], found = indexFor(rows, equal, wanted)
  if (found === undefined) return E.left(failure(`cannot look up rows of table '${table.name}' where ${Object.keys(equal).join(', ')} are given: expected the leading columns of a declared index, found indexes: ${table.indexes.map(columns => columns.join('+')).join(', ') || 'none'}`))

  const order: Order = orderOf(table, wanted), prefix = orderOf(table, found.index.columns.slice(0, Object.keys(equal).length))
  const behind = after && (orderBy === undefined ? after : held.get(atOf(table.key, after))?.row)
  if ((after !== undefined && behind === undefined) || limit <= 0) return E.right(none)
  const follows = ({ row }: Held): boolean => behind === undefined || order(row, behind) > 0

  const page: Held[] = [], { index, ordered } = found
  index.held.scan(
    row => { const side = prefix(row.row, equal); return side > 0 || (side === 0 && (!ordered || follows(row))) },
    row => {
      if (prefix(row.row, equal) !== 0) return false
      if (ordered || follows(row)) page.push(row)
      return !ordered || page.length < limit
    },
  )
  if (!ordered) page.sort((a, b) => order(a.row, b.row))
  return E.right(page.slice(0, limit).map(factOf))
}

/** Answers lookups from the rows of a place. */
export const fetch = (site: Site, asked: readonly TableLookup[]): E.Either<Failure, readonly (readonly Fact[])[]> => {
  const answers: (readonly Fact[])[] = []
  for (const { lookup, ask } of asked) {
    const rows = site.find(lookup)
    if (rows === undefined) return E.left(site.unknown(lookup))
    if (ask.op === 'get') { answers.push(one(rows.held.get(ask.at))); continue }
    if (ask.op === 'by') {
      const unique = rows.uniques[ask.index]
      if (unique === undefined) return E.left(failure(`cannot look up table '${lookup}' by its unique index ${ask.index}: it has ${rows.uniques.length}`))
      answers.push(one(unique.held.get(ask.at)))
      continue
    }
    const page = where(rows, ask)
    if (E.isLeft(page)) return page
    answers.push(page.right)
  }
  return E.right(answers)
}

import type { Fact, Row, TableLookup } from '@lowtide/core'
import { failure } from '../server/failure.js'
import type { Landed } from '../server/flight.js'
import { type Shape, columnar, named, possible, same } from './shape.js'
import { type Param, type Step, identifier } from '../server/statement.js'

/** Lookups of one form: one statement, however many there are. `slots`: where their answers belong. */
interface Group { readonly slots: number[]; add(lookup: TableLookup): void; step(): Step; answer(landed: Landed, to: Fact[][]): void }

/** Rows by a key or by a unique index. */
const exact = (shape: Shape, columns: readonly string[], by: string): Group => {
  const slots: number[] = [], values = columnar(shape, columns)
  return {
    slots, add: ({ ask }) => values.add((ask as { readonly key: Row }).key),
    step: () => ({ statement: shape.kept(slots.length === 1 ? `${by} one` : by, () => `select u.o, ${shape.select} from ${values.rows('k', true)} join ${shape.at} t on ${same(columns, 'k')}`), params: values.given() }),
    answer: ({ rows }, to) => { for (const cells of rows) to[slots[Number(cells[0]) - 1]!]!.push(shape.fact(cells, 1)) },
  }
}

type Where = Extract<TableLookup['ask'], { op: 'where' }>
/** The order of a page, ascending; nulls stand last, as they do in Postgres. Equal numbers of different text go by the text. */
const orderOf = ({ table }: Shape, { orderBy }: Where) => (of: string): readonly string[] => {
  const column = (name: string): string => `${of}.${identifier(name)}`, key = table.key.map(column)
  return orderBy === undefined ? key : table.columns[orderBy]!.kind === 'decimal' ? [column(orderBy), `${column(orderBy)}::text collate "C"`, ...key] : [column(orderBy), ...key.filter(name => name !== column(orderBy))]
}
/** What stands behind another row, where columns may be null. */
const behindOf = (mine: readonly string[], other: readonly string[]): string => {
  const [t, a] = [mine[0]!, other[0]!], first = `${t} > ${a} or (${t} is null and ${a} is not null)`
  return mine.length === 1 ? `(${first})` : `(${first} or (${t} is not distinct from ${a} and ${behindOf(mine.slice(1), other.slice(1))}))`
}
const whereGroup = (shape: Shape, form: Where, of: string): Group => {
  const { table, at } = shape, equal = Object.keys(form.equal), given = equal.filter(name => form.equal[name] !== null), order = orderOf(shape, form)
  const slots: number[] = [], equals = columnar(shape, given), after = columnar(shape, form.after === undefined ? [] : table.key), limits: number[] = []
  const limited = form.limit !== undefined && form.limit !== Infinity
  const text = (): string => {
    const t = (name: string): string => `t.${identifier(name)}`, by = form.orderBy, mine = order('t')
    const behind = form.after === undefined ? '' : by === undefined ? ` and (${mine.join(', ')}) > (${table.key.map((_, i) => `u.a${i}`).join(', ')})`
      : table.columns[by]!.optional ? ` and ${behindOf(mine, order('a'))}` : ` and (${mine.join(', ')}) > (${order('a').join(', ')})`
    // the row behind which the page begins; where it is gone, nothing stands behind it
    const last = form.after !== undefined && by !== undefined ? ` join ${at} a on ${table.key.map((name, i) => `a.${identifier(name)} = u.a${i}`).join(' and ')}` : ''
    const conditions = equal.map(name => form.equal[name] === null ? `${t(name)} is null` : `${t(name)} = u.e${given.indexOf(name)}`).join(' and ')
    const arrays = [equals.text(1), after.text(given.length + 1), limited ? `$${given.length + after.params.length + 1}::bigint[]` : ''].filter(text => text !== '').join(', '), names = [named(given, 'e'), named(form.after === undefined ? [] : table.key, 'a'), limited ? 'l' : ''].filter(text => text !== '').join(', ')
    return `select u.o, x.* from unnest(${arrays === '' ? '$1::int[]' : arrays}) with ordinality u(${arrays === '' ? 'x' : names}, o)${last} cross join lateral (select ${shape.select}, ${mine.map((e, i) => `${e} as lowtide_o${i}`).join(', ')} from ${at} t where ${conditions}${behind} order by ${mine.join(', ')}${limited ? ' limit u.l' : ''}) x order by u.o, ${mine.map((_, i) => `x.lowtide_o${i}`).join(', ')}`
  }
  return {
    slots,
    add: ({ ask }) => { const { equal: row, after: from, limit } = ask as Where; equals.add(row); if (from) after.add(from); if (limited) limits.push(Math.trunc(limit!)) },
    step: () => ({ statement: shape.kept(of, text), params: [...equals.params, ...after.params, ...(limited ? [limits] : given.length === 0 && form.after === undefined ? [slots] : [])] as readonly Param[] }),
    answer: ({ rows }, to) => { for (const cells of rows) to[slots[Number(cells[0]) - 1]!]!.push(shape.fact(cells, 1)) },
  }
}
/** What the lookup asks of a declared index, in words, where it cannot be. */
const faultOf = ({ table }: Shape, { equal, orderBy }: Where): string | undefined => {
  const unknown = [...Object.keys(equal), ...(orderBy === undefined ? [] : [orderBy])].find(column => !(column in table.columns)), fields = Object.keys(equal)
  if (unknown !== undefined) return `cannot look up rows of table '${table.name}': it has no column '${unknown}'; it has ${Object.keys(table.columns).join(', ')}`
  if (orderBy !== undefined && table.columns[orderBy]!.kind === 'json') return `cannot order rows of table '${table.name}' by '${orderBy}': expected a column with an order, found json`
  if (fields.length > 0 && table.indexes.some(columns => fields.length <= columns.length && columns.slice(0, fields.length).every(name => name in equal))) return undefined
  return `cannot look up rows of table '${table.name}' where ${fields.join(', ')} are given: expected the leading columns of a declared index, found indexes: ${table.indexes.map(columns => columns.join('+')).join(', ') || 'none'}`
}

/** The statements that answer these lookups, one a form, and their answers put in order. Throws a Failure for what no table or index answers. */
export const fetching = (shapes: (table: string) => Shape) => (asked: readonly TableLookup[]): { readonly steps: readonly Step[]; answers(landed: readonly Landed[]): readonly (readonly Fact[])[] } => {
  const groups = new Map<string, Group>(), answers: Fact[][] = asked.map(() => [])
  const enter = (name: string, make: () => Group, lookup: TableLookup, slot: number): void => {
    let group = groups.get(name)
    if (group === undefined) groups.set(name, group = make())
    group.slots.push(slot)
    group.add(lookup)
  }
  for (const [slot, lookup] of asked.entries()) {
    const shape = shapes(lookup.lookup), { table } = shape, { ask } = lookup
    if (ask.op === 'get') { if (possible(shape, table.key, ask.key)) enter(table.name, () => exact(shape, table.key, 'get'), lookup, slot); continue }
    if (ask.op === 'by') {
      const columns = table.unique[ask.index]
      if (columns === undefined) throw failure(`cannot look up table '${table.name}' by its unique index ${ask.index}: it has ${table.unique.length}`)
      if (possible(shape, columns, ask.key)) enter(`${table.name}\u0000${ask.index}`, () => exact(shape, columns, `by ${ask.index}`), lookup, slot)
      continue
    }
    const fault = faultOf(shape, ask), fields = Object.keys(ask.equal)
    if (fault !== undefined) throw failure(fault)
    if (ask.limit !== undefined && !(ask.limit >= 1)) continue
    if (!possible(shape, fields.filter(name => ask.equal[name] !== null), ask.equal) || (ask.after && !possible(shape, table.key, ask.after))) continue
    const form = [table.name, ...fields.map(name => `${name}${ask.equal[name] === null ? '' : '='}`), ask.orderBy ?? '', ask.after ? 'after' : '', ask.limit === undefined || ask.limit === Infinity ? '' : 'limit'].join('\u0000\u0000')
    enter(form, () => whereGroup(shape, ask, form), lookup, slot)
  }
  const list = [...groups.values()]
  return {
    steps: list.map(group => group.step()),
    answers: landed => { list.forEach((group, i) => group.answer(landed[i]!, answers)); return answers },
  }
}

import { type AnyTable, type At, type Check, type Conflict, type Fact, type Row, type TableLookup, type Write, atOf, keyOf } from '@lowtide/core'
import { inOrder } from './order.js'

type Versions = { next(): number }
interface Page { readonly fields: readonly string[]; readonly rows: Map<At, Set<At>> }
interface Kept { readonly table: AnyTable; readonly references: readonly (readonly [field: string, parent: string])[]; readonly rows: Map<At, Fact>; readonly unique: readonly Map<At, At>[]; readonly pages: ReadonlyMap<string, Page> }
interface Final { readonly kept: Kept; readonly at: At; readonly key: string; readonly before: Row | undefined; readonly after: Row | undefined }

const whole = (fields: readonly string[], row: Row | undefined): At | undefined => {
  if (row !== undefined) for (const f of fields) if (row[f] == null) return undefined
  return row === undefined ? undefined : atOf(fields, row)
}
const parentAt = (value: unknown): At => atOf(['id'], { id: value })
const nameOf = (fields: readonly string[]): string => fields.toSorted().join()
/** Every leading part of a declared index answers a `where`, and every reference finds its children. */
const pagesOf = (t: AnyTable): Map<string, readonly string[]> => new Map([...t.indexes.flatMap(i => i.map((_, n) => i.slice(0, n + 1))), ...Object.keys(t.references).map(f => [f])].map(fields => [nameOf(fields), fields.toSorted()]))

/** Tables as maps, with the constraints of a database: keys, unique indexes, references, versions that never come back. */
export const keep = (tables: readonly AnyTable[], versions: Versions) => {
  const all = new Map(tables.map((table): [string, Kept] => [table.name, {
    table, references: Object.entries(table.references), rows: new Map(), unique: table.unique.map(() => new Map()), pages: new Map([...pagesOf(table)].map(([n, fields]) => [n, { fields, rows: new Map() }])),
  }]))
  const children = tables.flatMap(t => Object.entries(t.references).map(([field, parent]) => ({ child: t.name, field, parent })))

  const page = ({ table, rows, pages }: Kept, ask: Extract<TableLookup['ask'], { op: 'where' }>): readonly Fact[] => {
    const fields = Object.keys(ask.equal).toSorted(), index = pages.get(fields.join())
    if (index === undefined) throw new TypeError(`table '${table.name}' has no index that begins with ${fields.join(' and ')}; it has ${table.indexes.map(i => i.join('+')).join(', ') || 'none'}`)
    const order = inOrder(ask.orderBy === undefined ? table.key : [ask.orderBy, ...table.key])
    // a row that is gone still has a place among the keys, but none in another order
    const mark = ask.after === undefined || ask.orderBy === undefined ? ask.after : rows.get(atOf(table.key, ask.after))?.row
    if (ask.after !== undefined && mark === undefined) return []
    const found = [...index.rows.get(atOf(fields, ask.equal)) ?? []].map(at => rows.get(at)!).filter(f => mark === undefined || order(f.row, mark) > 0)
    return found.sort((a, b) => order(a.row, b.row)).slice(0, ask.limit)
  }
  const answer = ({ lookup, ask }: TableLookup): readonly Fact[] => {
    const kept = all.get(lookup)
    if (kept === undefined) throw new TypeError(`there is no table '${lookup}' here; there is ${[...all.keys()].join(', ')}`)
    if (ask.op === 'where') return page(kept, ask)
    const at = ask.op === 'get' ? ask.at : kept.unique[ask.index]!.get(ask.at), fact = at === undefined ? undefined : kept.rows.get(at)
    return fact === undefined ? [] : [fact]
  }
  const holds = (c: Check): boolean => {
    const { rows, unique } = all.get(c.table)!
    return c.index === undefined ? rows.get(c.at)?.version === c.version : !unique[c.index]!.has(c.at)
  }

  /** What the unit's writes come to, and what forbids them: all of it, each key once. Nothing is changed. */
  const foresee = (writes: readonly Write[]) => {
    const stale: string[] = [], broken: Conflict['broken'][number][] = [], finals = new Map<string, Final>()
    for (const w of writes) {
      const kept = all.get(w.table)!, base = kept.rows.get(w.at), before = base?.row
      if (w.op === 'insert' ? base !== undefined : w.op !== 'add' && base?.version !== w.version) stale.push(w.key)
      else if (w.op !== 'add') finals.set(w.key, { kept, at: w.at, key: w.key, before, after: w.op === 'remove' ? undefined : w.row })
      else if (before !== undefined) {
        const after = Object.freeze({ ...before, ...Object.fromEntries(Object.entries(w.by).map(([f, n]) => [f, Number(before[f]) + n])) })
        const over = Object.keys(w.by).find(f => kept.table.columns[f]?.kind === 'int' && !Number.isSafeInteger((after as Row)[f]))
        if (over === undefined) finals.set(w.key, { kept, at: w.at, key: w.key, before, after })
        else broken.push({ key: w.key, constraint: `${w.table}.${over} within 2^53` })
      }
    }
    const rowOf = (table: string, at: At): Row | undefined => { const f = finals.get(keyOf(table, at)); return f ? f.after : all.get(table)?.rows.get(at)?.row }
    const taken = new Map<string, At>()
    for (const { kept: { table, unique, references }, at, before, after } of finals.values()) {
      for (let i = 0; i < unique.length; i++) {
        const fields = table.unique[i]!, mine = whole(fields, after)
        if (mine === undefined || mine === whole(fields, before)) continue
        const holder = unique[i]!.get(mine), key = keyOf(table.name, mine, i)
        if ((holder !== undefined && holder !== at && whole(fields, rowOf(table.name, holder)) === mine) || (taken.has(key) && taken.get(key) !== at)) stale.push(key)
        taken.set(key, at)
      }
      for (const [field, parent] of references) {
        const value = after?.[field]
        if (value == null || !all.has(parent) || rowOf(parent, parentAt(value)) !== undefined) continue
        const key = keyOf(parent, parentAt(value))
        if (finals.has(key)) broken.push({ key, constraint: `${table.name}.${field}` })
        else stale.push(key)
      }
    }
    for (const { kept, at, key, after } of finals.values()) if (after === undefined) for (const { child, field, parent } of children) {
      if (parent !== kept.table.name) continue
      const left = [...all.get(child)!.pages.get(field)!.rows.get(at) ?? []].some(c => { const row = rowOf(child, c); return row !== undefined && row[field] != null && parentAt(row[field]) === at })
      if (left) broken.push({ key, constraint: `${child}.${field}` })
    }
    return { stale, broken, finals: [...finals.values()] }
  }
  /** Cannot fail: all is checked before. What is freed goes first, so that two rows may change places. */
  const apply = (finals: readonly Final[]): void => {
    for (const { kept, at, before, after } of finals) {
      if (before !== undefined) {
        for (let i = 0; i < kept.unique.length; i++) { const fields = kept.table.unique[i]!, old = whole(fields, before); if (old !== undefined && old !== whole(fields, after)) kept.unique[i]!.delete(old) }
        for (const { fields, rows } of kept.pages.values()) { const old = atOf(fields, before), set = rows.get(old); set?.delete(at); if (set?.size === 0) rows.delete(old) }
      }
      if (after === undefined) kept.rows.delete(at)
    }
    for (const { kept, at, after } of finals) {
      if (after === undefined) continue
      kept.rows.set(at, { row: after, version: versions.next() })
      for (let i = 0; i < kept.unique.length; i++) { const now = whole(kept.table.unique[i]!, after); if (now !== undefined) kept.unique[i]!.set(now, at) }
      for (const { fields, rows } of kept.pages.values()) { const now = atOf(fields, after), set = rows.get(now); if (set) set.add(at); else rows.set(now, new Set([at])) }
    }
  }
  return {
    answer, holds, foresee, apply,
    /** All rows, by key. */
    rows: (table: string): readonly Row[] => { const k = all.get(table); return k ? [...k.rows.values()].map(f => f.row).sort(inOrder(k.table.key)) : [] },
    /** Takes the place of these tables, all at once; their versions are new ones already. */
    adopt: (other: Keeping, names: readonly string[]): void => { for (const n of names) all.set(n, other.part(n)) },
    part: (table: string): Kept => all.get(table)!,
  }
}
export interface Keeping { part(table: string): Kept }

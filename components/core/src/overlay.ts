import { seal } from './schema.js'
import { type Check, type Fact, type TableLookup, type Write, keyOf } from './shell.js'
import { type AnyTable, type Alter, type At, type Lookup, type Row, atOf, misfit } from './table.js'

type Place = { readonly table: AnyTable; readonly at: At; readonly columns: Row }
/** What was fetched: a row, `null` for absent, nothing for not asked. It outlives a decision that is made again in memory. */
export const facts = () => {
  const rows = new Map<string, Fact | null>(), unique = new Map<string, At | null>(), pages = new Map<string, readonly Fact[]>()
  return {
    rows, unique, pages,
    learn: (t: AnyTable, { ask }: TableLookup, found: readonly Fact[]): void => {
      const note = (key: string, fact: Fact | null): void => { if (!rows.has(key)) rows.set(key, fact) } // the first answer stands: a later one shows at commit that it is stale
      if (ask.op === 'get') note(keyOf(t.name, ask.at), found[0] ?? null)
      else if (ask.op === 'by') unique.set(keyOf(t.name, ask.at, ask.index), found[0] ? atOf(t.key, found[0].row) : null)
      else pages.set(keyOf(t.name, ask.at), found)
      if (ask.op !== 'get') for (const f of found) note(keyOf(t.name, atOf(t.key, f.row)), f)
    },
  }
}
export type Facts = ReturnType<typeof facts>
interface Staged extends Place { readonly row: Row | null | undefined; readonly op: 'set' | 'add'; readonly by: Deltas; readonly job: number }
/** What one decision touched, and what stopped it: facts it lacks, a staged change that only a commit makes answerable, a constraint. */
export interface Trace { readonly reads: Map<string, Place & { readonly index?: number }>; readonly wrote: Set<string>; /** Tables asked with `where`. */ readonly pages: Set<string>; readonly needs: Lookup[]; cut: boolean; alone: boolean; broken: string | undefined }
export const trace = (): Trace => ({ reads: new Map(), wrote: new Set(), pages: new Set(), needs: [], cut: false, alone: false, broken: undefined })

type Deltas = { readonly [column: string]: number }
/** The second's fields, added to the first's. */
const sum = (to: Deltas, by: Deltas): Deltas => ({ ...to, ...Object.fromEntries(Object.entries(by).map(([f, n]) => [f, (to[f] ?? 0) + n])) })
const pick = (fields: readonly string[], row: Row): Row => { const some: { [column: string]: unknown } = {}; for (const f of fields) some[f] = row[f]; return some }
const equals = (equal: Row, row: Row | null | undefined): boolean => row != null && Object.keys(equal).every(f => atOf([f], equal) === atOf([f], row))
const whole = (fields: readonly string[], row: Row | null | undefined): At | undefined => row == null || fields.some(f => row[f] == null) ? undefined : atOf(fields, row)

/** The rows as the messages before have staged them, over the facts. Exact, or it says that it cannot answer. `tables` by name; `parents` are referred to. */
export const overlay = (known: Facts, tables: ReadonlyMap<string, AnyTable>, parents: ReadonlySet<string>) => {
  const staged = new Map<string, Staged>(), taken = new Map<string, { readonly at: At | null; readonly job: number }>()
  const journal: [Map<string, unknown>, string, unknown][] = []
  const write = <V>(map: Map<string, V>, key: string, value: V): void => {
    journal.push([map, key, map.get(key)])
    map.set(key, value)
  }
  const current = (key: string): Row | null | undefined => {
    const s = staged.get(key)
    if (s !== undefined) return s.row
    const f = known.rows.get(key)
    return f === undefined || f === null ? f : f.row
  }
  const getOf = (p: Place): TableLookup => ({ lookup: p.table.name, ask: { op: 'get', at: p.at, key: p.columns } })
  const lookAt = (p: Place, t: Trace): Row | null | undefined => {
    const key = keyOf(p.table.name, p.at), row = current(key)
    if (row === undefined) t.needs.push(getOf(p))
    else t.reads.set(key, p)
    return row
  }
  const holder = (table: AnyTable, index: number, at: At, columns: Row, t: Trace): At | null | undefined => {
    const key = keyOf(table.name, at, index), here = taken.get(key)
    const found = here === undefined ? known.unique.get(key) : here.at
    if (found === undefined) t.needs.push({ lookup: table.name, ask: { op: 'by', index, at, key: columns } })
    else t.reads.set(key, { table, at, columns, index })
    return found
  }

  const read = ({ lookup, ask }: TableLookup, t: Trace): readonly Row[] => {
    const table = tables.get(lookup)!
    if (ask.op === 'where') {
      t.pages.add(lookup)
      const page = known.pages.get(keyOf(lookup, ask.at))
      if (page === undefined) { t.needs.push({ lookup, ask }); return [] }
      const after = ask.after && keyOf(lookup, atOf(table.key, ask.after))
      // exact unless a row that an earlier message staged is on the page, or was, or may be (an increment of an unknown row), or marks where it starts
      for (const [key, s] of staged) if (s.table === table && (key === after || s.row === undefined || equals(ask.equal, s.row) || equals(ask.equal, known.rows.get(key)?.row))) { t.cut = true; break }
      return page.map(f => f.row)
    }
    const at = ask.op === 'get' ? ask.at : holder(table, ask.index, ask.at, ask.key, t)
    if (at == null) return []
    const row = lookAt({ table, at, columns: ask.op === 'get' ? ask.key : rowAt(table, at) }, t)
    return row == null ? [] : [row]
  }
  /** The key columns of a row that is known at this place. */
  const rowAt = (table: AnyTable, at: At): Row => { const row = current(keyOf(table.name, at)); return row == null ? {} : pick(table.key, row) }

  const set = (p: Place, before: Row | null, after: Row | null, add: Staged['by'] | undefined, job: number, t: Trace): void => {
    const key = keyOf(p.table.name, p.at), old = staged.get(key)
    t.wrote.add(key)
    p.table.unique.forEach((fields, index) => {
      const free = whole(fields, before), take = whole(fields, after)
      if (free === take) return
      if (free !== undefined) { const k = keyOf(p.table.name, free, index); t.wrote.add(k); write(taken, k, { at: null, job }) }
      if (take === undefined) return
      const k = keyOf(p.table.name, take, index), freed = taken.get(k)
      const by = holder(p.table, index, take, pick(fields, after!), t)
      if (by !== null && by !== undefined && by !== p.at) { t.broken ??= `${p.table.name}.${fields.join('+')}`; lookAt({ table: p.table, at: by, columns: rowAt(p.table, by) }, t) }
      if (freed !== undefined && freed.at === null && freed.job !== job && known.unique.get(k) !== null) t.cut = true // folded, one statement would see both holders
      t.wrote.add(k); write(taken, k, { at: p.at, job })
    })
    if (after === null && parents.has(p.table.name)) { t.alone = true; t.cut ||= old !== undefined && old.job !== job } // whether rows refer to it, only the store knows
    const by = add && old?.op !== 'set' ? sum(old?.by ?? {}, add) : undefined
    write(staged, key, { ...p, row: after, op: by ? 'add' : 'set', by: by ?? {}, job })
  }

  /** Stages one change of a message, or notes in the trace what stops it. */
  const apply = (table: AnyTable, a: Alter, job: number, t: Trace): void => {
    const p: Place = { table, at: a.at, columns: 'key' in a ? a.key : pick(table.key, a.row) }
    const key = keyOf(table.name, a.at), now = current(key)
    const fit = (row: Row): Row => { // as the store will give it back: checked, its columns in their order, frozen
      const fault = atOf(table.key, row) === a.at ? misfit(table, row) : `an update of '${table.name}' sets its key; remove the row and insert another`, whole: { [column: string]: unknown } = {}
      if (fault !== undefined) throw new TypeError(fault)
      for (const column in table.columns) whole[column] = seal(row[column])
      return Object.freeze(whole)
    }
    // only whole numbers can be added in any order, and only where no unique value rests on them
    const adds = a.op === 'increment' && Object.keys(a.by).every(f => table.columns[f]?.kind === 'int')
    if (a.op === 'insert') {
      if (now != null) { t.broken ??= `${table.name}.${table.key.join('+')}`; t.reads.set(key, p) } else set(p, null, fit(a.row), undefined, job, t)
    } else if (adds && now === undefined && !table.unique.flat().some(f => f in a.by)) {
      t.wrote.add(key)
      write(staged, key, { ...p, row: undefined, op: 'add', by: sum(staged.get(key)?.by ?? {}, a.by), job })
    } else if (now === undefined) t.needs.push(getOf(p))
    else if (a.op === 'put') set(p, now, fit(a.row), undefined, job, t)
    else if (now === null || (a.op === 'update' && a.when !== undefined && !equals(a.when, now))) t.reads.set(key, p) // changes nothing, because of what it read
    else if (a.op === 'remove') set(p, now, null, undefined, job, t)
    else if (a.op === 'update') set(p, now, fit({ ...now, ...a.patch }), undefined, job, t)
    else if (a.op === 'increment') {
      const row: Row = { ...now, ...sum(now as Deltas, a.by) }, over = Object.keys(a.by).find(f => table.columns[f]?.kind === 'int' && !Number.isSafeInteger(row[f]))
      if (over !== undefined) { t.broken ??= `${table.name}.${over} within 2^53`; t.reads.set(key, p) } else set(p, now, fit(row), adds ? a.by : undefined, job, t)
    }
  }
  /** At the end of a message: every row that it wrote refers to rows that exist. */
  const settle = (t: Trace): void => {
    const mine = [...t.wrote].flatMap(key => { const s = staged.get(key); return s ? [{ ...s, key }] : [] })
    for (const { key, row, table: child } of t.broken === undefined ? mine : []) {
      for (const [field, parent] of Object.entries(row ? child.references : {})) {
        const value = row![field], table = tables.get(parent)
        if (value == null || table === undefined || known.rows.get(key)?.row[field] === value) continue
        const columns = { [table.key[0]!]: value }, at = atOf(table.key, columns), there = current(keyOf(parent, at))
        if (there === undefined) t.needs.push(getOf({ table, at, columns }))
        else if (there === null) t.broken ??= `${child.name}.${field}`
        if (there === null || staged.get(keyOf(parent, at))?.op === 'set') t.reads.set(keyOf(parent, at), { table, at, columns }) // a parent of this batch: built on it
      }
    }
    // a refusal rests on the rows that were to be written: it reads them, and which constraint breaks first can only be said once they are known
    for (const s of t.broken === undefined ? [] : mine.filter(x => x.row !== undefined)) {
      t.reads.set(s.key, { table: s.table, at: s.at, columns: s.columns })
      if (s.op === 'set' && !known.rows.has(s.key)) t.needs.push(getOf(s))
    }
  }
  return {
    read, apply, settle,
    keep: (): void => { journal.length = 0 },
    undo: (): void => { for (const [map, key, old] of journal.splice(0).toReversed()) if (old === undefined) map.delete(key); else map.set(key, old) },
    /** All staged rows folded, one write a row, and the checks of what these decisions read and nobody here writes. */
    fold: (decided: readonly { readonly trace: Trace }[]): { readonly checks: readonly Check[]; readonly writes: readonly Write[] } => {
      const writes = new Map<string, Write>(), checks = new Map<string, Check>()
      for (const [key, s] of staged) {
        const base = known.rows.get(key), place = { key, table: s.table.name, at: s.at, columns: s.columns }
        if (s.op === 'add') writes.set(key, { ...place, op: 'add', by: s.by })
        else if (s.row) writes.set(key, base ? { ...place, op: 'update', row: s.row, version: base.version } : { ...place, op: 'insert', row: s.row })
        else if (base) writes.set(key, { ...place, op: 'remove', version: base.version })
        else checks.set(key, { ...place, version: undefined })
      }
      for (const { trace: t } of decided) for (const [key, { table, at, columns, index }] of t.reads) {
        const place = { key, table: table.name, at, columns }
        if (index !== undefined) { if (known.unique.get(key) === null && (taken.get(key)?.at ?? null) === null) checks.set(key, { ...place, index }) }
        else if (known.rows.has(key) && (writes.get(key)?.op ?? 'add') === 'add') checks.set(key, { ...place, version: known.rows.get(key)?.version })
      }
      return { checks: [...checks.values()], writes: [...writes.values()] }
    },
  }
}

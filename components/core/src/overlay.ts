import { seal } from './schema.js'
import { type Check, type Fact, type TableAsk, type TableLookup, type Write, keyOf } from './shell.js'
import { type AnyTable, type Alter, type At, type Lookup, type Row, atOf, misfit } from './table.js'

/** A row, or a value of a unique index. `key` spells it in one string, `columns` are the values that make `at`. */
interface Place { readonly key: string; readonly table: AnyTable; readonly at: At; readonly columns: Row; readonly index: number | undefined }
const placeOf = (table: AnyTable, at: At, columns: Row, index?: number): Place => ({ key: keyOf(table.name, at, index), table, at, columns, index })
/** The key of what a lookup asks for; a page stands apart from the row with that key. */
export const keyOfLookup = ({ lookup, ask }: TableLookup): string => keyOf(lookup, ask.at, ask.op === 'by' ? ask.index : ask.op === 'where' ? -2 : undefined)
const lookupOf = ({ table, at, columns, index }: Place): TableLookup => ({ lookup: table.name, ask: index === undefined ? { op: 'get', at, key: columns } : { op: 'by', at, index, key: columns } })

/** What was fetched: a row, `null` for absent, nothing for not asked. It outlives a decision that is made again in memory. */
export const facts = () => {
  const rows = new Map<string, Fact | null>(), unique = new Map<string, At | null>(), pages = new Map<string, readonly Fact[]>()
  const note = (key: string, fact: Fact | null): void => { if (!rows.has(key)) rows.set(key, fact) } // the first answer stands: a later one shows at commit that it is stale
  return {
    rows, unique, pages,
    learn: (t: AnyTable, op: TableAsk['op'], key: string, found: readonly Fact[]): void => {
      if (op === 'get') return note(key, found[0] ?? null)
      if (op === 'by') unique.set(key, found[0] ? atOf(t.key, found[0].row) : null)
      else pages.set(key, found)
      for (const f of found) note(keyOf(t.name, atOf(t.key, f.row)), f)
    },
  }
}

/** What one decision touched (`pages`: tables asked with `where`), and what stopped it: facts it lacks, a staged change that only a commit makes answerable, a constraint. */
export interface Trace { reads: readonly Place[]; wrote: readonly string[]; pages: readonly string[]; needs: readonly Lookup[]; cut: boolean; alone: boolean; broken: string | undefined }
export const none: readonly never[] = []
export const trace = (): Trace => ({ reads: none, wrote: none, pages: none, needs: none, cut: false, alone: false, broken: undefined })
/** One more. Most lists of a message hold one or two; a push to an empty one makes room for seventeen. */
export const more = <A>(list: readonly A[], one: A): readonly A[] => list.length === 0 ? [one] : list.length === 1 ? [list[0]!, one] : ((list as A[]).push(one), list)

type Deltas = { readonly [column: string]: number }
/** A row as staged: `undefined` where only additions to it are known. `put`: over whatever stands there, which nobody has asked. */
interface Staged { readonly place: Place; readonly row: Row | null | undefined; readonly by: Deltas | undefined; readonly put: boolean; readonly job: number }
/** The second's fields, added to the first's. */
const sum = (to: Deltas, by: Deltas): Deltas => ({ ...to, ...Object.fromEntries(Object.entries(by).map(([f, n]) => [f, (to[f] ?? 0) + n])) })
const pick = (fields: readonly string[], row: Row): Row => { const some: { [column: string]: unknown } = {}; for (const f of fields) some[f] = row[f]; return some }
const equals = (equal: Row, row: Row | null | undefined): boolean => row != null && Object.keys(equal).every(f => atOf([f], equal) === atOf([f], row))
const whole = (fields: readonly string[], row: Row | null | undefined): At | undefined => {
  if (row != null) for (const f of fields) if (row[f] == null) return undefined
  return row == null ? undefined : atOf(fields, row)
}

/** The rows as the messages before have staged them, over the facts. Exact, or it says that it cannot answer. `tables` by name; `parents` are referred to. */
export const overlay = (known: ReturnType<typeof facts>, tables: ReadonlyMap<string, AnyTable>, parents: ReadonlySet<string>) => {
  const staged = new Map<string, Staged>(), taken = new Map<string, Pick<Staged, 'job'> & { readonly at: At | null }>(), journal: unknown[] = []
  let noted = 0 // of the journal; it keeps its room
  const write = <V>(map: Map<string, V>, key: string, value: V): void => { journal[noted] = map; journal[noted + 1] = key; journal[noted + 2] = map.get(key); noted += 3; map.set(key, value) }
  const current = (key: string): Row | null | undefined => { const s = staged.get(key), f = s ? null : known.rows.get(key); return s ? s.row : f && f.row }
  /** What stands at a place: the decision reads it, or needs it first. */
  const seen = <A>(found: A, p: Place, t: Trace): A => { if (found === undefined) t.needs = more(t.needs, lookupOf(p)); else t.reads = more(t.reads, p); return found }
  const holder = (p: Place, t: Trace): At | null | undefined => { const here = taken.get(p.key); return seen(here === undefined ? known.unique.get(p.key) : here.at, p, t) }
  const lookAt = (p: Place, t: Trace): Row | null | undefined => seen(current(p.key), p, t)
  /** The row at a place that an index names: its key columns are taken from the row itself. */
  const rowAt = (table: AnyTable, at: At, t: Trace): Row | null | undefined => { const row = current(keyOf(table.name, at)); return lookAt(placeOf(table, at, row == null ? {} : pick(table.key, row)), t) }
  const read = ({ lookup, ask }: TableLookup, t: Trace): readonly Row[] => {
    const table = tables.get(lookup)!
    if (ask.op === 'where') {
      const page = known.pages.get(keyOfLookup({ lookup, ask })), after = ask.after && keyOf(lookup, atOf(table.key, ask.after))
      t.pages = more(t.pages, lookup)
      if (page === undefined) t.needs = more(t.needs, { lookup, ask })
      // exact unless a row that an earlier message staged is on the page, or was, or may be (an addition to an unknown row), or marks where it starts
      for (const [key, s] of staged) t.cut ||= s.place.table === table && (key === after || s.row === undefined || s.put || equals(ask.equal, s.row) || equals(ask.equal, known.rows.get(key)?.row))
      return page?.map(f => f.row) ?? []
    }
    const at = ask.op === 'get' ? ask.at : holder(placeOf(table, ask.at, ask.key, ask.index), t)
    const row = at == null ? at : ask.op === 'get' ? lookAt(placeOf(table, at, ask.key), t) : rowAt(table, at, t)
    return row == null ? [] : [row]
  }

  /** Moves unique values from the row before to the row after. */
  const claim = ({ table, at }: Place, before: Row | null, after: Row | null, job: number, t: Trace): void => {
    for (let index = 0; index < table.unique.length; index++) {
      const fields = table.unique[index]!, free = whole(fields, before), take = whole(fields, after)
      if (free === take) continue
      if (free !== undefined) { const k = keyOf(table.name, free, index); t.wrote = more(t.wrote, k); write(taken, k, { at: null, job }) }
      if (take === undefined) continue
      const p = placeOf(table, take, pick(fields, after!), index), freed = taken.get(p.key), by = holder(p, t)
      if (by != null && by !== at) { t.broken ??= `${table.name}.${fields.join('+')}`; rowAt(table, by, t) }
      if (freed?.at === null && freed.job !== job && known.unique.get(p.key) !== null) t.cut = true // folded, one statement would see both holders
      t.wrote = more(t.wrote, p.key)
      write(taken, p.key, { at, job })
    }
  }
  const set = (place: Place, before: Row | null | undefined, after: Row | null, add: Deltas | undefined, job: number, t: Trace): void => {
    const old = staged.get(place.key)
    t.wrote = more(t.wrote, place.key)
    if (old?.row && old.job !== job) for (const f in place.table.references) t.cut ||= old.row[f] !== null && old.row[f] !== after?.[f] // folded, nobody would check the parent that it had
    if (place.table.unique.length > 0) claim(place, before!, after, job, t)
    if (after === null && parents.has(place.table.name)) { t.alone = true; t.cut ||= old !== undefined && old.job !== job } // whether rows refer to it, only the store knows
    write<Staged>(staged, place.key, { place, row: after, by: add && (old === undefined || old.by) ? sum(old?.by ?? {}, add) : undefined, put: before === undefined || old?.put === true, job })
  }
  /** A row as the store will give it back: checked, its columns in their order, frozen. */
  const fit = ({ table, at }: Place, row: Row): Row => {
    const fault = atOf(table.key, row) === at ? misfit(table, row) : `an update of '${table.name}' sets its key; remove the row and insert another`, made: { [column: string]: unknown } = {}
    if (fault !== undefined) throw new TypeError(fault)
    for (const column in table.columns) made[column] = seal(row[column])
    return Object.freeze(made)
  }

  /** Stages one change of a message, or notes in the trace what stops it. */
  const apply = (table: AnyTable, a: Alter, job: number, t: Trace): void => {
    const p = placeOf(table, a.at, 'key' in a ? a.key : pick(table.key, a.row)), now = current(p.key)
    const forbid = (constraint: string): void => { t.broken ??= `${table.name}.${constraint}`; t.reads = more(t.reads, p) }
    // only whole numbers can be added in any order, and only where no unique value rests on them
    const adds = a.op === 'increment' && Object.keys(a.by).every(f => table.columns[f]?.kind === 'int' && !table.unique.some(u => u.includes(f)))
    if (a.op === 'insert') {
      if (now == null) set(p, null, fit(p, a.row), undefined, job, t)
      else forbid(table.key.join('+'))
    } else if (adds && now === undefined) {
      t.wrote = more(t.wrote, p.key)
      write<Staged>(staged, p.key, { place: p, row: undefined, by: sum(staged.get(p.key)?.by ?? {}, a.by), put: false, job })
    } else if (a.op === 'put' && (now !== undefined || (table.unique.length === 0 && !staged.has(p.key)))) set(p, now, fit(p, a.row), undefined, job, t)
    else if (now === undefined || (a.op === 'remove' && staged.get(p.key)?.put)) t.needs = more(t.needs, lookupOf(p))
    else if (now === null || (a.op === 'update' && a.when !== undefined && !equals(a.when, now))) t.reads = more(t.reads, p) // changes nothing, because of what it read
    else if (a.op === 'remove') set(p, now, null, undefined, job, t)
    else if (a.op === 'update') set(p, now, fit(p, { ...now, ...a.patch }), undefined, job, t)
    else if (a.op === 'increment') {
      const row: Row = { ...now, ...sum(now as Deltas, a.by) }, over = Object.keys(a.by).find(f => table.columns[f]?.kind === 'int' && !Number.isSafeInteger(row[f]))
      if (over === undefined) set(p, now, fit(p, row), adds ? a.by : undefined, job, t)
      else forbid(`${over} within 2^53`)
    }
  }
  /** At the end of a message: every row that it wrote refers to rows that exist. */
  const settle = (t: Trace): void => {
    for (const key of t.broken === undefined ? t.wrote : []) {
      const s = staged.get(key)
      if (s?.row == null) continue
      for (const field in s.place.table.references) {
        const parent = s.place.table.references[field]!, value = s.row[field], table = tables.get(parent)
        if (value == null || table === undefined || known.rows.get(key)?.row[field] === value) continue
        const columns = { [table.key[0]!]: value }, p = placeOf(table, atOf(table.key, columns), columns), there = current(p.key)
        if (there === undefined) t.needs = more(t.needs, lookupOf(p))
        else if (there === null) t.broken ??= `${s.place.table.name}.${field}`
        if (there === null || (staged.has(p.key) && !staged.get(p.key)!.by)) t.reads = more(t.reads, p) // a parent of this batch: built on it
      }
    }
    // a refusal rests on the rows that were to be written: it reads them, and which constraint breaks first can only be said once they are known
    if (t.broken !== undefined) for (const key of t.wrote) {
      const s = staged.get(key)
      if (s?.row === undefined) continue
      t.reads = more(t.reads, s.place)
      if (!s.by && !known.rows.has(key)) t.needs = more(t.needs, lookupOf(s.place))
    }
  }
  /** All staged rows folded, one write a row, and the checks of what these decisions read and nobody here writes. */
  const fold = (decided: readonly { readonly trace: Trace }[]): { readonly checks: readonly Check[]; readonly writes: readonly Write[] } => {
    const writes: Write[] = [], checks = new Map<string, Check>()
    for (const [key, { place: { table: { name: table }, at, columns }, row, by, put }] of staged) {
      const base = known.rows.get(key)
      if (by) writes.push({ key, table, at, columns, op: 'add', by })
      else if (row) writes.push(base ? { key, table, at, columns, op: 'update', row, version: base.version } : { key, table, at, columns, op: put ? 'put' : 'insert', row })
      else if (base) writes.push({ key, table, at, columns, op: 'remove', version: base.version })
      else checks.set(key, { key, table, at, columns, version: undefined })
    }
    for (const { trace: t } of decided) for (const { key, table: { name: table }, at, columns, index } of t.reads) {
      if (index === undefined) { const base = known.rows.get(key); if (base !== undefined && (staged.get(key)?.by || !staged.has(key))) checks.set(key, { key, table, at, columns, version: base?.version }) }
      else if (known.unique.get(key) === null) checks.set(key, { key, table, at, columns, index })
    }
    return { checks: [...checks.values()], writes }
  }
  return {
    read, apply, settle, fold,
    keep: (): void => { noted = 0 },
    undo: (): void => { while (noted > 0) { const old = journal[--noted], key = journal[--noted], map = journal[--noted] as Map<unknown, unknown>; if (old === undefined) map.delete(key); else map.set(key, old) } },
  }
}

import { type AnyTable, type Answers, type Change, type Deep, type Lookup, type MessageOf, type Row, accept, andThen, channel, command, commandHandler, event, int, nothing, optional, reject, table, text } from '@lowtide/core'
import * as O from 'fp-ts/lib/Option.js'
import fc from 'fast-check'
import { z } from 'zod'

/** The algebra's random programs: a command carries one as data, and its handler runs it, so that every shell decides the same. */
export const owners = table('lt_owners', { columns: { id: text, name: text }, key: 'id', unique: ['name'] })
export const things = table('lt_things', {
  columns: { id: text, owner: optional(text), slot: optional(text), shelf: text, n: int }, key: 'id',
  unique: ['slot', ['shelf', 'n']], references: { owner: owners },
})
/** Only here does a program ask with `where`, and no rival writes here: a decision does not hold what a `where` would find later. */
export const notes = table('lt_notes', { columns: { id: text, topic: text, n: int }, key: 'id', indexes: [['topic', 'n']] })
export const counters = table('lt_counters', { columns: { id: text, n: int, m: int }, key: 'id' })
export const tables: readonly AnyTable[] = [owners, things, notes, counters]

const id = z.string(), name = z.enum(['lt_owners', 'lt_things', 'lt_notes', 'lt_counters'])
const read = z.discriminatedUnion('read', [
  z.object({ read: z.literal('get'), table: name, id }),
  z.object({ read: z.literal('slot'), slot: z.string() }),
  z.object({ read: z.literal('place'), shelf: z.string(), n: z.int() }),
  z.object({ read: z.literal('name'), name: z.string() }),
  z.object({ read: z.literal('where'), topic: z.string(), orderBy: z.enum(['n', 'topic']).optional(), after: id.optional(), limit: z.int().optional() }),
  /** The owner of a thing: a dependent lookup. */
  z.object({ read: z.literal('owner'), id }),
])
const row = z.record(z.string(), z.union([z.string(), z.number(), z.null()]))
const change = z.object({ op: z.enum(['insert', 'put', 'update', 'increment', 'remove']), table: name, id, row, when: row.optional() })
const program = z.object({ key: z.string(), reads: z.array(read), /** Refuses when the first answer is there (or is not). */ guard: z.enum(['none', 'present', 'absent']), /** Throws: a failure, not a rejection. */ fails: z.boolean(), changes: z.array(change) })
export type Program = Deep<z.infer<typeof program>>
export type Step = Program['changes'][number]

const events = channel('lt-programs-done', { external: true })
export const Run = command('LtRun', { channel: channel('lt-programs'), key: d => d.key, schema: program, rejections: ['refused'] })
/** `saw` is every answer, so that two runs that saw different rows differ. */
export const Ran = event('LtRan', { channel: events, key: d => d.key, schema: z.object({ key: z.string(), saw: z.string(), changes: z.array(change) }) })

type Any = Lookup<'lt_owners' | 'lt_things' | 'lt_notes' | 'lt_counters'>
const lookupOf = (r: Program['reads'][number]): Any => {
  switch (r.read) {
    case 'get': return { lookup: r.table, ask: { op: 'get', at: r.id, key: { id: r.id } } }
    case 'slot': return things.by('slot', r.slot)
    case 'place': return things.by(['shelf', 'n'], { shelf: r.shelf, n: r.n })
    case 'name': return owners.by('name', r.name)
    case 'where': return notes.where({ topic: r.topic }, { ...(r.orderBy && { orderBy: r.orderBy }), ...(r.after !== undefined && { after: r.after }), ...(r.limit !== undefined && { limit: r.limit }) })
    case 'owner': return things.get(r.id)
  }
}
export const changeOf = (s: Step): Change<Step['table']> => {
  const key = { id: s.id }, base = { at: s.id, key }
  switch (s.op) {
    case 'insert': case 'put': return { change: s.table, alter: { op: s.op, at: s.id, row: { ...s.row, ...key } } }
    case 'update': return { change: s.table, alter: { op: 'update', ...base, patch: s.row, when: s.when } }
    case 'increment': return { change: s.table, alter: { op: 'increment', ...base, by: Object.fromEntries(Object.entries(s.row).filter((e): e is [string, number] => typeof e[1] === 'number')) } }
    case 'remove': return { change: s.table, alter: { op: 'remove', ...base } }
  }
}
const present = (answer: unknown): boolean => Array.isArray(answer) ? answer.length > 0 : O.isSome(answer as O.Option<Row>)

export const runProgram = commandHandler({
  meta: { name: 'lt-run-program', in: Run, out: [Ran], uses: [owners, things, notes, counters] },
  lookup: ({ data }) => andThen(
    Object.fromEntries(data.reads.map((r, i) => [`r${i}`, lookupOf(r as Program['reads'][number])])),
    (answers: Answers<{ [name: string]: Any }>) => Object.fromEntries(data.reads.flatMap((r, i): [string, Any][] => {
      if (r.read !== 'owner') return []
      const thing = answers[`r${i}`] as O.Option<{ readonly owner: string | null }>
      return [[`owner${i}`, O.isSome(thing) && thing.value.owner !== null ? owners.get(thing.value.owner) : nothing]]
    })),
  ),
  operate: (_ctx, { data }, answers: object) => {
    const saw = Object.entries(answers)
    if (data.fails) throw new Error('this program fails')
    if (data.guard !== 'none' && saw.length > 0 && present(saw[0]![1]) === (data.guard === 'present')) return reject('refused', JSON.stringify(saw))
    return accept(Ran({ key: data.key, saw: JSON.stringify(saw), changes: data.changes }))
  },
  write: { LtRan: ({ data }) => data.changes.map(c => changeOf(c as Step)) },
})
export const functions = { runProgram }
export type Sent = MessageOf<typeof Run>

/** What every history starts from, so that programs find something. */
export const setup: readonly Step[] = [
  { op: 'insert', table: 'lt_owners', id: 'a', row: { name: 's' } }, { op: 'insert', table: 'lt_owners', id: 'b', row: { name: 't' } },
  { op: 'insert', table: 'lt_things', id: 'a', row: { owner: 'a', slot: 's', shelf: 'x', n: 0 } }, { op: 'insert', table: 'lt_things', id: 'b', row: { owner: 'a', slot: null, shelf: 'y', n: 1 } },
  { op: 'insert', table: 'lt_notes', id: 'a', row: { topic: 'x', n: 0 } }, { op: 'insert', table: 'lt_notes', id: 'b', row: { topic: 'y', n: 1 } },
  { op: 'insert', table: 'lt_counters', id: 'a', row: { n: 0, m: 0 } }, { op: 'insert', table: 'lt_counters', id: 'b', row: { n: 1, m: 1 } },
]

/** Histories that random runs have found once, each of them rarely: they are run every time. */
export const found: readonly (readonly Salvo[])[] = [
  // an addition to a column of a unique index, on a row that a rival moves: what it runs into depends on the row
  [
    { shots: [{ again: undefined, program: { key: 'a', reads: [], guard: 'none', fails: false, changes: [{ op: 'increment', table: 'lt_things', id: 'b', row: { n: 1 } }] } }], rival: undefined },
    {
      shots: [{ again: undefined, program: { key: 'a', reads: [], guard: 'none', fails: false, changes: [{ op: 'increment', table: 'lt_things', id: 'a', row: { n: 1 } }, { op: 'increment', table: 'lt_things', id: 'a', row: { n: 1 } }] } }],
      rival: { before: 1, steps: [{ op: 'put', table: 'lt_things', id: 'a', row: { owner: null, slot: null, shelf: 'y', n: 1 } }] },
    },
  ],
  // a row that a later message of the batch removes: its parent, which a rival removes, is looked at by no constraint any more
  [{
    shots: [
      { again: undefined, program: { key: 'a', reads: [], guard: 'none', fails: false, changes: [{ op: 'insert', table: 'lt_things', id: 'd', row: { owner: 'b', slot: null, shelf: 'y', n: 0 } }] } },
      { again: undefined, program: { key: 'a', reads: [], guard: 'none', fails: false, changes: [{ op: 'remove', table: 'lt_things', id: 'd', row: {} }] } },
    ], rival: { before: 1, steps: [{ op: 'remove', table: 'lt_owners', id: 'b', row: {} }] },
  }],
  // an addition beyond what a number holds, and a put over it: the first is refused, whatever comes then
  [
    { shots: [{ again: undefined, program: { key: 'a', reads: [], guard: 'none', fails: false, changes: [{ op: 'put', table: 'lt_counters', id: 'a', row: { n: Number.MAX_SAFE_INTEGER, m: 0 } }] } }], rival: undefined },
    {
      shots: [
        { again: undefined, program: { key: 'a', reads: [], guard: 'none', fails: false, changes: [{ op: 'increment', table: 'lt_counters', id: 'a', row: { n: 1 } }] } },
        { again: undefined, program: { key: 'a', reads: [], guard: 'none', fails: false, changes: [{ op: 'put', table: 'lt_counters', id: 'a', row: { n: 0, m: 0 } }] } },
      ], rival: undefined,
    },
  ],
]

// ---- their generators: few ids, so that programs meet
const ids = fc.constantFrom('a', 'b', 'c', 'd'), small = fc.integer({ min: 0, max: 2 }), slot = fc.constantFrom('s', 't', 'u'), shelf = fc.constantFrom('x', 'y')
const anyRead: fc.Arbitrary<Program['reads'][number]> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ read: fc.constant('get' as const), table: fc.constantFrom(...name.options), id: ids }) },
  { weight: 2, arbitrary: fc.record({ read: fc.constant('slot' as const), slot }) },
  { weight: 1, arbitrary: fc.record({ read: fc.constant('place' as const), shelf, n: small }) },
  { weight: 1, arbitrary: fc.record({ read: fc.constant('name' as const), name: slot }) },
  { weight: 2, arbitrary: fc.record({ read: fc.constant('where' as const), topic: shelf, orderBy: fc.constantFrom('n' as const, 'topic' as const), after: ids, limit: fc.integer({ min: 1, max: 3 }) }, { requiredKeys: ['read', 'topic'] }) },
  { weight: 2, arbitrary: fc.record({ read: fc.constant('owner' as const), id: ids }) },
)
const nullable = <A>(a: fc.Arbitrary<A>) => fc.option(a, { nil: null, freq: 2 })
const whole: { readonly [name in Step['table']]: fc.Arbitrary<Row> } = {
  lt_owners: fc.record({ name: slot }), lt_things: fc.record({ owner: nullable(ids), slot: nullable(slot), shelf, n: small }),
  lt_notes: fc.record({ topic: shelf, n: small }), lt_counters: fc.record({ n: small, m: small }),
}
const parts: { readonly [name in Step['table']]: fc.Arbitrary<Row> } = {
  lt_owners: fc.record({ name: slot }), lt_things: fc.record({ owner: nullable(ids), slot: nullable(slot), shelf, n: small }, { requiredKeys: [] }),
  lt_notes: fc.record({ topic: shelf, n: small }, { requiredKeys: [] }), lt_counters: fc.record({ n: small, m: small }, { requiredKeys: [] }),
}
const steps = (names: readonly Step['table'][]): fc.Arbitrary<Step> => fc.constantFrom(...names).chain(t => fc.oneof(
  fc.record({ op: fc.constantFrom('insert' as const, 'insert' as const, 'put' as const), table: fc.constant(t), id: ids, row: whole[t] }),
  fc.record({ op: fc.constant('update' as const), table: fc.constant(t), id: ids, row: parts[t], when: parts[t] }, { requiredKeys: ['op', 'table', 'id', 'row'] }),
  fc.record({ op: fc.constant('increment' as const), table: fc.constant(t), id: ids, row: t === 'lt_owners' ? fc.constant({}) : fc.record({ n: fc.integer({ min: -1, max: 1 }) }) }),
  fc.record({ op: fc.constant('remove' as const), table: fc.constant(t), id: ids, row: fc.constant({}) }),
)) as fc.Arbitrary<Step>
export interface Shot { /** Which earlier message comes again instead, if there is one. */ readonly again?: number | undefined; readonly program: Program }
export interface Salvo { readonly shots: readonly Shot[]; /** What another process commits, between this batch's fetch and its n-th commit. */ readonly rival?: { readonly before: number; readonly steps: readonly Step[] } | undefined }
const shot: fc.Arbitrary<Shot> = fc.record({
  again: fc.option(fc.nat(30), { nil: undefined, freq: 8 }),
  program: fc.record({
    key: ids, reads: fc.array(anyRead, { maxLength: 3 }), guard: fc.constantFrom('none' as const, 'none' as const, 'none' as const, 'present' as const, 'absent' as const),
    fails: fc.constantFrom(false, false, false, false, false, false, false, true), changes: fc.array(steps(name.options), { maxLength: 3 }),
  }),
})
export const salvos: fc.Arbitrary<readonly Salvo[]> = fc.array(fc.record({
  shots: fc.array(shot, { minLength: 1, maxLength: 8 }),
  rival: fc.option(fc.record({ before: fc.integer({ min: 1, max: 2 }), steps: fc.array(steps(['lt_owners', 'lt_things', 'lt_counters']), { minLength: 1, maxLength: 3 }) }), { nil: undefined, freq: 3 }),
}), { minLength: 1, maxLength: 4 })

import * as E from 'fp-ts/lib/Either.js'
import * as O from 'fp-ts/lib/Option.js'
import { type Trace, facts, keyOfLookup, more } from './overlay.js'
import type { AnyPort, Failure } from './port.js'
import { type Schema, parse } from './schema.js'
import type { Bindings, Store, TableLookup } from './shell.js'
import type { AnyTable, Ask, Lookup, Lookups, Then } from './table.js'

export interface Fetching { readonly store: Pick<Store, 'fetch' | 'seen'>; readonly tables: ReadonlyMap<string, AnyTable>; readonly bindings: Bindings; readonly ports: ReadonlyMap<string, AnyPort> }
export const failureOf = (e: unknown): Failure => typeof e === 'object' && e !== null && 'failure' in e ? e as Failure : { failure: e instanceof Error ? e.message : String(e), retry: true }
export const isThen = (l: Lookups | Then): l is Then => typeof l['next'] === 'function'

const ofTable = (l: Lookup): l is Lookup & TableLookup => l.ask.op === 'get' || l.ask.op === 'by' || l.ask.op === 'where'
type Acting = Lookup & { readonly ask: Extract<Ask, { op: 'ask' | 'effect' }> }
/** Tables and ports have names apart. */
const idOf = (l: Lookup): string => ofTable(l) ? keyOfLookup(l) : `${l.ask.op}\u0000\u0000${l.lookup}\u0000${l.ask.at}`
const fitting = (schema: Schema, value: unknown, what: string): E.Either<Failure, unknown> => {
  const parsed = parse(schema, value)
  return E.isRight(parsed) ? parsed : E.left({ failure: `${what}: ${parsed.left.map(i => `${i.path} ${i.message}`.trim()).join('; ')}`, retry: false })
}

/** Answers lookups of tables and ports together, one round trip a stage, and remembers what it learned. */
export const fetcher = ({ store, tables, bindings, ports }: Fetching) => {
  const known = facts(), had = new Set<string>()
  let asked: Map<string, E.Either<Failure, unknown>> | undefined

  /** What a mark says is done is not done again: one question for all of a batch. */
  const perform = (effects: readonly Acting[]): ((l: Acting) => Promise<E.Either<Failure, unknown>>) => {
    const done = store.seen(effects.map(l => ({ consumer: `effect-${l.lookup}`, id: l.ask.at })))().then(E.map(marks => new Set(marks.map(m => `${m.consumer}\u0000${m.id}`))))
    return ({ lookup, ask: { args, at } }) => done.then(ids => E.isLeft(ids) ? ids : ids.right.has(`effect-${lookup}\u0000${at}`) ? E.right(undefined) : bindings[lookup]!.effect!(args, at)())
  }
  const askPort = async (port: string, value: unknown): Promise<E.Either<Failure, unknown>> => {
    const shape = ports.get(port)!.shape.ask!, args = fitting(shape.args, value, `the arguments of port '${port}'`)
    if (E.isLeft(args)) return args
    const answer = await bindings[port]!.ask!(args.right)()
    return E.isLeft(answer) ? answer : fitting(shape.answer, answer.right, `the answer of port '${port}'`)
  }
  const fetch = (wanted: readonly Lookup[]): Promise<Failure | undefined> => { // promises, not `await`: each frame would cost a kilobyte
    const rows: TableLookup[] = [], keys: string[] = [], effects: Acting[] = [], asks: Promise<void>[] = []
    const ask = (l: Lookup, answer: Promise<E.Either<Failure, unknown>>): number => asks.push(answer.catch((e: unknown) => E.left({ failure: `port '${l.lookup}' threw: ${failureOf(e).failure}`, retry: true })).then(a => void (asked ??= new Map()).set(idOf(l), a)))
    for (const l of wanted) {
      const id = idOf(l)
      if (had.has(id)) continue
      had.add(id)
      if (ofTable(l)) { rows.push(l); keys.push(id) }
      else if (l.ask.op === 'ask') ask(l, askPort(l.lookup, l.ask.args))
      else if (l.ask.op === 'effect') effects.push(l as Acting)
    }
    if (effects.length > 0) { const done = perform(effects); for (const l of effects) ask(l, done(l)) }
    const learned = rows.length === 0 ? Promise.resolve(undefined) : store.fetch(rows)().then(found => {
      if (E.isLeft(found)) return found.left
      for (let i = 0; i < rows.length; i++) known.learn(tables.get(rows[i]!.lookup)!, rows[i]!.ask.op, keys[i]!, found.right[i]!)
      return undefined
    })
    return asks.length === 0 ? learned : Promise.all([learned, ...asks]).then(([failure]) => failure)
  }
  /** The answers as handlers see them, read through an overlay. A port's failure is thrown. */
  const answers = (lookups: Lookups, t: Trace, read: (l: TableLookup, t: Trace) => readonly unknown[]): { [name: string]: unknown } => {
    const data: { [name: string]: unknown } = {}
    for (const name in lookups) {
      const l = lookups[name]!
      if (ofTable(l)) {
        const found = read(l, t)
        data[name] = l.ask.op === 'where' ? found : O.fromNullable(found[0])
      } else if (l.ask.op === 'nothing') data[name] = O.none
      else if (l.ask.op === 'noRows') data[name] = []
      else {
        const got = asked?.get(idOf(l))
        if (got === undefined) t.needs = more(t.needs, l)
        else if (E.isLeft(got)) throw got.left
        else data[name] = got.right
      }
    }
    return data
  }
  return { known, fetch, answers }
}

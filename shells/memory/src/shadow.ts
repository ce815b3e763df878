import type { AnyTable, Committed, Failure, Mark, Store } from '@lowtide/core'
import * as E from 'fp-ts/lib/Either.js'
import type { TaskEither } from 'fp-ts/lib/TaskEither.js'
import { failure } from './failure.js'
import { fetch } from './fetch.js'
import type { Instance } from './instance.js'
import { standing } from './mark.js'
import { type Rows, rowsOf } from './rows.js'
import { type Site, stage } from './stage.js'
import type { State } from './state.js'
import { unknownTable } from './tables.js'

type Shadow = Awaited<ReturnType<ReturnType<Store['shadow']>>> extends E.Either<Failure, infer S> ? S : never
/** Two rows of one unique value. */
const clash = ({ table, uniques, held }: Rows): string | undefined => {
  for (const { columns, at } of uniques) {
    const met = new Set<string>()
    for (const { row } of held.values()) {
      const value = at(row)
      if (value !== undefined && met.size === met.add(value).size) return `two rows of table '${table.name}' have the same ${columns.join('+')}`
    }
  }
  return undefined
}

/**
 * Empty copies of tables. A rebuild writes rows, and marks that stand from the swap on, so that a consumer that lags does not
 * apply again what is in its rows already; whatever else its units hold is not kept, so it can fire nothing.
 */
export const shadow = ({ tables, log, inbox }: State, by: Instance, originals: readonly AnyTable[]): E.Either<Failure, Shadow> => {
  const missing = originals.find(({ name }) => tables.get(name) === undefined)
  if (missing !== undefined) return E.left(unknownTable(missing.name, tables.all()))
  const copies = new Map(originals.map(table => [table.name, rowsOf(table, tables.keyOf)])), last = (name: string): Rows | undefined => copies.get(name) ?? tables.get(name)
  const site: Site = { find: name => copies.get(name), to: () => [], unknown: name => unknownTable(name, copies.values()) }
  const marks = new Map<string, Mark>(), markId = ({ consumer, id }: Mark): string => `${consumer}\u0000${id}`
  let swapped = false
  const open = <A>(call: () => E.Either<Failure, A>): TaskEither<Failure, A> => by.port(() => swapped ? E.left(failure('cannot use copies of tables that have taken the place of the live ones; ask for new ones')) : call())

  /** A row of a new table, or one that refers to it, whose parent is not there. */
  const orphan = (): string | undefined => {
    const concerned = [...[...copies.values()].flatMap(({ references }) => references), ...[...copies.keys()].flatMap(tables.to).filter(({ rows }) => !copies.has(rows.table.name))]
    return concerned.flatMap(({ constraint, parent, count }) => [...count.keys()].filter(at => !last(parent)?.held.has(at)).map(at => `${constraint}: table '${parent}' has no row '${at}'`))[0]
  }
  return E.right({
    fetch: asked => open(() => fetch(site, asked)),
    commit: unit => open((): E.Either<Failure, Committed> => {
      const seen = unit.marks.filter(m => marks.has(markId(m))) // published twice
      if (seen.length > 0) return E.right({ conflict: { stale: [], broken: [], seen, fenced: [] } })
      const { staged, stale, broken, failure: fault } = stage(site, unit.checks, unit.writes, false)
      if (stale.length + broken.length > 0) return E.right({ conflict: { stale: [...new Set(stale)], broken, seen: [], fenced: [] } })
      if (fault !== undefined) return E.left(fault)
      const version = tables.version()
      for (const { rows, at, held, row } of staged) rows.put(at, held, row, version)
      for (const { consumer, id, body, time } of unit.marks) marks.set(markId({ consumer, id, body, time }), { consumer, id, body, time })
      return E.right({ marks: unit.marks })
    }),
    swap: (channels, upTo) => open(() => {
      const reached = new Map(upTo.map(({ channel, partition, position }) => [`${channel}/${partition}`, Number(position)]))
      if (channels.some(name => log.channel(name).some(({ channel, partition, entries }) => entries.length > (reached.get(`${channel}/${partition}`) ?? 0)))) return E.right(false)
      const fault = [...copies.values()].map(clash).find(found => found !== undefined) ?? orphan()
      if (fault !== undefined) return E.left(failure(`cannot put the rebuilt tables in place: ${fault}`))
      for (const rows of copies.values()) tables.replace(rows)
      for (const mark of marks.values()) if (!inbox.has(mark.consumer, mark.id)) inbox.add(mark.consumer, mark.id, standing(mark, undefined, []))
      swapped = true
      return E.right(true)
    }),
    left: async (channels, after) => {
      const read = new Map(after.map(({ channel, partition, position }) => [`${channel}/${partition}`, Number(position)]))
      return [...new Set(channels)].flatMap(log.channel).reduce((sum, { channel, partition, entries }) => sum + entries.length - (read.get(`${channel}/${partition}`) ?? 0), 0)
    },
    close: async () => { copies.clear(); marks.clear() },
  })
}

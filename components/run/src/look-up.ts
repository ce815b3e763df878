import { type Failure, type Fetching, type Lookups, type Runtime, type Then, failureOf, fetcher, isThen, overlay, trace } from '@lowtide/core'
import * as E from 'fp-ts/lib/Either.js'

type Answers = { readonly [name: string]: unknown }
interface Asked { readonly lookups: Lookups | Then; /** What an earlier stage has found. */ readonly found: Answers; readonly done: (a: E.Either<Failure, Answers>) => void }
const firstOf = (l: Lookups | Then): Lookups => isThen(l) ? l.first : l
const asksPort = ({ lookups }: Asked): boolean => Object.values(firstOf(lookups)).some(({ ask }) => ask.op === 'ask')

/**
 * The answers of queries and resolvers: the rows as they are now. Those who ask in one turn are answered together, in one round trip a stage; who asks
 * a port goes alone, for ports may be slow. Where the store refuses all of them each asks for itself, so that nobody pays for another's lookup.
 */
export const looking = (env: Fetching, runtime: Pick<Runtime, 'soon'>) => {
  let waiting: Asked[] = []
  const answer = async (asked: readonly Asked[]): Promise<void> => {
    const source = fetcher(env), view = overlay(source.known, env.tables, new Set()), further: Asked[] = []
    const lost = await source.fetch(asked.flatMap(a => Object.values(firstOf(a.lookups))))
    for (const a of asked) {
      if (lost !== undefined && asked.length > 1) { void answer([a]); continue }
      try {
        if (lost !== undefined) throw lost
        const found = { ...a.found, ...source.answers(firstOf(a.lookups), trace(), view.read) }
        if (isThen(a.lookups)) further.push({ lookups: a.lookups.next(found as never), found, done: a.done })
        else a.done(E.right(found))
      } catch (e) { a.done(E.left(failureOf(e))) }
    }
    enter(further)
  }
  const enter = (asked: readonly Asked[]): void => {
    const together = asked.filter(a => !asksPort(a))
    if (together.length > 0) void answer(together)
    for (const a of asked) if (asksPort(a)) void answer([a])
  }
  return (lookups: Lookups | Then, done: (a: E.Either<Failure, Answers>) => void): void => {
    if (waiting.push({ lookups, found: {}, done }) === 1) runtime.soon(() => { const all = waiting; waiting = []; enter(all) })
  }
}

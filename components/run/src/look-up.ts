import { type Failure, type Fetching, type Lookups, type Then, failureOf, fetcher, isThen, overlay, trace } from '@lowtide/core'
import * as E from 'fp-ts/lib/Either.js'

/** The answers of a query or a resolver: the rows as they are now. */
export const lookUp = async (env: Fetching, lookups: Lookups | Then): Promise<E.Either<Failure, { readonly [name: string]: unknown }>> => {
  const source = fetcher(env), view = overlay(source.known, env.tables, new Set())
  try {
    const stage = async (l: Lookups): Promise<{ [name: string]: unknown }> => {
      const lost = await source.fetch(Object.values(l))
      if (lost !== undefined) throw lost
      return source.answers(l, trace(), view.read)
    }
    if (!isThen(lookups)) return E.right(await stage(lookups))
    const first = await stage(lookups.first)
    return E.right({ ...first, ...await stage(lookups.next(first as never)) })
  } catch (e) { return E.left(failureOf(e)) }
}

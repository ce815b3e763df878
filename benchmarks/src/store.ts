import type { Channel, Failure, Lookup, Reach, Row, Store, TableLookup } from '@lowtide/core'
import * as E from 'fp-ts/lib/Either.js'
import type { TaskEither } from 'fp-ts/lib/TaskEither.js'

/** The value, or an error with the failure's reason. */
export const must = async <A>(task: TaskEither<Failure, A>): Promise<A> => {
  const result = await task()
  if (E.isLeft(result)) throw new Error(result.left.failure)
  return result.right
}

const page = 10_000
const ofTable = ({ lookup, ask }: Lookup): readonly TableLookup[] => ask.op === 'get' || ask.op === 'by' || ask.op === 'where' ? [{ lookup, ask }] : []

/** The first row of each lookup's answer. */
export const fetched = async (store: Store, lookups: readonly Lookup[]): Promise<readonly (Row | undefined)[]> => {
  const rows: (Row | undefined)[] = [], asked = lookups.flatMap(ofTable)
  for (let at = 0; at < asked.length; at += page) rows.push(...(await must(store.fetch(asked.slice(at, at + page)))).map(facts => facts[0]?.row))
  return rows
}

/** How many messages the log holds of this channel. */
export const logged = async (store: Store, { channel }: Channel): Promise<number> => {
  for (let count = 0, after: readonly Reach[] = []; ;) {
    const { messages, upTo } = await must(store.history([channel], after, page))
    if (messages.length === 0) return count
    count += messages.length
    after = upTo
  }
}

import { type Failure, type Parked, type ParkedFilter } from '@lowtide/core'
import { failure } from './failure.js'

/** What is parked, in the order in which it was parked. */
export interface Parking {
  /** What stands under this id keeps its place and gets another state, reason and number of attempts. */
  park(parked: Parked): void
  remove(id: string): void
  list(filter: ParkedFilter): readonly Parked[]
  /** How many a consumer holds, in any state. */
  count(consumer?: string): number
  /** Whether one of a consumer's is to run again. */
  redriven(consumer: string): boolean
  redrive(id: string): Failure | undefined
  discard(id: string): Failure | undefined
}

const placeOf = ({ consumer, channel, key }: Parked): string => JSON.stringify([consumer, channel, key])

export const parking = (): Parking => {
  const all = new Map<string, Parked>(), lines = new Map<string, Set<string>>(), counts = new Map<string, number>()
  const park = (parked: Parked): void => {
    const standing = all.get(parked.id)
    all.set(parked.id, Object.freeze(standing === undefined ? { ...parked } : { ...standing, state: parked.state, reason: parked.reason, attempts: parked.attempts }))
    if (standing !== undefined) return
    const place = placeOf(parked), line = lines.get(place)
    if (line === undefined) lines.set(place, new Set([parked.id]))
    else line.add(parked.id)
    counts.set(parked.consumer, (counts.get(parked.consumer) ?? 0) + 1)
  }
  const remove = (id: string): void => {
    const parked = all.get(id)
    if (parked === undefined) return
    all.delete(id)
    counts.set(parked.consumer, counts.get(parked.consumer)! - 1)
    const place = placeOf(parked), line = lines.get(place)!
    line.delete(id)
    if (line.size === 0) lines.delete(place)
  }
  /** The first of a line; what waits, waits for it. */
  const headOf = (parked: Parked): Parked | undefined => {
    for (const id of lines.get(placeOf(parked)) ?? []) return all.get(id)
    return undefined
  }
  const known = (id: string, act: (parked: Parked) => Failure | undefined): Failure | undefined => {
    const parked = all.get(id)
    return parked === undefined ? failure(`cannot find the parked message '${id}'; it may have been handled or discarded`) : act(parked)
  }
  const matches = ({ consumer, channel, partition, key, state }: ParkedFilter) => (parked: Parked): boolean =>
    (consumer === undefined || parked.consumer === consumer) && (channel === undefined || parked.channel === channel)
    && (partition === undefined || parked.partition === partition) && (key === undefined || parked.key === key) && (state === undefined || parked.state === state)
  return {
    park, remove,
    list: filter => {
      const { ids } = filter, few = ids && new Set(ids), some = few === undefined ? [...all.values()] : few.size === 1 ? [...few].flatMap(id => all.get(id) ?? []) : [...all.values()].filter(({ id }) => few.has(id))
      const found = some.filter(matches(filter)).slice(0, filter.limit)
      return filter.brief ? found.map(({ message: _, raw, ...line }) => raw === undefined ? line : { ...line, raw: '' }) : found
    },
    count: consumer => consumer === undefined ? all.size : counts.get(consumer) ?? 0,
    redriven: consumer => {
      if ((counts.get(consumer) ?? 0) === 0) return false
      for (const parked of all.values()) if (parked.consumer === consumer && parked.state === 'redrive') return true
      return false
    },
    redrive: id => known(id, parked => {
      const head = headOf(parked)
      if (parked.state === 'waiting' && head !== undefined && head.id !== id) return failure(`cannot redrive '${id}': it waits behind '${head.id}' of the key '${parked.key}'; redrive or discard that one first`)
      park({ ...parked, state: 'redrive' })
      return undefined
    }),
    discard: id => known(id, parked => {
      remove(id)
      const next = headOf(parked)
      if (next?.state === 'waiting') park({ ...next, state: 'redrive' })
      return undefined
    }),
  }
}

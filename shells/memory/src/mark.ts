import type { Mark, Message, Outcome, Reach } from '@lowtide/core'
import type { Partition } from './log.js'

/** Where an emitted message stands. */
export interface Place { readonly partition: Partition; readonly position: number }
interface Base { readonly body: string; readonly time: string }
/**
 * A mark as it is kept: one for every message, for days, so it refers to what stands elsewhere and is spelled out when it
 * is asked for. A command with one event takes 80 bytes and one object; its spelled-out mark would take 300 and eight. Of an
 * event, whose body nobody compares, no more than its time is kept.
 */
export type Standing = string | (Base & (
  | { readonly commandId?: never }
  | { readonly commandId: string; readonly rejection: NonNullable<Outcome['rejection']> }
  | { readonly commandId: string; readonly rejection?: never; readonly event: Message; readonly partition: Partition; readonly position: number }
  | { readonly commandId: string; readonly rejection?: never; readonly event?: never; readonly events: readonly Message[]; readonly places: readonly Place[] }))

/** The furthest place in each partition. */
const furthest = (places: readonly Place[]): readonly Place[] => places.filter((place, i) => !places.some((other, j) => j > i && other.partition === place.partition))

/** What is kept of a mark whose values are owned; `places` are those of its events, in their order, for those that were emitted. */
export const standing = ({ body, time }: Mark, outcome: Outcome | undefined, places: readonly (Place | undefined)[]): Standing => {
  if (outcome === undefined) return body === '' ? time : { body, time }
  const { commandId, rejection, events } = outcome
  if (events === undefined) return { body, time, commandId, rejection }
  const [event] = events, [place] = places
  return event !== undefined && place !== undefined && events.length === 1 ? { body, time, commandId, event, partition: place.partition, position: place.position }
    : { body, time, commandId, events, places: furthest(places.filter(p => p !== undefined)) }
}

const reach = ({ channel, partition }: Partition, position: number): Reach => ({ channel, partition, position: String(position) })
const outcomeOf = (kept: Extract<Exclude<Standing, string>, { commandId: string }>): Outcome => {
  const { commandId } = kept
  if (kept.rejection !== undefined) return { commandId, rejection: kept.rejection, upTo: [] }
  if (kept.event !== undefined) return { commandId, events: [kept.event], upTo: [reach(kept.partition, kept.position)] }
  return { commandId, events: [...kept.events], upTo: kept.places.map(({ partition, position }) => reach(partition, position)) }
}
export const timeOf = (kept: Standing): string => typeof kept === 'string' ? kept : kept.time
/** The mark, for a caller to keep. */
export const markOf = (consumer: string, id: string, kept: Standing): Mark => {
  if (typeof kept === 'string') return { consumer, id, body: '', time: kept }
  const { body, time } = kept
  return kept.commandId === undefined ? { consumer, id, body, time } : { consumer, id, body, time, outcome: outcomeOf(kept) }
}

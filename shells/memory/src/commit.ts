import type { Committed, Failure, Mark, Message, Outcome, Unit } from '@lowtide/core'
import * as E from 'fp-ts/lib/Either.js'
import { failure, textOf } from './failure.js'
import { guarantees } from './guarantees.js'
import type { Instance } from './instance.js'
import { type Place, markOf, standing } from './mark.js'
import { own } from './own.js'
import { type Site, type Stage, stage } from './stage.js'
import type { State } from './state.js'

/** What a unit leaves, where no caller can change it any more. `outcomes`: one a mark. */
interface Kept { readonly messages: readonly Message[]; readonly outcomes: readonly (Outcome | undefined)[]; readonly parks: Unit['parks'] }
const nowhere: readonly never[] = []

/** Where an event stands among the emits, or -1. Events stand in outcomes in the order in which they are emitted, so the search goes on where it ended. */
const finder = (messages: readonly Message[]) => {
  let cursor = 0
  return (id: string): number => {
    for (let n = 0; n < messages.length; n++, cursor++) {
      if (cursor === messages.length) cursor = 0
      if (messages[cursor]!.id === id) return cursor++
    }
    return -1
  }
}

/** Throws a TypeError for what JSON would not carry. */
const keep = ({ emits, marks, parks }: Unit): Kept => {
  const messages = emits.map(({ message }) => own(message)), find = finder(messages)
  const outcomes = marks.map(({ outcome }): Outcome | undefined => {
    if (outcome === undefined) return undefined
    const { commandId, rejection, events } = outcome
    return events === undefined ? { commandId, rejection: own(rejection) } : { commandId, events: events.map(event => messages[find(event.id)] ?? own(event)) }
  })
  return { messages, outcomes, parks: parks.map(own) }
}

const faultOf = ({ consumers }: State, { marks, checkpoints }: Unit): Failure | undefined => {
  if (marks.length > guarantees.unitLimit) return failure(`cannot commit ${marks.length} messages in one unit: expected at most ${guarantees.unitLimit} (guarantees.unitLimit)`)
  const ids = new Set<string>()
  if (marks.length > 1) for (const { id } of marks) ids.add(id)
  if (ids.size > 0 && ids.size < marks.length && new Set(marks.map(({ consumer, id }) => `${consumer}\u0000${id}`)).size < marks.length) {
    return failure('cannot commit: a mark stands twice in one unit; expected each message once')
  }
  for (const checkpoint of checkpoints) {
    if (checkpoint.position === undefined) continue // it only proves its fence
    const position = Number(checkpoint.position), out = consumers.slot(checkpoint)?.reading?.next() ?? 0
    if (!Number.isInteger(position) || position < 0 || position > out) return failure(`cannot move consumer '${checkpoint.consumer}' to ${checkpoint.position} in ${checkpoint.channel}/${checkpoint.partition}: expected a position up to ${out}, the last that was handed out`)
  }
  return undefined
}

/** Cannot fail: everything was checked and kept before. Readers and listeners are told when all of it stands. */
const apply = (state: State, by: Instance, unit: Unit, staged: Stage['staged'], { messages, outcomes, parks }: Kept): readonly Mark[] => {
  const { tables, log, inbox, parking, consumers } = state, version = tables.version()
  for (const { rows, at, held, row } of staged) rows.put(at, held, row, version)
  const places = messages.map((message, i): Place => {
    const partition = log.append(unit.emits[i]!.channel, message.subject, message)
    return { partition, position: partition.entries.length }
  })
  const find = finder(messages), placeOf = ({ id }: Message): Place | undefined => places[find(id)]
  let answers = 0
  const marks = unit.marks.map((mark, i): Mark => {
    const outcome = outcomes[i], kept = standing(mark, outcome, outcome?.events?.map(placeOf) ?? nowhere)
    if (outcome !== undefined) answers++
    inbox.add(mark.consumer, mark.id, kept)
    return markOf(mark.consumer, mark.id, kept)
  })
  for (const parked of parks) parking.park(parked)
  for (const id of unit.unparks) parking.remove(id)
  for (const checkpoint of unit.checkpoints) if (checkpoint.position !== undefined) consumers.move(checkpoint)
  inbox.forget(by.runtime.now() - by.options.dedupWindow, 2 * marks.length + 16)

  for (const { partition } of places) log.announce(partition)
  if (answers > 0) state.news('outcome', by)
  if (unit.checkpoints.length > 0) state.news('applied', by)
  if (parks.length + unit.unparks.length > 0) state.news('parked', by)
  return marks
}

/** One unit of work, whole or not at all: JavaScript runs it in one piece, and nothing is written before nothing can refuse. */
export const commit = (state: State, by: Instance, site: Site, unit: Unit): E.Either<Failure, Committed> => {
  const { inbox, consumers } = state
  const fenced = unit.checkpoints.filter(checkpoint => consumers.slot(checkpoint) === undefined)
  const seen = unit.marks.filter(({ consumer, id }) => inbox.has(consumer, id))
  const { staged, stale, broken, failure: misfit } = stage(site, unit.checks, unit.writes, true)
  if (fenced.length + seen.length + stale.length + broken.length > 0) {
    const marks = seen.map(({ consumer, id }) => inbox.get(consumer, id)!)
    return E.right({ conflict: { stale: [...new Set(stale)], broken, seen: marks, fenced: fenced.map(checkpoint => ({ ...checkpoint })) } })
  }
  const fault = misfit ?? faultOf(state, unit)
  if (fault !== undefined) return E.left(fault)
  let kept: Kept
  try { kept = keep(unit) } catch (e) { return E.left(failure(`cannot commit: ${textOf(e)}`)) }
  return E.right({ marks: apply(state, by, unit, staged, kept) })
}

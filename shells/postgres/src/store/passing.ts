import type { Checkpoint, Mark, Unit } from '@lowtide/core'
import { type Place, compare, isOnce, placeOf } from '../log/position.js'

/** A checkpoint of a unit, and the marks whose places it passes, with the first of these places. */
export interface Passing { readonly checkpoint: Checkpoint; readonly marks: Mark[]; first: Place | undefined }

/**
 * What a unit emitted stands in the log once, and a checkpoint passes it in the same transaction as its effects: then the place alone tells that it is
 * done, and no mark is written for it. What was published may come twice, under two places, and what stands behind a gap is not passed yet: these have marks.
 */
export const passing = ({ marks, checkpoints }: Pick<Unit, 'marks' | 'checkpoints'>): { readonly passings: readonly Passing[]; readonly passed: readonly Mark[]; readonly rest: readonly Mark[] } => {
  const passings = checkpoints.map((checkpoint): Passing => ({ checkpoint, marks: [], first: undefined })), passed: Mark[] = [], rest: Mark[] = []
  const ends = checkpoints.map(({ position }) => position === undefined ? undefined : placeOf(position))
  for (const mark of marks) {
    const { at } = mark, nth = at === undefined ? -1 : checkpoints.findIndex(c => c.partition === at.partition && c.channel === at.channel && c.consumer === mark.consumer)
    const place = nth < 0 ? undefined : placeOf(at!.position)
    if (place === undefined || !isOnce(place)) { rest.push(mark); continue }
    const here = passings[nth]!
    if (here.first === undefined || compare(place, here.first) < 0) here.first = place
    here.marks.push(mark) // also behind a gap: an earlier flight of it may have passed it, and its answer was lost
    if (ends[nth] !== undefined && compare(place, ends[nth]!) <= 0) passed.push(mark); else rest.push(mark)
  }
  return { passings, passed, rest }
}
/** Those of its marks that a checkpoint at this position has passed already. */
export const passedBefore = ({ marks }: Passing, upTo: Place): readonly Mark[] => marks.filter(({ at }) => compare(placeOf(at!.position), upTo) <= 0)

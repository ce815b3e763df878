import type { Mark } from '@lowtide/core'
import { type Standing, markOf, timeOf } from './mark.js'

/** The marks that stand, by consumer and id. */
export interface Inbox {
  get(consumer: string, id: string): Mark | undefined
  has(consumer: string, id: string): boolean
  add(consumer: string, id: string, mark: Standing): void
  /** Forgets marks from before a time (ms), the oldest first, at most so many of each consumer: a small step with each unit, so that no unit pays for many. */
  forget(before: number, most: number): void
  size(consumer?: string): number
}

/** The marks of one consumer in the order in which they came. `oldest` walks along: a map that lost its first entries is slow to begin again. */
interface Shelf { readonly marks: Map<string, Standing>; walk: Iterator<[string, Standing]>; oldest: string | undefined; since: number }

const look = (shelf: Shelf): string | undefined => {
  if (shelf.oldest !== undefined || shelf.marks.size === 0) return shelf.oldest
  let step = shelf.walk.next()
  if (step.done === true) {
    shelf.walk = shelf.marks.entries()
    step = shelf.walk.next()
  }
  if (step.done === true) return undefined
  const [id, mark] = step.value
  shelf.since = Date.parse(timeOf(mark))
  return shelf.oldest = id
}

export const inbox = (): Inbox => {
  const shelves = new Map<string, Shelf>()
  return {
    has: (consumer, id) => shelves.get(consumer)?.marks.has(id) ?? false,
    get: (consumer, id) => {
      const mark = shelves.get(consumer)?.marks.get(id)
      return mark === undefined ? undefined : markOf(consumer, id, mark)
    },
    add: (consumer, id, mark) => {
      let shelf = shelves.get(consumer)
      if (shelf === undefined) {
        const marks = new Map<string, Standing>()
        shelves.set(consumer, shelf = { marks, walk: marks.entries(), oldest: undefined, since: 0 })
      }
      shelf.marks.set(id, mark)
    },
    forget: (before, most) => {
      for (const shelf of shelves.values()) {
        for (let n = 0, id = look(shelf); n < most && id !== undefined && !(shelf.since >= before); n++, id = look(shelf)) {
          shelf.marks.delete(id)
          shelf.oldest = undefined
        }
      }
    },
    size: consumer => consumer === undefined ? [...shelves.values()].reduce((sum, { marks }) => sum + marks.size, 0) : shelves.get(consumer)?.marks.size ?? 0,
  }
}

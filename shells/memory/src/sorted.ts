/** A list in an order: a few hundred elements to a chunk, so that a change moves few of them, at any size. */
export interface Sorted<A> {
  add(a: A): void
  /** The element itself, found by its place. */
  remove(a: A): void
  /** Visits elements in order, from the first that is `behind` on, until a visit answers false. `behind` is false, then true, along the order. */
  scan(behind: (a: A) => boolean, visit: (a: A) => boolean): void
}

/** Elements of a chunk before it is cut in two. */
const most = 512

/** The first place in a list from which on `is` holds. */
const first = <A>(list: readonly A[], is: (a: A) => boolean): number => {
  let low = 0, high = list.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (is(list[middle]!)) high = middle
    else low = middle + 1
  }
  return low
}

/** `order` must be total: zero only for an element and itself. */
export const sorted = <A>(order: (a: A, b: A) => number): Sorted<A> => {
  const chunks: A[][] = []
  const chunkFrom = (is: (a: A) => boolean): number => first(chunks, chunk => is(chunk[chunk.length - 1]!))
  return {
    add: a => {
      const behind = (other: A): boolean => order(other, a) > 0
      const found = chunkFrom(behind), at = Math.min(found, chunks.length - 1), chunk = chunks[at]
      if (chunk === undefined) { chunks.push([a]); return }
      if (chunk.length < most) { chunk.splice(first(chunk, behind), 0, a); return }
      if (found === chunks.length) { chunks.push([a]); return } // what grows at its end fills its chunks
      const rest = chunk.splice(most / 2)
      chunks.splice(at + 1, 0, rest)
      const half = behind(chunk[chunk.length - 1]!) ? chunk : rest
      half.splice(first(half, behind), 0, a)
    },
    remove: a => {
      const here = (other: A): boolean => order(other, a) >= 0
      const at = chunkFrom(here), chunk = chunks[at]
      const place = chunk === undefined ? -1 : first(chunk, here)
      if (chunk?.[place] !== a) throw new Error('[memory] an index lost a row: its columns changed in place')
      if (chunk.length === 1) chunks.splice(at, 1)
      else chunk.splice(place, 1)
    },
    scan: (behind, visit) => {
      for (let at = chunkFrom(behind), place = at < chunks.length ? first(chunks[at]!, behind) : 0; at < chunks.length; at++, place = 0) {
        for (const chunk = chunks[at]!; place < chunk.length; place++) if (!visit(chunk[place]!)) return
      }
    },
  }
}

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
/** Ranks stand beside the elements: a search that reads only them stays within a few lines of the processor's cache, at any size. */
interface Chunk<A> { readonly list: A[]; readonly ranks: number[] }

/** The first of so many places from which on `is` holds. */
const first = (places: number, is: (at: number) => boolean): number => {
  let low = 0, high = places
  while (low < high) {
    const middle = (low + high) >>> 1
    if (is(middle)) high = middle
    else low = middle + 1
  }
  return low
}

/** `order` must be total: zero only for an element and itself. `rank` tells most of it: of two elements, the one of lower rank comes first. */
export const sorted = <A>(order: (a: A, b: A) => number, rank: (a: A) => number): Sorted<A> => {
  const chunks: Chunk<A>[] = []
  /** Whether the element at a place comes behind this one, or is it where `least` is 0. */
  const from = ({ list, ranks }: Chunk<A>, at: number, a: A, of: number, least: 0 | 1): boolean => ranks[at] === of ? order(list[at]!, a) >= least : ranks[at]! > of
  const chunkFrom = (a: A, of: number, least: 0 | 1): number => first(chunks.length, i => from(chunks[i]!, chunks[i]!.list.length - 1, a, of, least))
  const placeIn = (chunk: Chunk<A>, a: A, of: number, least: 0 | 1): number => first(chunk.list.length, at => from(chunk, at, a, of, least))
  const insert = (chunk: Chunk<A>, a: A, of: number): void => {
    const at = placeIn(chunk, a, of, 1)
    chunk.list.splice(at, 0, a)
    chunk.ranks.splice(at, 0, of)
  }
  return {
    add: a => {
      const of = rank(a), found = chunkFrom(a, of, 1), at = Math.min(found, chunks.length - 1), chunk = chunks[at]
      if (chunk === undefined || (found === chunks.length && chunk.list.length === most)) { chunks.push({ list: [a], ranks: [of] }); return } // what grows at its end fills its chunks
      if (chunk.list.length < most) { insert(chunk, a, of); return }
      const rest = { list: chunk.list.splice(most / 2), ranks: chunk.ranks.splice(most / 2) }
      chunks.splice(at + 1, 0, rest)
      insert(from(chunk, chunk.list.length - 1, a, of, 1) ? chunk : rest, a, of)
    },
    remove: a => {
      const of = rank(a), at = chunkFrom(a, of, 0), chunk = chunks[at], place = chunk === undefined ? -1 : placeIn(chunk, a, of, 0)
      if (chunk?.list[place] !== a) throw new Error('[memory] an index lost a row: its columns changed in place')
      if (chunk.list.length === 1) { chunks.splice(at, 1); return }
      chunk.list.splice(place, 1)
      chunk.ranks.splice(place, 1)
    },
    scan: (behind, visit) => {
      let at = first(chunks.length, i => behind(chunks[i]!.list.at(-1)!))
      for (let place = at < chunks.length ? first(chunks[at]!.list.length, i => behind(chunks[at]!.list[i]!)) : 0; at < chunks.length; at++, place = 0) {
        for (const { list } = chunks[at]!; place < list.length; place++) if (!visit(list[place]!)) return
      }
    },
  }
}

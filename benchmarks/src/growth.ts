import { type Benchmark, type Effort, figure } from './figure.js'
import { growing } from './growing.js'

const nameOf = (rows: number): string => `memory/growth-${rows}`
const heapOf = (rows: number): string => `${nameOf(rows)}-heap`

/** Heap a row, against the hand-written baseline. Takes the filling of two tables, and is measured once. */
const heap = async (rows: number, ours: ReturnType<typeof growing>) => {
  const theirs = growing('handWritten', rows)
  try {
    const pair = [await ours.heap(), await theirs.heap()] as const
    await theirs.audit()
    return figure(heapOf(rows), 'bytes/row', [pair])
  } finally { await theirs.close() }
}

/** The cost of a command on a table of so many rows, against that on the smallest, in turns. */
export const growth: Benchmark = {
  names: ({ rows }) => rows.flatMap(n => [nameOf(n), heapOf(n)]),
  run: async function* ({ rows, rounds, warmUp, commands }: Effort, wanted) {
    const [least] = rows, share = Math.ceil(commands / 4), cost = (ms: number): number => ms * 1000 / share
    for (const n of rows) {
      if (!wanted.has(nameOf(n)) && !wanted.has(heapOf(n))) continue
      const large = growing('lowtide', n), small = growing('lowtide', least!)
      try {
        yield await heap(n, large)
        const pairs: [number, number][] = []
        for (let round = 0; wanted.has(nameOf(n)) && round < warmUp + rounds; round++) {
          const first = await (round % 2 === 0 ? large : small).round(share), second = await (round % 2 === 0 ? small : large).round(share)
          pairs.push(round % 2 === 0 ? [cost(first), cost(second)] : [cost(second), cost(first)])
        }
        await large.audit()
        await small.audit()
        if (pairs.length > 0) yield figure(nameOf(n), 'us/command', pairs.slice(warmUp), { atMost: 1.3 })
      } finally { await Promise.all([large.close(), small.close()]) }
    }
  },
}

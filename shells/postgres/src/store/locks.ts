import { type Statement, type Step, statement, statements } from '../server/statement.js'

/** 53 bits of a name (cyrb53, public domain): the same in every process. A collision costs a wait, nothing else. */
const hash = (name: string, seed: number): number => {
  let a = 0xdeadbeef ^ seed, b = 0x41c6ce57 ^ seed
  for (let i = 0; i < name.length; i++) {
    const unit = name.charCodeAt(i)
    a = Math.imul(a ^ unit, 2654435761)
    b = Math.imul(b ^ unit, 1597334677)
  }
  a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909)
  b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909)
  return 4294967296 * (2097151 & b) + (a >>> 0)
}
/**
 * Advisory locks of a transaction, the first thing it does: shared for what it only read, exclusive for what it writes or emits, in one order for
 * everybody, so that nobody waits in a circle. They assign no transaction id, so of two transactions that write the same key the later one has the
 * later id, on which the readers of the log rely. What is checked under them is checked by a statement of its own: the one that waits for a lock
 * sees the rows as they were before it had it.
 */
export const locking = (schema: string) => {
  const seed = hash(schema, 0) >>> 0
  return () => {
    const modes = new Map<number, boolean>()
    return {
      size: (): number => modes.size,
      /** Their numbers, as they are locked. */
      numbers: (): readonly number[] => [...modes.keys()].sort((a, b) => a - b),
      modes: (): Modes => modes,
      shared: (name: string): void => { const h = hash(name, seed); if (!modes.has(h)) modes.set(h, false) },
      exclusive: (name: string): void => { modes.set(hash(name, seed), true) },
      step: (): Step => taking(modes),
      /** The same as plain SQL, for a script; all of them exclusive. */
      script: (): string => `select pg_advisory_xact_lock(h) from unnest('{${[...modes.keys()].sort((a, b) => a - b).join()}}'::bigint[]) h`,
    }
  }
}
/** By their numbers; true: exclusive. */
export type Modes = ReadonlyMap<number, boolean>
export const taking = (modes: Modes): Step => {
  const sorted = [...modes.keys()].sort((a, b) => a - b)
  if (sorted.length <= few) return { statement: takeFew(sorted.map(h => modes.get(h)!)), params: sorted }
  return { statement: take, params: [sorted, sorted.map(h => modes.get(h)!)] }
}
/** In the order of the arrays. */
const take = statement('select case when x then pg_advisory_xact_lock(h) else pg_advisory_xact_lock_shared(h) end from unnest($1::bigint[], $2::bool[]) u(h, x)')
/** Those of a single message: 4 us of the server's processor instead of 22. */
const few = 4, kept = statements()
const takeFew = (exclusive: readonly boolean[]): Statement => kept(exclusive.join(), () => `select ${exclusive.map((x, i) => `${x ? 'pg_advisory_xact_lock' : 'pg_advisory_xact_lock_shared'}($${i + 1}::bigint)`).join(', ')}`)
export const ownershipOf = (consumer: string, channel: string, partition: string | number): string => `owner\u0000${consumer}\u0000${channel}\u0000${partition}`
/** Held, with others, by who reads the log from its beginning: nothing is removed from it meanwhile. */
export const historyLock = (schema: string): number => hash('history', hash(schema, 0) >>> 0)
export const rebuildOf = (table: string): string => `rebuild\u0000${table}`
export const emitLock = (channel: string, key: string): string => `emit\u0000${channel}\u0000${key}`

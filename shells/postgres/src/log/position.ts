import type { Position } from '@lowtide/core'

/** A place in the log: the id of the transaction that wrote it, and a number within that. Both stay below 2^53. */
export interface Place { readonly tx: number; readonly n: number }
export const start: Place = { tx: 0, n: 0 }
export const positionOf = ({ tx, n }: Place): Position => `${tx}.${n}`
export const placeOf = (position: Position): Place => {
  const dot = position.indexOf('.')
  return { tx: Number(position.slice(0, dot)), n: Number(position.slice(dot + 1)) }
}
/** Numbers of what was published begin here: who publishes may do it twice, as a unit may that has no mark. Below stands what a unit emitted, once. */
export const published = 2 ** 30
export const isOnce = ({ n }: Place): boolean => n < published
/** Below zero where the first comes first. */
export const compare = (a: Place, b: Place): number => a.tx - b.tx || a.n - b.n
export const reached = (applied: Position, upTo: Position): boolean => compare(placeOf(applied), placeOf(upTo)) >= 0

/** FNV-1a over UTF-16 units, its bits then mixed: the same partition for the same key, always, in every process. */
export const partitionOf = (key: string, partitions: number): number => {
  let hash = 0x811c9dc5
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  return ((hash ^ (hash >>> 13)) >>> 0) % partitions
}

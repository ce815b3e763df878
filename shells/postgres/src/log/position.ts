import { hash } from 'node:crypto'
import type { Position } from '@lowtide/core'

/** A place in the log: the id of the transaction that wrote it, and a number within that. Both stay below 2^53. */
export interface Place { readonly tx: number; readonly n: number }
export const start: Place = { tx: 0, n: 0 }
/** With a print of what stands there, where that goes into a checkpoint; it says nothing about order. */
export const positionOf = ({ tx, n }: Place, print?: string): Position => print === undefined ? `${tx}.${n}` : `${tx}.${n}.${print}`
export const placeOf = (position: Position): Place => {
  const dot = position.indexOf('.')
  return { tx: Number(position.slice(0, dot)), n: parseInt(position.slice(dot + 1), 10) }
}
/** Nothing where it is of another place: who does not know of prints has moved on and left it. */
export const printOf = (position: Position | null, { tx, n }: Place): string | undefined => position?.startsWith(`${tx}.${n}.`) === true ? position.slice(`${tx}.${n}.`.length) : undefined
/** Tells apart messages that have one place in two logs, also where they have one id; a server says the same by \`printed\`. */
export const printing = (text: string): string => hash('sha256', text).slice(0, 16)
export const printed = (message: string): string => `left(encode(sha256(convert_to(${message}::text, 'UTF8')), 'hex'), 16)`
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

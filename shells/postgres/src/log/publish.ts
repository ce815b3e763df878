import type { Emit, Failure } from '@lowtide/core'
import * as E from 'fp-ts/lib/Either.js'
import type { Database } from '../server/database.js'
import { failure, failureOf } from '../server/failure.js'
import { emitLock, locking } from '../store/locks.js'
import type { Log } from './log.js'
import type { Logged } from './bulletin.js'
import type { Outbox } from './outbox.js'
import { partitionOf, published } from './position.js'

/** Writes messages to their channels, all or none. Answers where they stand. */
export const publisher = (db: Pick<Database, 'fly' | 'schema'>, log: Log, partitions: number, outbox?: Outbox) => {
  const locks = locking(db.schema)
  return async (messages: readonly Emit[]): Promise<E.Either<Failure, readonly Logged[]>> => {
    const doing = `publish to ${[...new Set(messages.map(m => `'${m.channel}'`))].join(', ')}`, taking = locks()
    let rows: readonly (Omit<Logged, 'tx'> & { readonly text: string })[]
    try {
      rows = messages.map(({ channel, message }) => ({ channel, partition: partitionOf(message.subject, partitions), text: JSON.stringify(message) }))
    } catch (e) { return E.left(failure(`cannot ${doing}: ${e instanceof Error ? e.message : String(e)}`)) }
    for (const { channel, message } of messages) taking.exclusive(emitLock(channel, message.subject))
    const leaving = outbox?.leave(rows.map(({ channel, partition }, i) => ({ channel, partition, n: published + i })), 'free')
    try {
      const [, written] = await db.fly([taking.step(), log.append(rows), ...leaving === undefined ? [] : [leaving]]), tx = Number(written!.rows[0]![0])
      return E.right([...new Map(rows.map(({ channel, partition }) => [`${partition}/${channel}`, { channel, partition, tx }])).values()])
    } catch (e) { return E.left(failureOf(doing, e)) }
  }
}

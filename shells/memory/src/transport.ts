import type { Failure, Transport } from '@lowtide/core'
import * as E from 'fp-ts/lib/Either.js'
import { failure, textOf } from './failure.js'
import type { Instance } from './instance.js'
import { own } from './own.js'
import type { Member } from './reading.js'
import type { State } from './state.js'

const depart = async ({ consumers }: State, member: Member): Promise<void> => {
  const { runtime, options, state } = member.instance, idle = Promise.all(consumers.readings(member).map(reading => reading.idle()))
  await new Promise<void>(resolve => {
    const stop = runtime.after(options.grace, resolve)
    void idle.then(() => { stop(); resolve() })
  })
  if (state() !== 'crashed') consumers.leave(member, reading => reading.member !== member || reading.out())
}
/**
 * Stops reading, lets the batches that are out end, and only then gives the partitions up: nothing comes twice for a
 * close. What is still out when `grace` is over is revoked.
 */
export const leave = (state: State, member: Member): Promise<void> => member.left ??= depart(state, member)

/** A world's channels as one instance sees them. `largest`: deliveries in a batch, at most. */
export const transport = (state: State, by: Instance, largest: number): Transport => {
  const { log, consumers, room } = state
  return {
    publish: messages => by.port((): E.Either<Failure, void> => {
      try {
        const kept = messages.map(({ channel, message }) => ({ channel, message: own(message) }))
        const partitions = kept.map(({ channel, message }) => log.append(channel, message.subject, message))
        for (const partition of partitions) log.announce(partition)
        return E.right(undefined)
      } catch (e) { return E.left(failure(`cannot publish: ${textOf(e)}`)) }
    }),
    subscribe: (consumer, on) => by.port(() => {
      const member: Member = { instance: by, consumer, on, largest, lapsed: false, left: undefined }
      consumers.join(member)
      return E.right({ close: () => leave(state, member) })
    }),
    room: channels => room.wait(by, channels),
    reached: (applied, upTo) => Number(applied) >= Number(upTo),
  }
}

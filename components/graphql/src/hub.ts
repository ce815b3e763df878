import type { Channel, Message } from '@lowtide/core'
import type { Gone, Intake } from '@lowtide/run'
import * as E from 'fp-ts/lib/Either.js'
import { failure, type Mask, notHandled } from './errors.js'
import type { Limits } from './options.js'

interface Subscriber { readonly type: string; hear(event: Message): void; end(): void }

/** Events for those who subscribe: one listener on the channels, a bounded buffer for each subscriber. */
export const hub = (intake: Intake, channels: readonly Channel[], n: Pick<Limits, 'subscribers' | 'buffer'>, mask: Mask) => {
  const subscribers = new Set<Subscriber>()
  let listening: ReturnType<ReturnType<Intake['listen']>> | undefined, closed = false
  const hear = (event: Message): void => { for (const s of subscribers) if (s.type === event.type) s.hear(event) }
  const listen = async (): Promise<void> => {
    const heard = await (listening ??= intake.listen(channels, hear)())
    if (E.isRight(heard)) return
    listening = undefined
    throw notHandled(heard.left, mask)
  }

  return {
    /** Events of a type from now on, until the caller has gone; a subscriber who falls behind is ended with an error, for its memory is bounded. */
    subscribe: async (type: string, wanted: (event: Message) => boolean, gone: Gone): Promise<AsyncIterableIterator<Message>> => {
      if (subscribers.size >= n.subscribers) throw failure('busy', `this process serves ${n.subscribers} subscriptions already`)
      const waiting: Message[] = []
      let fault: Error | undefined, over = false, wake: (() => void) | undefined
      const stop = (): void => { over = true; subscribers.delete(s); gone.removeEventListener('abort', leave); wake?.() }
      const leave = (): void => { waiting.length = 0; stop() }
      const fail = (why: Error): void => { waiting.length = 0; fault = why; stop() }
      const s: Subscriber = {
        type, end: stop,
        hear: event => {
          try { if (!wanted(event)) return } catch (e) { return fail(mask('internal', e)) } // its own fault: thrown here, the event would come again to all
          if (waiting.length < n.buffer) { waiting.push(event); wake?.(); return }
          fail(failure('slow-consumer', `more than ${n.buffer} events waited for this subscriber; read faster, or subscribe again and read what was missed by a query`))
        },
      }
      subscribers.add(s)
      gone.addEventListener('abort', leave)
      if (gone.aborted || closed) leave()
      else await listen().catch((e: unknown) => { stop(); throw e })
      const next = async (): Promise<IteratorResult<Message>> => {
        while (waiting.length === 0 && !over) await new Promise<void>(resolve => { wake = resolve })
        const value = waiting.shift()
        if (value !== undefined) return { done: false, value }
        if (fault === undefined) return { done: true, value: undefined }
        const thrown = fault
        fault = undefined
        throw thrown
      }
      const iterator: AsyncIterableIterator<Message> = { next, return: async () => { leave(); return { done: true, value: undefined } }, [Symbol.asyncIterator]: () => iterator }
      return iterator
    },
    close: async (): Promise<void> => {
      closed = true
      for (const s of subscribers) s.end()
      const heard = await listening
      if (heard && E.isRight(heard)) await heard.right.close()
    },
  }
}
export type Hub = ReturnType<typeof hub>

import { type AnyDecider, type Executing, type Failure, type Job, type Message, type Settled, type Shell, executor } from '@lowtide/core'
import * as E from 'fp-ts/lib/Either.js'
import { laneKey } from './lane.js'
import type { observing } from './observe.js'

type Opened = Awaited<ReturnType<ReturnType<Shell['open']>>> extends E.Either<Failure, infer O> ? O : never
/** `refused`: for what is wrong with the transaction, and no attempt can mend. */
export type Aside = Settled | { readonly refused: string }

/**
 * Decides one command in a transaction of its caller: alone, past the lane, for the store's locks keep what a lane keeps. Conflicts are decided again on fresh data; what
 * fails is answered at once, since the caller's transaction cannot wait for another attempt, and nothing of it is listed as failed.
 */
export const aside = (env: Executing, within: NonNullable<Opened['within']>, { executing, settling }: Pick<ReturnType<typeof observing>, 'executing' | 'settling'>) => async (transaction: unknown, handler: AnyDecider, message: Message, over: (leave: () => void) => void): Promise<Aside> => {
  const begun = await within(transaction, over)()
  if (E.isLeft(begun)) return begun.left.retry ? begun : { refused: begun.left.failure }
  const { end, ...store } = begun.right
  let result: Settled | undefined
  const job: Job = { handler, message, key: laneKey(handler.name, handler.in[0]!.channel.channel, message.subject), do: 'run', attempts: 0, losses: 0, broke: 0, settle: r => { settling?.(job, r); result = r } }
  try {
    await executing(executor({ ...env, store }))([job], () => true)
  } catch (e) { result = E.left({ failure: e instanceof Error ? e.message : String(e), retry: false }) }
  const ended = await end()
  return E.isLeft(ended) ? ended : result!
}

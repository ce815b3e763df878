import type { Emit, Failure } from '@lowtide/core'
import * as E from 'fp-ts/lib/Either.js'
import { notes, noting } from '../noted.js'
import { carrying, shellOf } from './plan.js'
import type { Carrier, Entry } from './role.js'

// A process that carries what leaves, and meets its fate at one of its calls.
process.on('disconnect', () => process.exit())
const { name, url, folder, receiver, fate, sabotage } = JSON.parse(process.argv[2]!) as Carrier

/** Milliseconds. */
const patience = 1_000
const deliver = async (messages: readonly Emit[]): Promise<E.Either<Failure, void>> => {
  const sent = messages.map(({ message: { id, subject, data } }): Entry => ({ id, key: subject, n: (data as { readonly n: number }).n })), body = JSON.stringify(sabotage === 'turns a batch round' ? sent.toReversed() : sent)
  const { ok, status } = await fetch(`http://127.0.0.1:${receiver}/`, { method: 'POST', body, signal: AbortSignal.timeout(patience) })
  return ok ? E.right(undefined) : E.left({ failure: `answered ${status}`, retry: true })
}
let calls = 0, met = false
const meets = (when: 'before' | 'after'): void => {
  if (met || fate === undefined || calls < fate.call || !fate.how.endsWith(when)) return
  met = true
  process.kill(process.pid, fate.how.startsWith('dies') ? 'SIGKILL' : 'SIGSTOP')
}
await carrying(noting(shellOf(url), notes(folder, name)), messages => async () => {
  calls++
  if (sabotage === 'marks before it publishes') { setTimeout(() => { meets('before'); void deliver(messages).catch(() => {}) }, 50); return E.right(undefined) }
  meets('before')
  const sent = await deliver(messages).catch((e: unknown): E.Either<Failure, void> => E.left({ failure: String(e), retry: true }))
  if (E.isRight(sent)) meets('after')
  return sent
})
process.send?.({ ready: true })

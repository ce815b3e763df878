import { inspect } from 'node:util'
import * as E from 'fp-ts/lib/Either.js'
import type { Task } from 'fp-ts/lib/Task.js'
import type { TaskEither } from 'fp-ts/lib/TaskEither.js'

const shown = (value: unknown): string => inspect(value, { depth: 8, sorted: true, breakLength: 120 })

/**
 * Runs a task and unwraps its success; a failure is thrown, with the value in the message.
 *
 * @example
 * const outcome = await right(app.send(InviteCustomer({ email: 'a@b.c' })))
 */
export const right = async <L, A>(task: TaskEither<L, A>): Promise<A> => {
  const result = await task()
  if (E.isLeft(result)) throw new Error(`[testing] expected a Right, found a Left: ${shown(result.left)}`)
  return result.right
}

/** Runs a task and unwraps its failure; a success is thrown, with the value in the message. */
export const left = async <L, A>(task: TaskEither<L, A>): Promise<L> => {
  const result = await task()
  if (E.isRight(result)) throw new Error(`[testing] expected a Left, found a Right: ${shown(result.right)}`)
  return result.left
}

const race = async <A>(ms: number, running: Promise<A>, late: () => string): Promise<A> => {
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<never>((_, refuse) => { timer = setTimeout(() => refuse(new Error(late())), ms) })
  try { return await Promise.race([running, limit]) } finally { clearTimeout(timer) }
}

/**
 * Gives a task so many milliseconds. Then it throws and names what it waited for; it cannot stop the task.
 *
 * @example
 * await within(2_000, 'the end of close()', () => app.close())
 */
export const within = <A>(ms: number, what: string, task: Task<A>): Promise<A> =>
  race(ms, task(), () => `[testing] waited ${ms} ms for ${what}, in vain`)

type Truthy<A> = Exclude<A, false | 0 | '' | null | undefined>
const pause = 3

/**
 * Asks every few milliseconds until the answer is truthy, and returns it: no fixed sleep, so it takes no longer than what it
 * waits for. An error of the condition ends it.
 *
 * @example
 * const parked = await until('a parked event', 2_000, async () => (await right(app.parked.list({})))[0])
 */
export const until = async <A>(what: string, ms: number, condition: () => A | Promise<A>): Promise<Truthy<A>> => {
  let last: unknown = 'none yet', over = false
  const poll = async (): Promise<Truthy<A>> => {
    for (;;) {
      const found = await condition()
      if (found) return found as Truthy<A>
      last = found
      await new Promise(resume => setTimeout(resume, pause))
      if (over) throw new Error('nobody listens any more')
    }
  }
  try { return await race(ms, poll(), () => `[testing] waited ${ms} ms for ${what}, in vain; the last answer was ${shown(last)}`) } finally { over = true }
}

import type { Failure, Options, Runtime, Store } from '@lowtide/core'
import * as E from 'fp-ts/lib/Either.js'
import type { TaskEither } from 'fp-ts/lib/TaskEither.js'
import { failure, textOf } from './failure.js'

export type State = 'running' | 'paused' | 'crashed' | 'closed'
export type News = Parameters<Store['watch']>[0]
/** One opened shell: what stands for a process. All it asks of the world goes through `turn`, all it hears comes through `wake`. */
export interface Instance {
  readonly name: string; readonly runtime: Runtime; readonly options: Options
  state(): State
  /** Pausing holds every call and every notice until it runs again; crashing drops them. */
  become(state: State): void
  /** The call's answer: at once, when it runs again, or never. */
  turn<A>(call: () => A): Promise<A>
  port<A>(call: () => E.Either<Failure, A>): TaskEither<Failure, A>
  /** Runs soon, before anything is read. */
  tell(notice: () => void): void
  /** Runs soon, once what was told has run. */
  read(reader: () => void): void
  news(what: News): void
  watch(what: News, listener: () => void): () => void
  sizes(): { readonly calls: number; readonly watchers: number }
}

export const instance = (name: string, runtime: Runtime, options: Options): Instance => {
  const listeners: { readonly [K in News]: Set<() => void> } = { outcome: new Set(), applied: new Set(), parked: new Set() }
  const calls: (() => void)[] = [], fresh = new Set<News>()
  let state: State = 'running', told: (() => void)[] = [], readers: (() => void)[] = [], waking = false

  const safely = (call: () => void): void => {
    if (state === 'crashed') return
    try { call() } catch (e) { runtime.log('error', `[memory] a listener of instance '${name}' threw: ${textOf(e)}`) }
  }
  const flush = (): void => {
    waking = false
    if (state !== 'running') return
    const notices = told, reading = readers, heard: (() => void)[] = []
    for (const what of fresh) heard.push(...listeners[what])
    told = []; readers = []; fresh.clear()
    for (const notice of notices) safely(notice)
    for (const listener of heard) safely(listener)
    for (const reader of reading) safely(reader)
  }
  const wake = (): void => {
    if (waking || state !== 'running') return
    waking = true
    runtime.soon(flush)
  }
  const turn = <A>(call: () => A): Promise<A> => {
    if (state === 'running' || state === 'closed') return Promise.resolve(call())
    return new Promise(resolve => { if (state === 'paused') calls.push(() => resolve(call())) })
  }
  return {
    name, runtime, options, turn,
    state: () => state,
    become: next => {
      state = next
      if (next === 'crashed') { calls.length = 0; told = []; readers = []; fresh.clear() }
      if (next === 'crashed' || next === 'closed') for (const what of Object.values(listeners)) what.clear()
      if (next !== 'running') return
      for (const call of calls.splice(0)) call()
      wake()
    },
    port: call => () => turn(() => state === 'closed' ? E.left(failure(`instance '${name}' is closed; open the shell again`)) : call()),
    tell: notice => { if (state !== 'crashed') { told.push(notice); wake() } },
    read: reader => { if (state !== 'crashed') { readers.push(reader); wake() } },
    news: what => { if (listeners[what].size > 0) { fresh.add(what); wake() } },
    watch: (what, listener) => {
      const call = (): void => listener() // the same listener twice is two
      if (state !== 'crashed' && state !== 'closed') listeners[what].add(call)
      return () => { listeners[what].delete(call) }
    },
    sizes: () => ({ calls: calls.length, watchers: Object.values(listeners).reduce((sum, { size }) => sum + size, 0) }),
  }
}

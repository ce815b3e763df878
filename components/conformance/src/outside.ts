import type { Failure } from '@lowtide/core'
import * as E from 'fp-ts/lib/Either.js'
import type { Outside } from './world.js'

/** How a gate answers: it goes, the decision throws, the port fails; `times` times, then it goes. `hold`: nobody is answered until `release`. */
export interface Rule { readonly say: 'throw' | 'fail' | 'hold'; readonly times?: number }
export interface Deed { readonly port: string; readonly list: string; readonly item: string; readonly key: string; readonly at: number }
export interface Asked { readonly name: string; readonly at: string; readonly time: number }

/** What is outside of the deployment: it answers the functions' gate as the test says, and writes down what was asked and done. */
export const outside = (now: () => number) => {
  const rules = new Map<string, { say: Rule['say']; left: Map<string, number>; times: number; held: (() => void)[] }>()
  const asked: Asked[] = [], done: Deed[] = []
  const failure = (what: string): Failure => ({ failure: `${what} was told to fail`, retry: true })
  /** Whether this rule still applies to whoever asks; each of them has its own count. */
  const applies = (name: string, at: string): Rule['say'] | undefined => {
    const rule = rules.get(name)
    if (rule === undefined) return undefined
    const left = rule.left.get(at) ?? rule.times
    rule.left.set(at, left - 1)
    return left > 0 ? rule.say : undefined
  }
  const ports: Outside = {
    ask: async (_port, args) => {
      const { name, at } = args as { name: string; at: string }
      asked.push({ name, at, time: now() })
      const say = applies(name, at)
      if (say === 'hold') await new Promise<void>(resolve => { rules.get(name)!.held.push(resolve) })
      return say === 'fail' ? E.left(failure(`the gate '${name}'`)) : E.right(say === 'throw' ? 'throw' : 'go')
    },
    effect: async (port, data, key) => {
      const { list, item } = data as { list: string; item: string }, say = applies(`${port} ${item}`, key)
      if (say === 'hold') await new Promise<void>(resolve => { rules.get(`${port} ${item}`)!.held.push(resolve) })
      if (say === 'throw') return E.left(failure(`the effect '${port}' before it was done`))
      done.push({ port, list, item, key, at: now() })
      return say === 'fail' ? E.left(failure(`the effect '${port}' after it was done`)) : E.right(undefined)
    },
  }
  return {
    ports, asked, done,
    /** From now on, for a gate's name, or for an effect, `bell item`. */
    rule: (name: string, { say, times = Infinity }: Rule): void => { rules.set(name, { say, left: new Map(), times, held: [] }) },
    /** It goes from now on, also for those who wait. */
    release: (name: string): void => { const rule = rules.get(name); rules.delete(name); for (const go of rule?.held ?? []) go() },
    waiting: (name: string): number => rules.get(name)?.held.length ?? 0,
  }
}
export type OutsideWorld = ReturnType<typeof outside>

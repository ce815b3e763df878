import nodeCrypto from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'
import timers from 'node:timers'

type Use = (culprit: string, instead: string) => never
interface Door { readonly owner: object; readonly name: string; readonly culprit: string; readonly instead: string }

const RealDate = Date
const clock = 'use ctx.now', chance = 'use ctx.id(label)'
const later = 'return what follows now; a later message may decide again', outside = 'ask a port in lookup, or return its effect'
const doors = (owner: object, prefix: string, names: readonly string[], instead: string): readonly Door[] =>
  names.map(name => ({ owner, name, culprit: `${prefix}${name}`, instead }))

/** Ways to time, chance and the world. `node:crypto` and `node:timers` stand here too, for what is imported by name. */
const guarded = (): readonly Door[] => [
  ...doors(RealDate, 'Date.', ['now'], clock),
  ...doors(performance, 'performance.', ['now'], clock),
  ...doors(process, 'process.', ['hrtime'], clock),
  ...doors(Math, 'Math.', ['random'], chance),
  ...doors(globalThis.crypto, 'crypto.', ['randomUUID', 'getRandomValues'], chance),
  ...doors(nodeCrypto, 'crypto.', ['randomUUID', 'randomBytes', 'randomInt'], chance),
  ...[globalThis, timers].flatMap(owner => doors(owner, '', ['setTimeout', 'setInterval', 'setImmediate'], later)),
  ...doors(globalThis, '', ['fetch'], outside),
]

/** A date that is given stays a value; the present one is a look at the clock. */
const dateWithoutClock = (use: Use): DateConstructor => new Proxy(RealDate, {
  construct: (target, args, self) => args.length === 0 ? use('new Date()', clock) : Reflect.construct(target, args, self) as object,
  apply: () => use('Date()', clock),
})

const replace = (owner: object, name: string, value: unknown): () => void => {
  const before = Object.getOwnPropertyDescriptor(owner, name)
  Object.defineProperty(owner, name, { value, configurable: true, writable: true })
  return () => { if (before === undefined) Reflect.deleteProperty(owner, name); else Object.defineProperty(owner, name, before) }
}

/**
 * Runs a synchronous function with clock, chance and timers out of its reach, and puts them back, whatever happens. Throws
 * when it used one, also when it caught the error.
 */
export const withoutClock = <A>(run: () => A): A => {
  const uses: string[] = []
  const use: Use = (culprit, instead) => {
    uses.push(`it used ${culprit}; a handler is pure: ${instead}`)
    throw new Error(uses.at(-1))
  }
  const undo: (() => void)[] = []
  const result = (() => {
    try {
      undo.push(replace(globalThis, 'Date', dateWithoutClock(use)))
      for (const { owner, name, culprit, instead } of guarded()) {
        const refuse = () => use(`${culprit}()`, instead)
        undo.push(replace(owner, name, name === 'hrtime' ? Object.assign(refuse, { bigint: refuse }) : refuse))
      }
      syncBuiltinESMExports()
      return run()
    } finally {
      for (const back of undo.toReversed()) back()
      syncBuiltinESMExports()
    }
  })()
  if (uses.length > 0) throw new Error(uses[0])
  return result
}

/** Frozen to the depths, so that a change of it throws. */
export const frozen = <A>(value: A): A => {
  if (value !== null && typeof value === 'object') Object.values(Object.freeze(value)).forEach(frozen)
  return value
}

import { type AnyHandler, type AnyType, type Change, type Draft, type Lookup, type Lookups, type Message, type Then, parse, seal } from '@lowtide/core'
import * as E from 'fp-ts/lib/Either.js'
import { canonical, diff } from './diff.js'
import { frozen, withoutClock } from './guard.js'
import { type Setting, enclose } from './message.js'
import { model } from './model.js'

/** An example without its types, as each shape of handler reads it. */
export interface Example {
  readonly given?: readonly (Change | Draft | Message)[]; readonly when: unknown; readonly then: unknown
  readonly ports?: { readonly [port: string]: ((args: never) => unknown) | undefined }
  readonly ctx?: Setting
}

const isObject = (value: unknown): value is object => value !== null && typeof value === 'object'
export const isDraft = (value: unknown): value is Draft => isObject(value) && 'kind' in value && 'type' in value
export const isMessage = (value: unknown): value is Message => isObject(value) && 'dataschema' in value
const shown = (value: unknown): string => isObject(value) && 'change' in value && 'alter' in value ? `${String(value.change)} ${canonical(value.alter)}`
  : isDraft(value) || isMessage(value) ? `${value.type} ${canonical(value.data)}` : canonical(value)
const textOf = (e: unknown): string => e instanceof Error ? e.message : String(e)

/** What all examples share: rows, a way to fail that names the example, guarded calls, answers to lookups. */
export const bench = (handler: AnyHandler, { given = [], when, then, ports = {} }: Example) => {
  const rows = model(handler.tables)

  const fail = (problem: string, details = '', cause?: unknown): never => {
    const steps = [...given.map(step => `  given ${shown(step)}`), ...[when].flat().map(step => `  when  ${shown(step)}`)]
    throw new Error([`[spec] handler '${handler.name}': ${problem}`, ...steps, ...(details === '' ? [] : [details])].join('\n'), { cause })
  }
  const attempt = <A>(what: string, run: () => A): A => {
    try { return run() } catch (e) {
      const wrote = e instanceof TypeError && /read only|not extensible|Cannot (delete|redefine)/.test(e.message)
      return fail(`${what}: ${textOf(e)}${wrote ? '; what a handler is given is frozen, return results and changes instead' : ''}`, '', e)
    }
  }
  /** Calls a function of the handler. */
  const call = <A>(what: string, run: () => A): A => attempt(what, () => withoutClock(run))

  const answerOf = (lookup: Lookup): unknown => {
    if (lookup.ask.op !== 'ask') return rows.answer(lookup)
    const port = handler.ports.find(known => known.port === lookup.lookup), answer = ports[lookup.lookup]
    if (port?.shape.ask === undefined) return fail(`lookup asks the port '${lookup.lookup}', which is not in uses`)
    if (answer === undefined) return fail(`lookup asks the port '${lookup.lookup}'; the example needs ports: { ${lookup.lookup}: args => answer }`)
    const args = parse(port.shape.ask.args, lookup.ask.args)
    if (E.isLeft(args)) return fail(`lookup asks the port '${lookup.lookup}' with arguments that do not fit its schema`, canonical(args.left, 2))
    const found = parse(port.shape.ask.answer, answer(args.right as never))
    return E.isLeft(found) ? fail(`the answer of the port '${lookup.lookup}' does not fit its schema`, canonical(found.left, 2)) : found.right
  }
  const answers = (lookups: Lookups): { readonly [name: string]: unknown } =>
    frozen(Object.fromEntries(Object.entries(lookups).map(([name, lookup]) => [name, attempt(`lookup '${name}'`, () => answerOf(lookup))])))
  /** What a handler looks up, and the data that it decides on. */
  const lookUp = (describe: () => Lookups | Then) => {
    const asked = call('lookup', describe)
    if (!('next' in asked && typeof asked.next === 'function')) return { asked: [asked], data: answers(asked as Lookups) }
    const { first, next } = asked as Then, found = answers(first), second = call('andThen of lookup', () => next(found as never))
    return { asked: [first, second], data: Object.freeze({ ...found, ...answers(second) }) }
  }

  return {
    rows, fail, attempt, call, lookUp,
    /** A message as this handler gets it, of a draft or of a message made before. */
    messageOf: (types: readonly AnyType[], value: unknown): Message => {
      const name = isDraft(value) || isMessage(value) ? value.type : canonical(value), type = types.find(known => known.type === name)
      if (type === undefined) return fail(`does not take ${name}; it takes ${types.map(known => known.type).join(', ') || 'nothing'}`)
      if (isMessage(value)) return frozen({ ...value })
      return attempt('the example', () => enclose(type, (value as Draft).data))
    },
    /** The changes that the handler makes of an event. */
    writeOf: (write: { readonly [type: string]: ((event: Message) => readonly Change[]) | undefined }, event: Message): readonly Change[] => {
      const entry = write[event.type]
      return entry === undefined ? fail(`write has no entry for '${event.type}'`) : call(`write of '${event.type}'`, () => entry(event))
    },
    /** Runs twice: whatever is not the same in both comes from outside of the message, its data and the context. */
    twice: <A>(run: () => A): A => {
      const [first, second] = [run(), run()].map(each => attempt('what it returned', () => seal(each))) as [A, A]
      return JSON.stringify(first) === JSON.stringify(second) ? first
        : fail('two runs on the same input differ; it keeps state between them, or reads time or chance', diff(first, second, 'first run', 'second run'))
    },
    /** Compares, at last, with what the example expects. */
    expect: (expected: unknown, found: unknown): void => {
      if (canonical(expected) !== canonical(found)) fail('not as expected', diff(expected, found))
    },
    then,
  }
}
export type Bench = ReturnType<typeof bench>

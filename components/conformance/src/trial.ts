import { isDeepStrictEqual } from 'node:util'
import { type AnyDecider, type AnyHandler, type AnyType, type Emit, type Message, type Options, type Row, envelop, idOf } from '@lowtide/core'
import * as E from 'fp-ts/lib/Either.js'
import { chance } from './clock.js'
import * as suite from './functions.js'
import { type Node, node } from './node.js'
import { outside } from './outside.js'
import type { Faults, Instance, Make, World } from './world.js'

const isDecider = (h: AnyHandler): h is AnyDecider => h.kind === 'command' || h.kind === 'policy' || h.kind === 'projector'
/** All handlers of the suite that a process can run. */
export const everything: readonly AnyDecider[] = (Object.values(suite.functions) as readonly AnyHandler[]).filter(isDecider)
/** Short waits, so that a real clock need not be patient; a law that is about a number sets its own. */
const options: Partial<Options> = { retries: 3, backoffBase: 10, backoffCap: 100, poll: 50, lease: 1_000, timeout: 30_000, grace: 5_000 }
/** Milliseconds after which a test gives up what it waits for. */
export const patiently = 60_000

const shown = (v: unknown): string => { const text = JSON.stringify(v) ?? 'undefined'; return text.length > 600 ? `${text.slice(0, 600)}…` : text }
const isObject = (v: unknown): v is { readonly [name: string]: unknown } => typeof v === 'object' && v !== null
/** The first place in which they differ. */
const difference = (found: unknown, expected: unknown, path = ''): string => {
  if (isObject(found) && isObject(expected) && Array.isArray(found) === Array.isArray(expected) && shown(expected).length >= 80) {
    const key = [...Object.keys(expected), ...Object.keys(found)].find(k => !isDeepStrictEqual(found[k], expected[k]))
    if (key !== undefined) return difference(found[key], expected[key], path === '' ? key : `${path}.${key}`)
  }
  return `expected ${shown(expected)}, found ${shown(found)}${path === '' ? '' : ` at ${path}`}`
}

interface Launching { readonly options?: Partial<Options>; readonly faults?: Faults; readonly module?: string; readonly whole?: boolean }
export interface Setting { readonly make: Make; readonly prefix: string; readonly seed: number; readonly effort: number; readonly partitions: number; readonly sabotage?: string | undefined; readonly patience: number }

/** What a law is tried with: a fresh world, ids of its own in it, and words to say what must hold. */
export const trial = async (setting: Setting) => {
  const { make, prefix, seed, effort, partitions, sabotage, patience } = setting, world: World = await make({ seed, partitions })
  const nodes: Instance[] = [], others = new Set<{ close(): Promise<void> }>()
  const out = outside(world.clock.now), random = chance(seed)
  const fail = (what: string): never => { throw new Error(`${what} (ids ${prefix}…, seed ${seed})`) }
  const mine = (text: unknown): boolean => typeof text === 'string' && text.startsWith(prefix)
  let children = 0

  const self = {
    world, guarantees: world.guarantees, clock: world.clock, outside: out, random, seed, effort, partitions, prefix,
    /** An id that no other test uses. */
    id: (label: string): string => `${prefix}-${label}`,
    start: async (handlers: readonly AnyDecider[], o: Launching = {}): Promise<Node> => {
      const instance = await world.start({
        module: o.module ?? new URL('./functions.js', import.meta.url).href, handlers: handlers.map(h => h.name), whole: o.whole ?? false,
        options: { ...options, partitions, ...o.options }, faults: o.faults ?? {}, sabotage, seed: seed + nodes.length,
      }, out.ports)
      nodes.push(instance)
      return node(instance, world.clock, patience)
    },
    /** This test's rows of a table, ordered by their ids. */
    rows: async <R extends Row>(table: { readonly name: string; insert(row: R): unknown }): Promise<readonly R[]> =>
      ((await world.inspect.rows(table.name)) as readonly R[]).filter(r => mine(r['id'])).toSorted((a, b) => String(a['id']) < String(b['id']) ? -1 : 1),
    /** The same, for a table whose columns do not matter. */
    rowsOf: async ({ name }: { readonly name: string }): Promise<readonly Row[]> => (await world.inspect.rows(name)).filter(r => mine(r['id'])),
    row: async <R extends Row>(table: { readonly name: string; insert(row: R): unknown }, id: string): Promise<R | undefined> => (await self.rows(table)).find(r => r['id'] === id),
    /** This test's messages of a type, in the order of their channel. */
    channel: async (type: AnyType): Promise<readonly Message[]> => (await world.inspect.channel(type.channel.channel)).filter(m => m.type === type.type && mine(m.subject)),
    /** This test's effects as the world saw them. */
    done: (port: string): readonly string[] => out.done.filter(d => d.port === port && mine(d.list)).map(d => d.item),
    /** A message as somebody else would publish it. */
    emit: (type: AnyType, data: unknown, o: Partial<Message> = {}): Emit => {
      const id = o.id ?? idOf(prefix, type.type, JSON.stringify(data)), time = new Date(world.clock.now()).toISOString()
      const made = envelop(type, data, { id, source: 'elsewhere', time, correlationid: id }, o.subject ?? type.keyOf(data))
      return E.isLeft(made) ? fail(`no '${type.type}' can be made of ${shown(data)}: ${made.left[0]!.message}`) : { channel: type.channel.channel, message: { ...made.right, ...o } }
    },

    until: <A>(what: string, condition: () => Promise<A>): Promise<A> => world.clock.until(what, patience, condition).catch((e: Error) => fail(e.message)),
    equal: (found: unknown, expected: unknown, what: string): void => { if (!isDeepStrictEqual(found, expected)) fail(`${what}: ${difference(found, expected)}`) },
    ok: (holds: unknown, what: string): void => { if (!holds) fail(what) },
    /** Until it is so; then what was found instead is told. */
    becomes: async (look: () => Promise<unknown>, expected: unknown, what: string): Promise<void> => {
      let last: unknown
      try { await world.clock.until(what, patience, async () => isDeepStrictEqual(last = await look(), expected)) } catch { fail(`${what}: ${difference(last, expected)} for ${patience / 1000} s`) }
    },
    /** Settings of another world, and who has to be closed with this one. */
    child: (same: boolean): Setting => ({ ...setting, prefix: same ? prefix : `${prefix}.${children++}` }),
    others,
    /** A number of cases, fewer where they cost more. */
    cases: (n: number): number => Math.max(1, Math.ceil(n * effort)),
    close: async (): Promise<void> => {
      for (const o of others) await o.close()
      await world.close()
    },
  }
  return self
}
export type Trial = Awaited<ReturnType<typeof trial>>
/** Another world, empty; with `same` ids, for a law about what is the same in each. */
export const another = async (t: Trial, ids: 'same' | 'own' = 'own'): Promise<Trial> => {
  const other = await trial(t.child(ids === 'same'))
  t.others.add(other)
  return { ...other, close: async () => { t.others.delete(other); await other.close() } }
}

type Test = ((t: Trial) => Promise<void>) & { readonly partitions?: number }
/** One thing that a law asks. */
export interface Law { readonly law: number; readonly says: string; readonly title: string; readonly run: Test }
/** The tests of a law, by their titles. */
export const law = (law: number, says: string, tests: { readonly [title: string]: Test }): readonly Law[] => Object.entries(tests).map(([title, run]) => ({ law, says, title, run }))
/** For a law about keys that share a partition. */
export const inOnePartition = (run: (t: Trial) => Promise<void>): Test => Object.assign((t: Trial) => run(t), { partitions: 1 })

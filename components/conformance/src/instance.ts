import type { AnyDecider, AnyHandler, AnyQuery, AnyResolver, Bindings, Draft, Emit, Message, ParkedFilter, Runtime, Shell, Transport } from '@lowtide/core'
import { type Caller, type Sending, deployment, start } from '@lowtide/run'
import { changed } from './around.js'
import { faulty } from './faults.js'
import { meter } from './meter.js'
import { saboteurs } from './saboteurs.js'
import type { Outside, Start } from './world.js'

type Functions = { readonly [name: string]: AnyHandler }
interface Surroundings {
  readonly shell: Shell; readonly outside: Outside; readonly runtime: Runtime
  /** Ends the process at once. */
  die(): void
}
/** Takes the place of bytes that no transport can read: a message of this type arrives as its raw text. */
export const unreadable = 'unreadable'
const garbling = (shell: Shell): Shell => changed(shell, o => ({
  ...o,
  transport: {
    ...o.transport,
    subscribe: (consumer, on) => o.transport.subscribe(consumer, {
      ...on,
      batch: b => on.batch({ ...b, deliveries: b.deliveries.map(({ position, message: m }) => 'type' in m && m.type === unreadable
        ? { position, message: { raw: String(m.data), key: m.subject === '' ? undefined : m.subject, reason: 'not JSON' } } : { position, message: m }) }),
    }),
  },
}))
const bound = (functions: Functions, outside: Outside): Bindings => Object.fromEntries(Object.values(functions).flatMap(h => h.ports).map(({ port, shape }) => [port, {
  ...(shape.ask && { ask: args => () => outside.ask(port, args) }), ...(shape.effect && { effect: (data, key) => () => outside.effect(port, data, key) }),
} satisfies Bindings[string]]))

/**
 * Starts an instance in this process: the suite's functions over a shell, metered, with its faults. What comes back does what
 * `Instance.call` is told, so that a process of its own only has to carry JSON to it and back.
 */
export const launch = async ({ module, handlers, whole, options, faults, sabotage }: Start, { shell, outside, runtime, die }: Surroundings) => {
  const loaded = await import(module) as { readonly functions: Functions }, { guarantees } = shell
  const lacks = (h: AnyHandler): unknown => (guarantees.references === 'unchecked' && h.tables.some(t => members.includes(t.name))) || (guarantees.ordering === 'none' && h.settings.needs?.oneAtATime)
  const members = Object.values(loaded.functions).flatMap(h => h.tables).flatMap(t => Object.keys(t.references).length > 0 ? [t.name, ...Object.values(t.references)] : [])
  const functions = Object.fromEntries(Object.entries(loaded.functions).filter(([, h]) => whole || !lacks(h))), all = Object.values(functions), measures = meter()
  const here = all.filter(h => handlers.includes(h.name)), elsewhere = all.filter(h => !handlers.includes(h.name) && (h.kind === 'command' || h.kind === 'policy' || h.kind === 'projector'))
  const saboteur = sabotage === undefined ? undefined : saboteurs.find(s => s.name === sabotage)
  if (sabotage !== undefined && saboteur === undefined) throw new Error(`no saboteur is called '${sabotage}'; there are ${saboteurs.map(s => s.name).join(', ')}`)
  const unknown = handlers.find(name => !here.some(h => h.name === name))
  if (unknown !== undefined) throw new Error(`the module ${module} has no handler '${unknown}'; it has ${all.map(h => h.name).join(', ')}`)

  let transport: Transport | undefined
  const outer = (inner: Shell): Shell => changed(inner, o => { transport = o.transport; return o })
  const sabotaged = (inner: Shell): Shell => saboteur?.shell === undefined ? inner : saboteur.shell(inner)
  const layers = outer(measures.shell(sabotaged(faulty(garbling(shell), faults, die))))
  const plan = deployment({ name: 'conformance', functions: [functions], shell: layers, processes: { here, elsewhere }, ports: bound(functions, outside), options } as never) // its types are for those who know the functions
  const app = await start(plan, measures.runtime(runtime), { only: 'here', ...(saboteur?.overlay && { overlay: saboteur.overlay }) })

  const heard: Message[] = []
  const named = <H extends AnyHandler>(kind: string, name: string): H => {
    const h = all.find(x => x.kind === kind && x.name === name)
    if (h === undefined) throw new Error(`no ${kind} is called '${name}'`)
    return h as H
  }
  const operations = {
    send: (draft: Draft, o?: Sending) => app.send(draft, o)(),
    answer: (name: string, draft: Draft, o?: Caller) => app.answer(named<AnyResolver>('resolver', name), draft, o)(),
    query: (name: string, args: unknown, o?: Caller) => app.query(named<AnyQuery>('query', name), args, o)(),
    parked: (filter?: ParkedFilter) => app.parked.list(filter)(),
    show: (id: string) => app.parked.show(id)(),
    redrive: (id: string) => app.parked.redrive(id)(),
    discard: (id: string) => app.parked.discard(id)(),
    rebuild: (name: string) => app.rebuild(all.find((h): h is AnyDecider => h.name === name)!)(),
    listen: async (channels: readonly string[]) => {
      const types = all.flatMap(h => [...h.in, ...h.out]).map(t => t.channel).filter(c => channels.includes(c.channel))
      return (await app.listen([...new Map(types.map(c => [c.channel, c])).values()], m => { heard.push(m) })())._tag
    },
    heard: async () => heard,
    /** Past the app: as another deployment's process would. */
    publish: (emits: readonly Emit[]) => transport!.publish(emits)(),
    describe: async () => app.describe(),
    state: async () => app.state(),
    measured: async () => measures.measured(),
  }
  return {
    call: (operation: string, args: readonly unknown[]): Promise<unknown> => {
      const run = (operations as { readonly [name: string]: (...args: never[]) => Promise<unknown> })[operation]
      if (run === undefined) throw new Error(`an instance cannot '${operation}'; it can ${Object.keys(operations).join(', ')}`)
      return run(...args as never[])
    },
    close: () => app.close(),
  }
}
export type Operations = Awaited<ReturnType<typeof launch>>

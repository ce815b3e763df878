import type { AnyDecider, AnyHandler, AnyQuery, AnyResolver, AnyTable, AnyType, Bindings, Options, Schema, Shell } from '@lowtide/core'
import type { Front } from './front.js'
import { type Relay, isRelay, isRelayed, reserved } from './relay.js'

/** A deployment as wiring and a process see it. */
export interface AnyDeployment {
  readonly name: string; readonly functions: readonly AnyHandler[]; readonly shell: Shell
  readonly processes: { readonly [process: string]: readonly (AnyDecider | Front | Relay)[] }; readonly ports: Bindings; readonly options: Options
}
/** The known name with the fewest edits (Levenshtein), and all of them: `; nearest: 'x'; known: x, y`. */
export const nearest = (name: string, known: Iterable<string>): string => {
  const distance = (a: string, b: string): number => [...a].reduce((row, x, i) => [...b].reduce<number[]>((next, y, j) => [...next, Math.min(next[j]! + 1, row[j + 1]! + 1, row[j]! + (x === y ? 0 : 1))], [i + 1]), Array.from({ length: b.length + 1 }, (_, j) => j)).at(-1)!
  const names = [...new Set(known)].toSorted(), [near] = names.toSorted((a, b) => distance(name, a) - distance(name, b))
  if (near === undefined) return '; none is known'
  return `; nearest: '${near}'; known: ${names.join(', ')}`
}
/** Probed with nothing, an asynchronous schema shows itself at once; one that waits only for certain values shows itself when it parses. */
const isAsync = (schema: Schema): boolean => schema['~standard'].validate(undefined) instanceof Promise
export const isDecider = (h: AnyHandler): h is AnyDecider => h.kind === 'command' || h.kind === 'policy' || h.kind === 'projector'
export const isResolver = (h: AnyHandler): h is AnyResolver => h.kind === 'resolver'
export const isQuery = (h: AnyHandler): h is AnyQuery => h.kind === 'query'

/** Owning groups: handlers that share tables, or tables that refer to each other, are decided in one lane. */
export const groupsOf = (handlers: readonly AnyDecider[]): readonly (readonly AnyDecider[])[] => handlers.reduce<readonly (readonly AnyDecider[])[]>((groups, h) => {
  const touched = (x: AnyDecider): string[] => x.tables.flatMap(t => [t.name, ...Object.values(t.references)])
  const mine = new Set(touched(h)), near = groups.filter(g => g.some(x => touched(x).some(n => mine.has(n))))
  return [...groups.filter(g => !near.includes(g)), [...near.flat(), h]]
}, [])

/** All that is wrong with a deployment, each with where, what and the nearest known name. */
export const faultsOf = (d: AnyDeployment): readonly string[] => {
  const faults: string[] = [], say = (text: string): number => faults.push(text)
  const deciders = d.functions.filter(isDecider), resolvers = d.functions.filter(isResolver), queries = d.functions.filter(isQuery), { guarantees, outbox = [] } = d.shell
  const twice = (what: string, names: readonly string[]): void => { for (const n of new Set(names.filter((x, i) => names.indexOf(x) < i))) say(`${what} '${n}' stands twice; names are unique in a deployment`) }
  twice('the handler', d.functions.map(h => h.name))
  const tables = new Map<string, AnyTable>(), types = new Map<string, AnyType>()
  for (const h of d.functions) {
    for (const t of h.tables) { if ((tables.get(t.name) ?? t) !== t) say(`two tables are named '${t.name}' (one of them used by '${h.name}')`); tables.set(t.name, t) }
    for (const t of [...h.in, ...h.out]) { if ((types.get(t.type) ?? t) !== t) say(`two messages are named '${t.type}' (one of them used by '${h.name}')`); types.set(t.type, t) }
  }

  for (const { name, columns, key, unique, indexes } of tables.values()) for (const column of new Set([key, ...unique, ...indexes].flat())) {
    const kind = columns[column]?.kind
    if (kind === 'decimal' || kind === 'json') say(`the column '${name}.${column}' is part of a key or an index, and ${kind}: equal values may have several texts; expected text, int, float, bool, timestamp or uuid`)
  }
  const commands = deciders.filter(h => h.kind === 'command'), taken = commands.flatMap(h => h.in.map(t => t.type))
  for (const type of new Set(taken)) { const by = commands.filter(h => h.in.some(t => t.type === type)); if (by.length > 1) say(`the command '${type}' has ${by.length} handlers: ${by.map(h => `'${h.name}'`).join(' and ')}; expected one`) }
  for (const h of [...deciders.filter(x => x.kind === 'policy'), ...resolvers]) for (const t of [...h.in, ...h.out]) if (t.kind === 'command' && !taken.includes(t.type)) say(`'${h.name}' needs the command '${t.type}', which no handler takes${nearest(t.type, taken)}`)
  const written = deciders.flatMap(h => h.out.map(t => t.type)), events = deciders.filter(h => h.kind !== 'command')
  for (const h of events) for (const t of h.in) if (!t.channel.external && !written.includes(t.type)) say(`'${h.name}' reads '${t.type}' on channel '${t.channel.channel}', which nobody writes${nearest(t.type, written)}; a channel that others write is declared with { external: true }`)
  const read = new Set([...deciders.flatMap(h => h.in.map(t => t.channel.channel)), ...outbox])
  for (const h of deciders) for (const t of h.out) if (t.kind === 'event' && !t.channel.external && !read.has(t.channel.channel)) say(`'${h.name}' writes '${t.type}' to channel '${t.channel.channel}', which nobody reads${nearest(t.channel.channel, read)}; a channel that others read is declared with { external: true }`)

  for (const r of resolvers) {
    const command = r.in[0]!, outs = commands.filter(h => h.in.includes(command)).flatMap(h => h.out.map(t => t.type))
    for (const t of r.out) if (!outs.includes(t.type)) say(`the resolver of '${command.type}' waits for '${t.type}', which its handler never makes${nearest(t.type, outs)}`)
    if (r.after && !deciders.includes(r.after)) say(`the resolver of '${command.type}' waits for the projector '${r.after.name}', which is not among the functions${nearest(r.after.name, deciders.filter(h => h.kind === 'projector').map(h => h.name))}`)
    if (r.after && !r.after.in.some(t => outs.includes(t.type))) say(`the resolver of '${command.type}' waits for the projector '${r.after.name}', which takes none of its events (${outs.join(', ')})`)
  }
  const owners = (name: string): readonly AnyDecider[] => deciders.filter(h => h.tables.some(t => t.name === name) && Object.keys(h.write).length > 0)
  for (const name of new Set([...tables.keys(), ...[...tables.values()].flatMap(t => Object.values(t.references))])) {
    const own = owners(name), users = d.functions.filter(h => h.tables.some(t => t.name === name || Object.values(t.references).includes(name))).map(h => `'${h.name}'`).join(', ')
    if (own.length === 0) say(`nobody writes the table '${name}' (used by ${users})${nearest(name, deciders.filter(h => Object.keys(h.write).length > 0).flatMap(h => h.tables.map(t => t.name)))}`)
    if (own.some(h => h.kind === 'projector') && own.some(h => h.kind !== 'projector')) say(`the table '${name}' has two owners: decisions (${own.filter(h => h.kind !== 'projector').map(h => h.name).join(', ')}) and projections (${own.filter(h => h.kind === 'projector').map(h => h.name).join(', ')}); what is decided on and what is read are different tables`)
  }
  const ports = new Map(d.functions.flatMap(h => h.ports).map(p => [p.port, p])), schemas: [string, Schema | undefined][] = []
  for (const p of ports.values()) {
    const bound = d.ports[p.port]
    if (!bound) say(`the port '${p.port}' (of ${d.functions.filter(h => h.ports.includes(p)).map(h => `'${h.name}'`).join(', ')}) has no binding${nearest(p.port, Object.keys(d.ports))}`)
    else for (const part of ['ask', 'effect'] as const) if (p.shape[part] && !bound[part]) say(`the binding of port '${p.port}' has no '${part}'`)
    const leaves = p.message && outbox.includes(p.message.channel.channel), elsewhere = isRelayed(d.ports, p)
    if (leaves && bound?.effect && !elsewhere) say(`the effects of port '${p.port}' leave by the outbox of the shell, and a binding would perform them here as well; bind it to 'relayed', or take it out of the outbox`)
    if (!leaves && elsewhere) say(`the port '${p.port}' is bound to 'relayed', and its effects do not leave by the outbox of the shell '${d.shell.name}'; name it there, or give a binding that performs them`)
    schemas.push([`the effect of port '${p.port}'`, p.shape.effect], [`the arguments of port '${p.port}'`, p.shape.ask?.args], [`the answer of port '${p.port}'`, p.shape.ask?.answer])
  }
  for (const name of Object.keys(d.ports)) if (!ports.has(name)) say(`a binding is given for port '${name}', which no function uses${nearest(name, ports.keys())}`)
  schemas.push(...[...types.values()].map(t => [`'${t.type}'`, t.schema] as [string, Schema]), ...queries.map(q => [`the arguments of '${q.name}'`, q.args] as [string, Schema]))
  for (const [what, schema] of schemas) if (schema && isAsync(schema)) say(`the schema of ${what} is asynchronous; expected a synchronous one (checks that wait belong into a lookup)`)

  const members = Object.entries(d.processes).flatMap(([process, list]) => list.map(m => [process, m] as const))
  for (const [process, m] of members) {
    if (isRelay(m)) {
      if (m.channels.length === 0) say(`the relay '${m.relay}' in process '${process}' has no channels; name those that it carries`)
      if (!Number.isSafeInteger(m.batch) || m.batch < 1) say(`the relay '${m.relay}' in process '${process}' has a batch of ${m.batch}; expected a whole number, at least 1`)
      for (const c of m.channels) if (!outbox.includes(c.channel)) say(`the relay '${m.relay}' in process '${process}' carries the channel '${c.channel}', for which the shell '${d.shell.name}' keeps no outbox${nearest(c.channel, outbox)}; name it in the shell's option outbox`)
    } else if ('front' in m) faults.push(...m.faults(d.functions))
    else if (!deciders.includes(m)) say(`process '${process}' runs '${m.name}', which is not among the functions${nearest(m.name, deciders.map(h => h.name))}`)
  }
  const relays = [...new Set(members.map(([, m]) => m).filter(isRelay))], carried = relays.flatMap(r => r.channels.map(c => c.channel))
  twice('the relay', relays.map(r => r.relay))
  for (const c of new Set(carried.filter((x, i) => carried.indexOf(x) < i))) { const by = relays.filter(r => r.channels.some(x => x.channel === c)); say(`the channel '${c}' has ${by.length} relays: ${by.map(r => `'${r.relay}'`).join(' and ')}; expected one, for what it has published is gone`) }
  for (const h of deciders) {
    if (h.name.startsWith(reserved)) say(`the handler '${h.name}' has a name that begins with '${reserved}', as consumers of relays have; rename it`)
    if (!members.some(([, m]) => m === h)) say(`no process runs '${h.name}'; processes: ${Object.keys(d.processes).join(', ')}`)
    if (h.settings.needs?.oneAtATime && guarantees.ordering !== 'per key') say(`'${h.name}' needs oneAtATime; the shell '${d.shell.name}' does not order per key`)
    if (h.settings.each === 'instance' && (h.tables.length > 0 || h.kind !== 'policy')) say(`'${h.name}' runs at each instance: expected a policy without tables`)
    for (const t of h.tables) if (Object.keys(t.references).length > 0 && guarantees.references === 'unchecked') say(`the table '${t.name}' of '${h.name}' has references, which the shell '${d.shell.name}' does not check`)
  }
  return [...new Set(faults)]
}

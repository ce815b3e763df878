import type { AnyDecider, Plan, Runtime } from '@lowtide/core'
import { consumerOf } from './consumer.js'
import { performer } from './performer.js'
import { type AnyDeployment, isDecider } from './wiring.js'

/** Those that act on the world for the ports of these handlers. */
export const performersOf = (handlers: readonly AnyDecider[]): readonly AnyDecider[] => [...new Set(handlers.flatMap(h => h.ports.filter(p => p.message)))].map(performer)

/** What a shell is opened over, in a process that runs these handlers; default: all. */
export const planOf = (d: AnyDeployment, runtime: Runtime, handlers: readonly AnyDecider[] = d.functions.filter(isDecider)): Plan => {
  const performers = performersOf(handlers)
  return {
    tables: [...new Map(d.functions.flatMap(h => h.tables).map(t => [t.name, t])).values()],
    channels: [...new Map([...d.functions.filter(isDecider), ...performers].flatMap(h => [...h.in, ...h.out]).map(t => [t.channel.channel, t.channel])).values()],
    consumers: [...handlers, ...performers].map(consumerOf), runtime, options: d.options,
  }
}

import type { AnyDecider, Plan, Runtime } from '@lowtide/core'
import { consumerOf } from './consumer.js'
import { performer } from './performer.js'
import { type Relay, carrierOf, isRelay, isRelayed } from './relay.js'
import { type AnyDeployment, isDecider } from './wiring.js'

/** Those that act on the world for the ports of these handlers, but for what leaves by the outbox. */
export const performersOf = ({ ports }: Pick<AnyDeployment, 'ports'>, handlers: readonly AnyDecider[]): readonly AnyDecider[] => [...new Set(handlers.flatMap(h => h.ports.filter(p => p.message && !isRelayed(ports, p))))].map(performer)
const relaysOf = ({ processes }: Pick<AnyDeployment, 'processes'>): readonly Relay[] => [...new Set(Object.values(processes).flat().filter(isRelay))]

/** What a shell is opened over, in a process that runs these handlers and relays; default: all. */
export const planOf = (d: AnyDeployment, runtime: Runtime, handlers: readonly AnyDecider[] = d.functions.filter(isDecider), relays: readonly Relay[] = relaysOf(d)): Plan => {
  const performers = performersOf(d, handlers), all = d.functions.filter(isDecider)
  return {
    tables: [...new Map(d.functions.flatMap(h => h.tables).map(t => [t.name, t])).values()],
    channels: [...new Map([...[...d.functions.filter(isDecider), ...performers].flatMap(h => [...h.in, ...h.out]).map(t => t.channel), ...relays.flatMap(r => r.channels)].map(c => [c.channel, c])).values()],
    consumers: [...[...handlers, ...performers].map(consumerOf), ...relays.map(carrierOf)], everywhere: [...[...all, ...performersOf(d, all)].map(consumerOf), ...relaysOf(d).map(carrierOf)], runtime, options: d.options,
  }
}

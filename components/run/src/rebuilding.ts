import type { AnyDecider, Executing, Runtime, Store } from '@lowtide/core'
import type * as E from 'fp-ts/lib/Either.js'
import type { NotHandled } from './front.js'
import { type Rebuilding, rebuild } from './rebuild.js'
import { type AnyDeployment, groupsOf, isDecider } from './wiring.js'

/** Rebuilds what handlers of a deployment keep, over its store: in a process that runs, or in one that does nothing else. */
export const rebuilding = (d: AnyDeployment, store: Store, runtime: Runtime, { overlay }: Pick<Executing, 'overlay'> = {}) =>
  (handler: AnyDecider, how: Pick<Rebuilding, 'progress' | 'signal' | 'partial'> = {}): Promise<E.Either<NotHandled, number>> => rebuild({
    ...how, store, runtime, handlers: groupsOf(d.functions.filter(isDecider)).find(group => group.includes(handler)) ?? [],
    tables: new Map(d.functions.flatMap(h => h.tables).map(t => [t.name, t])), ports: new Map(d.functions.flatMap(h => h.ports).map(p => [p.port, p])), bindings: d.ports,
    log: runtime.log, fanOut: d.options.fanOut, unitLimit: d.shell.guarantees.unitLimit, source: name => `${d.name}/${name}`, instance: runtime.newId(), ...(overlay && { overlay }),
  })

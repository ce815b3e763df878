import { chance } from '@lowtide/conformance'
import { type Boundary, boundaries } from './boundaries.js'


export type Blow = 'kill a worker' | 'kill a producer' | 'stop a process' | 'end sessions' | 'restart the server'
/** What happens once so many are acknowledged; `whom`: from 0 to 1, one of those it may meet. */
export type Event = { readonly at: number; readonly whom: number } & ({ readonly blow: Blow } | { readonly boundary: Boundary })

/** A server that was killed recovers for a second: few of these. */
const usual: readonly Blow[] = ['kill a worker', 'kill a producer', 'stop a process', 'end sessions', 'kill a worker', 'kill a producer', 'end sessions', 'stop a process']

/** The same seed and number of messages make the same schedule. Each boundary and each blow is in it at least once, none in the last tenth. */
export const scheduleOf = (seed: number, messages: number): readonly Event[] => {
  const random = chance(seed), rounds = 1 + Math.floor(messages / 25_000), more = Math.floor(messages / 2_500)
  const one = (): { readonly at: number; readonly whom: number } => ({ at: Math.floor(random() * messages * 0.85), whom: random() })
  const events: Event[] = []
  for (let round = 0; round < rounds; round++) {
    for (const boundary of boundaries) events.push({ ...one(), boundary })
    for (const blow of [...new Set(usual), 'restart the server' as const]) events.push({ ...one(), blow })
  }
  for (let n = 0; n < more; n++) events.push({ ...one(), blow: usual[Math.floor(random() * usual.length)]! })
  return events.toSorted((a, b) => a.at - b.at)
}

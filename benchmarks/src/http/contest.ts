import { expect } from '../audit.js'
import { type Effort, type Figure, type Target, figure } from '../figure.js'
import { child } from './child.js'
import type { Load, Loaded } from './load.js'
import type { Served } from './serve.js'

const connections = 50

/** A module that calls `serve`, with the arguments it is started with. */
export type Server = readonly [module: string, ...args: readonly string[]]
/** One round: what the load found, and the microseconds of processor that the server took for a request. */
export interface Round extends Loaded { readonly cpu: number }

const started = async ([module, ...args]: Server) => {
  const { ask, close } = child(module, ...args)
  const port = await ask<number>('port').catch(async (error: unknown) => { await close(); throw error })
  let sent = 0
  return {
    close,
    /** One round, audited: each answer is right, and the server says that it did as much as it was asked to. */
    round: async (send: (load: Load) => Promise<Loaded>, requests: number): Promise<Round> => {
      const before = await ask<Served>('served')
      const loaded = await send({ port, from: sent, requests, connections })
      sent += requests
      if (loaded.wrong > 0) throw new Error(`${loaded.wrong} of ${requests} answers of ${[module, ...args].join(' ')} are wrong, the first of them:\n${loaded.first}`)
      const { done, cpu } = await ask<Served>('served')
      expect(`what ${[module, ...args].join(' ')} has done`, sent, done)
      return { ...loaded, cpu: (cpu - before.cpu) / requests }
    },
  }
}

/**
 * Servers of one kind of request, each in a process of its own, loaded in turns (A B C, C B A, …) by one more process with 50
 * connections. `asking` names the module that says what is asked. Rounds without those that warm up, by server.
 */
export const contest = async ({ rounds, warmUp, commands }: Effort, asking: string, served: readonly Server[]): Promise<readonly (readonly Round[])[]> => {
  const loader = child('load.child.js', asking), servers: Awaited<ReturnType<typeof started>>[] = [], results: Round[][] = served.map(() => [])
  const requests = Math.ceil(commands / 2)
  try {
    for (const one of served) servers.push(await started(one))
    for (let round = 0; round < warmUp + rounds; round++) {
      const order = [...servers.keys()]
      for (const i of round % 2 === 0 ? order : order.toReversed()) results[i]!.push(await servers[i]!.round(loader.ask<Loaded>, requests))
    }
  } finally { await Promise.all([loader, ...servers].map(one => one.close())) }
  return results.map(all => all.slice(warmUp))
}

export const namesOf = (name: string): readonly string[] => [name, `${name}-p50`, `${name}-p99`, `${name}-cpu`]
/** Requests a second, the milliseconds within which half and 99 of a hundred answers came, and the server's processor, which a busy machine changes least. */
export const figures = (name: string, ours: readonly Round[], theirs: readonly Round[], target?: Target): readonly Figure[] => {
  const pairs = (of: (round: Round) => number) => ours.map((one, i) => [of(one), of(theirs[i]!)] as const)
  return [
    figure(name, 'requests/s', pairs(l => l.rate), target),
    figure(`${name}-p50`, 'ms', pairs(l => l.p50)),
    figure(`${name}-p99`, 'ms', pairs(l => l.p99)),
    figure(`${name}-cpu`, 'us/request', pairs(l => l.cpu)),
  ]
}

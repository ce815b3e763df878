import { expect } from '../audit.js'
import { type Effort, type Figure, type Target, figure } from '../figure.js'
import { child } from './child.js'
import type { Load, Loaded } from './load.js'

const connections = 50

/** A module that calls `serve`, with the arguments it is started with. */
export type Served = readonly [module: string, ...args: readonly string[]]

const started = async ([module, ...args]: Served) => {
  const { ask, close } = child(module, ...args)
  const port = await ask<number>('port').catch(async (error: unknown) => { await close(); throw error })
  let sent = 0
  return {
    close,
    /** One round, audited: each answer is right, and the server says that it did as much as it was asked to. */
    round: async (send: (load: Load) => Promise<Loaded>, requests: number): Promise<Loaded> => {
      const loaded = await send({ port, from: sent, requests, connections })
      sent += requests
      if (loaded.wrong > 0) throw new Error(`${loaded.wrong} of ${requests} answers of ${[module, ...args].join(' ')} are wrong, the first of them:\n${loaded.first}`)
      expect(`what ${[module, ...args].join(' ')} has done`, sent, await ask<number>('done'))
      return loaded
    },
  }
}

/**
 * Servers of one kind of request, each in a process of its own, loaded in turns (A B C, C B A, …) by one more process with 50
 * connections. `asking` names the module that says what is asked. Rounds without those that warm up, by server.
 */
export const contest = async ({ rounds, warmUp, commands }: Effort, asking: string, served: readonly Served[]): Promise<readonly (readonly Loaded[])[]> => {
  const loader = child('load.child.js', asking), servers: Awaited<ReturnType<typeof started>>[] = [], results: Loaded[][] = served.map(() => [])
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

export const namesOf = (name: string): readonly string[] => [name, `${name}-p50`, `${name}-p99`]
/** Requests a second, and the milliseconds within which half and 99 of a hundred answers came. */
export const figures = (name: string, ours: readonly Loaded[], theirs: readonly Loaded[], target?: Target): readonly Figure[] => {
  const pairs = (of: (loaded: Loaded) => number) => ours.map((loaded, round) => [of(loaded), of(theirs[round]!)] as const)
  return [
    figure(name, 'requests/s', pairs(l => l.rate), target),
    figure(`${name}-p50`, 'ms', pairs(l => l.p50)),
    figure(`${name}-p99`, 'ms', pairs(l => l.p99)),
  ]
}

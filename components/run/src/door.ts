import { pathToFileURL } from 'node:url'
import type { AnyDeployment } from './wiring.js'

/**
 * The name of a door in `globalThis`. Where a function stands there, `run` gives it the deployment and starts nothing, so a program that imports a
 * project's main (as `lowtide` does) reads what it would run. A registered symbol: each copy of this package knows the same one.
 */
const door: unique symbol = Symbol.for('lowtide.deployment')
type Taker = (d: unknown) => void
const isTaker = (x: unknown): x is Taker => typeof x === 'function'

/** Who stands there, if anybody does. */
export const atTheDoor = (): Taker | undefined => {
  const { [door]: take } = globalThis as { readonly [door]?: unknown }
  return isTaker(take) ? take : undefined
}

const isDeployment = (d: unknown): d is AnyDeployment => typeof d === 'object' && d !== null && 'shell' in d && 'functions' in d && 'processes' in d && 'options' in d
const fault = (main: string, found: string): Error => Object.assign(new Error(`cannot read the deployment of ${main}: expected that it calls run(deployment(…)), found ${found}`), { code: 'WIRING' })

/**
 * The deployment that a project's main gives to `run`, of which nothing is started. The main is read anew, as the environment is now, for each `reading`;
 * without a query of that name it can be run afterwards as if for the first time.
 */
export const deploymentOf = (main: string, reading = 'deployment'): Promise<AnyDeployment> => new Promise<AnyDeployment>((resolve, reject) => {
  const doors = globalThis as { [door]?: Taker }
  doors[door] = d => { if (isDeployment(d)) resolve(d); else reject(fault(main, 'something else than a deployment')) }
  import(`${pathToFileURL(main).href}?${reading}`).then(() => reject(fault(main, 'that it ended and never did')), reject)
}).finally(() => { delete (globalThis as { [door]?: Taker })[door] })

import { InviteCustomer } from '@lowtide/customers'
import { run } from '@lowtide/run'
import * as E from 'fp-ts/lib/Either.js'
import { type Benchmark, figure } from '../figure.js'
import { emailOf } from '../inviter.js'
import { migrate } from './deployed.js'
import { type Percentiles, percentiles, roundTrips } from './percentiles.js'
import { auditViews } from './projector.js'
import { isDecided, isProjected, projecting } from './projecting.js'
import { auditStored, drop, newSchema, urlHere } from './site.js'

/** Each is told at once, as in a system that has nothing else to do. */
export const quiet = (): Promise<void> => new Promise(resolve => { setTimeout(resolve, 12) })

/** Milliseconds from the commit of a command to that of its projection in the same process, one after the other. */
const handled = async (many: number, warmUp: number): Promise<Percentiles> => {
  const schema = newSchema()
  let decided = 0, projected = (_at: number): void => {}
  const d = projecting(await urlHere(), schema, { committed: (unit, at) => { if (isDecided(unit)) decided = at; if (isProjected(unit)) projected(at) } })
  await migrate(d)
  const app = await run(d, { signals: false }), took: number[] = []
  try {
    for (let i = 0; i < warmUp + many; i++) {
      await quiet()
      const at = new Promise<number>(resolve => { projected = resolve }), answer = await app.send(InviteCustomer({ email: emailOf(i) }))()
      if (E.isLeft(answer)) throw new Error(answer.left.message)
      const ms = await at - decided
      if (i >= warmUp) took.push(ms)
    }
    await auditStored(schema, { commands: warmUp + many })
    await auditViews(`${schema}.customer_views`, warmUp + many)
    return percentiles(took)
  } finally { await app.close(); await drop(schema) }
}

const p50 = 'postgres/handled-p50', p99 = 'postgres/handled-p99'
/** From a commit to the projection of its event, in a process that does nothing else, beside a round trip that does nothing. */
export const handling: Benchmark = {
  names: () => [p50, p99],
  run: async function* ({ rounds, warmUp, commands }) {
    const pairs: (readonly [Percentiles, Percentiles])[] = [], many = Math.ceil(commands / 100)
    for (let round = 0; round < rounds; round++) pairs.push([await handled(many, warmUp * 10 + 1), percentiles(await roundTrips(many, quiet))])
    yield figure(p50, 'ms', pairs.map(([a, b]) => [a.p50, b.p50]))
    yield figure(p99, 'ms', pairs.map(([a, b]) => [a.p99, b.p99]))
  },
}

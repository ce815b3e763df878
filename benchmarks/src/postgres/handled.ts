import { InviteCustomer } from '@lowtide/customers'
import { run } from '@lowtide/run'
import * as E from 'fp-ts/lib/Either.js'
import { type Benchmark, figure } from '../figure.js'
import { child } from '../http/child.js'
import { emailOf } from '../inviter.js'
import { migrate } from './deployed.js'
import { type Percentiles, percentiles, roundTrips } from './percentiles.js'
import { isDecided, isProjected, projecting } from './projecting.js'
import { auditStored, drop, newSchema, number, urlHere } from './site.js'

const quiet = (): Promise<void> => new Promise(resolve => { setTimeout(resolve, 12) }) // each is told at once, as in a system that has nothing else to do
const names = { here: 'postgres/handled', elsewhere: 'postgres/handled-elsewhere' } as const
type Where = keyof typeof names

/** Milliseconds from the commit of a command to that of its projection, one after the other; the command is sent by this process or by another. */
const handled = async (where: Where, many: number, warmUp: number): Promise<Percentiles> => {
  const schema = newSchema(), url = await urlHere()
  let decided = 0, projected = (_at: number): void => {}
  const d = projecting(url, schema, { committed: (unit, at) => { if (isDecided(unit)) decided = at; if (isProjected(unit)) projected(at) } })
  await migrate(d)
  const app = await run(d, where === 'here' ? { signals: false } : { signals: false, only: 'projector' })
  const other = where === 'here' ? undefined : child('../postgres/handled.child.js', url, schema)
  const invite = async (email: string): Promise<number> => {
    if (other !== undefined) return other.ask<number>(email)
    const answer = await app.send(InviteCustomer({ email }))()
    if (E.isLeft(answer)) throw new Error(answer.left.message)
    return decided
  }
  try {
    const took: number[] = []
    for (let i = 0; i < warmUp + many; i++) {
      await quiet()
      const at = new Promise<number>(resolve => { projected = resolve }), from = await invite(emailOf(i)), ms = Math.max(0.001, await at - from) // clocks of two processes agree on microseconds, no more
      if (i >= warmUp) took.push(ms)
    }
    await auditStored(schema, { commands: warmUp + many })
    const views = await number(`select count(distinct id) from ${schema}.customer_views`)
    if (views !== warmUp + many) throw new Error(`expected ${warmUp + many} views of customers, found ${views}`)
    return percentiles(took)
  } finally {
    await other?.ask('close')
    await other?.close()
    await app.close()
    await drop(schema)
  }
}

const waiting = (where: Where): Benchmark => {
  const [p50, p99] = [`${names[where]}-p50`, `${names[where]}-p99`] as const
  return {
    names: () => [p50, p99],
    run: async function* ({ rounds, warmUp, commands }) {
      const pairs: (readonly [Percentiles, Percentiles])[] = [], many = Math.ceil(commands / 100)
      for (let round = 0; round < rounds; round++) pairs.push([await handled(where, many, warmUp * 10 + 1), percentiles(await roundTrips(many, quiet))])
      yield figure(p50, 'ms', pairs.map(([a, b]) => [a.p50, b.p50]))
      yield figure(p99, 'ms', pairs.map(([a, b]) => [a.p99, b.p99]))
    },
  }
}
/** From a commit to the projection of its event, in a system that does nothing else, beside a round trip that does nothing. */
export const handling: readonly Benchmark[] = [waiting('here'), waiting('elsewhere')]

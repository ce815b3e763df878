import { customerView } from '@lowtide/customers'
import { run } from '@lowtide/run'
import * as E from 'fp-ts/lib/Either.js'
import { expect } from '../audit.js'
import { type Benchmark, figure } from '../figure.js'
import { type Side, inTurns } from '../rounds.js'
import { rate } from './command.js'
import { migrate } from './deployed.js'
import { logOf } from './grow.js'
import { projecting } from './projecting.js'
import { auditViews, projected } from './projector.js'
import { drop, newSchema, sql, urlHere } from './site.js'

const name = 'postgres/rebuild'
/** A projection that is behind none of them, and whose rows are all wrong: every one is written twice, into the copy and into its place. */
const ours = (events: number): Side => async () => {
  const schema = newSchema(), d = projecting(await urlHere(), schema)
  await migrate(d)
  await sql(logOf(schema, events))
  await sql(`insert into ${schema}.customer_views (id, email, invited, lowtide_version) select message #>> '{data,customerId}', message #>> '{data,email}', false, 1 from ${schema}.lowtide_log; analyze ${schema}.lowtide_log; analyze ${schema}.customer_views`)
  const app = await run(d, { signals: false, only: 'handlers' })
  return {
    run: async () => { expect('what came of the rebuild', E.right(events), await app.rebuild(customerView)()) },
    audit: () => auditViews(`${schema}.customer_views`, events),
    close: async () => { await app.close(); await drop(schema) },
  }
}

/** Events a second from the log into a table that takes the place of the live one, against those of the projector that keeps it. */
export const rebuild: Benchmark = {
  names: () => [name],
  run: async function* (effort) {
    const all = { ...effort, commands: effort.commands * 2 }, of = rate(all)
    yield figure(name, 'events/s', (await inTurns(effort, ours(all.commands), projected(all.commands))).map(([a, b]) => [of(a), of(b)]), { atLeast: 0.8 })
  },
}

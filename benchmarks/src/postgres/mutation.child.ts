import { customerView, functions, inviteCustomer, typeDefs, welcome } from '@lowtide/customers'
import { graphql } from '@lowtide/graphql'
import { postgres } from '@lowtide/postgres'
import { deployment, run } from '@lowtide/run'
import * as TE from 'fp-ts/lib/TaskEither.js'
import pg from 'pg'
import { telling } from '../http/serve.js'
import { migrate } from './deployed.js'

const [url, schema] = process.argv.slice(2)
let port = 0, mails = 0
/** All of `gql-postgres` in one process: decided, committed, projected, mailed, and answered with the projected row. */
const d = deployment({
  name: 'postgres/mutation', functions: [functions], shell: postgres({ url: url!, schema: schema! }),
  processes: { all: [graphql({ typeDefs, port: 0, production: true, listening: at => { port = Number(new URL(at).port) } }), inviteCustomer, customerView, welcome] },
  ports: { mail: { effect: () => TE.fromIO(() => { mails++ }) } },
})
await migrate(d)
await run(d, { signals: false })

const client = new pg.Client({ connectionString: url! })
await client.connect()
/** Customers, each a row to decide on and one to read, once every one of them has got a mail. */
telling(port, async () => {
  for (;;) {
    const { rows: [found] } = await client.query<{ readonly customers: number; readonly views: number }>(`select (select count(*)::int from "${schema}".customers) as customers, (select count(*)::int from "${schema}".customer_views) as views`)
    if (found!.customers === found!.views && mails >= found!.customers) return found!.customers
    await new Promise(resolve => { setTimeout(resolve, 5) })
  }
})

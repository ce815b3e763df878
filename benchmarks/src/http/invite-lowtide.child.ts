import { customerView, functions, inviteCustomer, typeDefs, welcome } from '@lowtide/customers'
import { graphql } from '@lowtide/graphql'
import { memory, memoryWorld } from '@lowtide/memory'
import { deployment, run } from '@lowtide/run'
import * as TE from 'fp-ts/lib/TaskEither.js'
import { telling } from './serve.js'

const world = memoryWorld()
let port = 0, mails = 0
/** All of `gql-async`: the command is decided and committed, projected, its policy sends a mail, and the mutation answers with the projected row. */
await run(deployment({
  name: 'http/mutation', functions: [functions], shell: memory({ world }),
  processes: { all: [graphql({ typeDefs, port: 0, production: true, listening: url => { port = Number(new URL(url).port) } }), inviteCustomer, customerView, welcome] },
  ports: { mail: { effect: () => TE.fromIO(() => { mails++ }) } },
}), { signals: false })

/** Customers, each a row to decide on and one to read, once every one of them has got a mail. */
telling(port, async () => {
  const customers = world.inspect.sizes().rows / 2
  while (mails < customers) await new Promise(resolve => { setImmediate(resolve) })
  return customers
})

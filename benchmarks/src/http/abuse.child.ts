import { customerView, functions, inviteCustomer, typeDefs, welcome } from '@lowtide/customers'
import { graphql } from '@lowtide/graphql'
import { memory } from '@lowtide/memory'
import { deployment, run, system } from '@lowtide/run'
import * as TE from 'fp-ts/lib/TaskEither.js'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { answering } from './child.js'

if (process.argv.includes('--expose-gc')) setFlagsFromString('--expose-gc')
const collect = process.argv.includes('--expose-gc') ? runInNewContext('gc') as () => void : (): void => {}

// The customers behind GraphQL, as in production, in a process of its own. Marks are kept for a moment only, so that what is left over shows.
let url = '', timers = 0
const app = await run(deployment({
  functions: [functions], shell: memory(), options: { dedupWindow: 100 },
  processes: { front: [graphql({ typeDefs, port: 0, production: true, listening: at => { url = at } })], handlers: [inviteCustomer, welcome], projector: [customerView] },
  ports: { mail: { effect: () => TE.right(undefined) } },
}), {
  signals: false,
  runtime: { ...system, after: (ms, call) => { let done = false; timers++; const end = (): void => { if (!done) timers--; done = true }, stop = system.after(ms, () => { end(); call() }); return () => { end(); stop() } } },
})

/** What this process holds, from outside of what it runs. `timers` are ours: each caller who waits has one. */
export interface Held { readonly heap: number; readonly timers: number; readonly sockets: number }
const held = (collects: boolean): Held => {
  if (collects) { collect(); collect() }
  return { heap: process.memoryUsage().heapUsed, timers, sockets: process.getActiveResourcesInfo().filter(r => r === 'TCPSocketWrap').length }
}
answering(question => question === 'url' ? url : question === 'held' || question === 'now' ? held(question === 'held') : app.close())

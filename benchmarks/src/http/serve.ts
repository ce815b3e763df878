import { once } from 'node:events'
import { type RequestListener, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { answering } from './child.js'

/** What a server in a process that was made by `child` says of itself: how much it has done, and the microseconds of processor that its process took. */
export interface Served { readonly done: number; readonly cpu: number }

/** Serves: asked for `port`, it says where; asked for `served`, what. */
export const serve = async (listener: RequestListener, done: () => number | Promise<number>): Promise<void> => {
  const server = createServer(listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const served = async (): Promise<Served> => {
    const { user, system } = process.cpuUsage()
    return { done: await done(), cpu: user + system }
  }
  answering(question => question === 'port' ? (server.address() as AddressInfo).port : served())
}

import { once } from 'node:events'
import { type RequestListener, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { answering } from './child.js'

/** Serves in a process that was made by `child`: asked for `port`, it says where; asked for `done`, what was done there. */
export const serve = async (listener: RequestListener, done: () => number | Promise<number>): Promise<void> => {
  const server = createServer(listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  answering(question => question === 'port' ? (server.address() as AddressInfo).port : done())
}

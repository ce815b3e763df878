import { once } from 'node:events'
import { type RequestListener, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { answering } from './child.js'

/** What a server in a process that was made by `child` says of itself: how much it has done, and the microseconds of processor that its process took. */
export interface Served { readonly done: number; readonly cpu: number }

/** Asked for `port`, says where it serves; asked for `served`, what, once all of it is done. */
export const telling = (port: number, done: () => number | Promise<number>): void => {
  const served = async (): Promise<Served> => {
    const all = await done(), { user, system } = process.cpuUsage()
    return { done: all, cpu: user + system }
  }
  answering(question => question === 'port' ? port : served())
}
export const serve = async (listener: RequestListener, done: () => number | Promise<number>): Promise<void> => {
  const server = createServer(listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  telling((server.address() as AddressInfo).port, done)
}

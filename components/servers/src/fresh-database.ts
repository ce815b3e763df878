import { randomBytes } from 'node:crypto'
import { ask } from './answer.js'
import { fault, messageOf } from './fault.js'

export type FreshDatabase = {
  /** As the server's, with another database. */
  readonly url: string
  /** Removes it, with all who are still connected. Safe to call twice. */
  drop(): Promise<void>
}

/**
 * Makes an empty database of its own on a server, so that tests share the server and nothing else. Takes about 100 ms.
 *
 * @example
 * const database = await freshDatabase(server.url)
 */
export const freshDatabase = async (serverUrl: string): Promise<FreshDatabase> => {
  const name = `lowtide_${randomBytes(8).toString('hex')}`, url = new URL(serverUrl)
  url.pathname = `/${name}`
  const there = `at ${url.host}`
  await ask(serverUrl, [`create database ${name}`]).catch((error: unknown) => {
    throw fault(`cannot make a database ${there}: ${messageOf(error)}; the user of the url must be allowed to create databases`, error)
  })
  return {
    url: url.href,
    drop: () => ask(serverUrl, [`drop database if exists ${name} with (force)`])
      .catch((error: unknown) => { throw fault(`cannot drop the database '${name}' ${there}: ${messageOf(error)}`, error) }),
  }
}

import { answers } from './answer.js'
import { fault } from './fault.js'
import { postgres } from './postgres.js'
import type { Server } from './server.js'

/**
 * The server that tests share: that of `TEST_DATABASE_URL`, which is neither started nor stopped, or else a temporary one. A test that kills or
 * restarts its server starts one with `postgres()`.
 *
 * @example
 * const server = await testServer()
 * const database = await freshDatabase(server.url)
 */
export const testServer = async (): Promise<Server> => {
  const url = process.env['TEST_DATABASE_URL']
  if (!url) return postgres()
  if (!URL.canParse(url) || !/^postgres(ql)?:$/.test(new URL(url).protocol)) throw fault('cannot use TEST_DATABASE_URL: expected a url as postgres://user@host:5432/postgres, found something else')
  if (!await answers(url)) throw fault(`cannot use TEST_DATABASE_URL: expected a server at ${new URL(url).host}, found none that lets its user in; start it, or unset the variable`)
  return { url, stop: async () => {} }
}

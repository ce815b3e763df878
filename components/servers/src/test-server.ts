import { answers } from './answer.js'
import { fault } from './fault.js'
import { started } from './postgres.js'
import type { Server } from './server.js'
import { templated } from './template.js'

/**
 * Its data are gone before the machine is: it need not wait for the disk, which matters when the power goes and not when a process is killed. A test
 * database is made and dropped in 30 ms instead of 100 to 160, a commit takes 0.2 ms instead of 0.6 to 1.1.
 */
const settings = { fsync: false, full_page_writes: false }

/** Two of one process are two, also by their identifiers. */
let first = true

/**
 * The server that tests share: that of `TEST_DATABASE_URL`, which is neither started nor stopped, or else a temporary one, which does not
 * wait for the disk. A test that kills or restarts its server starts one with `postgres()`.
 *
 * @example
 * const server = await testServer()
 * const database = await freshDatabase(server.url)
 */
export const testServer = async (): Promise<Server> => {
  const url = process.env['TEST_DATABASE_URL']
  if (!url) {
    const own = first ? templated : undefined
    first = false
    return started({ settings }, own ?? (make => make))
  }
  if (!URL.canParse(url) || !/^postgres(ql)?:$/.test(new URL(url).protocol)) throw fault('cannot use TEST_DATABASE_URL: expected a url as postgres://user@host:5432/postgres, found something else')
  if (!await answers(url)) throw fault(`cannot use TEST_DATABASE_URL: expected a server at ${new URL(url).host}, found none that lets its user in; start it, or unset the variable`)
  return { url, stop: async () => {} }
}

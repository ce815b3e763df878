import { join } from 'node:path'
import type { Account } from './account.js'
import { answered } from './answer.js'
import { executable } from './binaries.js'
import { fault } from './fault.js'
import type { Guard, Running } from './guarded.js'
import { releaseStaleLock } from './lock.js'
import { reasons, since, sizeOf } from './log.js'
import { freePort } from './port.js'
import { inUse, urlOf } from './running.js'
import { passwordOf, type Site } from './site.js'

export type Launching = {
  readonly guard: Guard
  readonly programs: string
  readonly args: readonly string[]
  readonly log: string
  readonly account: Account
  readonly site: Site
}

export type Launched = Running & { readonly port: number; readonly url: string }

/** Milliseconds; recovery after a crash is part of a start. */
const patience = 60_000
const attempts = 5

/** Starts the server and waits for its answer. Where the port is not given and was taken meanwhile, it tries another one. */
export const launcher = ({ guard, programs, args, log, account, site }: Launching) => async (wanted: number | undefined): Promise<Launched> => {
  const command = join(programs, 'bin', executable('postgres')), cannot = `cannot start PostgreSQL in '${site.folder}'`

  const attempt = async (left: number): Promise<Launched> => {
    const port = wanted ?? await freePort(), url = urlOf(port, passwordOf(site)), size = sizeOf(log)
    releaseStaleLock(site.data, guard.pid)
    const run = await guard.run({ command, args: ['-D', site.data, '-p', String(port), ...args], cwd: guard.folder, log, account })
    const limit = Date.now() + patience
    let ended: string | undefined
    void run.ended.then(how => { ended = how })
    const silent = await answered(site.data, run.pid, url, () => ended !== undefined || Date.now() > limit)
    if (silent === undefined) return { ...run, port, url }

    if (ended === undefined) {
      run.signal('SIGINT')
      await run.wait()
      throw fault(`${cannot}: expected an answer within ${patience} ms, found none (${silent}); its log '${log}' says: ${reasons(since(log, size))}`)
    }
    const text = since(log, size), taken = /Address already in use|could not bind/.test(text)
    if (taken && wanted === undefined && left > 1) return attempt(left - 1)
    if (taken) throw fault(`${cannot}: expected port ${port} of 127.0.0.1 to be free, found it in use; choose another one, or leave it out for a free one`)
    throw inUse(site) ?? fault(`${cannot}: expected it to serve, found that it ended with ${ended}; it says: ${reasons(text)}`)
  }
  return attempt(attempts)
}

import { mkdirSync, readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { type Account, accountFor, give, mustEnter } from './account.js'
import { binariesFor, placeBinaries } from './binaries.js'
import { codeOf, fault, messageOf } from './fault.js'
import { type Guard, guarded } from './guarded.js'
import { launcher } from './launch.js'
import { initdb } from './initdb.js'
import { inUse } from './running.js'
import type { Server } from './server.js'
import { type Settings, settingArgs } from './settings.js'
import { checkVersion, initialise, keepPassword, siteIn } from './site.js'

export type PostgresOptions = {
  /** Where the data survive a stop: made when it is not there, used again otherwise. Default: a temporary folder that `stop` removes. */
  readonly folder?: string | undefined
  /** Default: a free one. */
  readonly port?: number | undefined
  /** More settings of the server. Default: `max_connections` 100, `shared_buffers` 128 MB, all else as PostgreSQL has it. */
  readonly settings?: Settings | undefined
  /** For a new folder. Default: a random one in the file `password` of the folder; none for a temporary server, which trusts all local users. */
  readonly password?: string | undefined
  /** The file to which the server's output is added. Default: `postgres.log` in the folder. */
  readonly log?: string | undefined
}

export type Postgres = Server & {
  readonly port: number
  /** Of the server's first process; another one after `restart`. */
  readonly pid: number
  /** Ends the server as a crash would, with SIGKILL; resolves when its last process is gone. */
  kill(): Promise<void>
  /** Starts it again on the same folder and port, after ending what still runs. Default: `stop`, which loses no time to recovery. */
  restart(options?: { readonly how?: 'stop' | 'kill' | undefined }): Promise<void>
}

/**
 * Starts a real PostgreSQL on the loopback, from binaries that npm has installed. It ends with this process, also when that is killed,
 * and does not keep it alive.
 *
 * @example
 * const server = await postgres({ folder: '.lowtide/postgres' })
 */
export const postgres = (options: PostgresOptions = {}): Promise<Postgres> => started(options, make => make)

/** What initdb does, or something in its place. */
type Making = (make: (draft: string) => Promise<void>, account: Account) => (draft: string) => Promise<void>
/** The same, with the data made in another way. */
export const started = async (options: PostgresOptions, making: Making): Promise<Postgres> => {
  const args = settingArgs(options.settings ?? {}), binaries = binariesFor()
  checkPort(options.port)
  const guard = await guarded('lowtide-postgres')
  try { return await open(options, args, binaries, guard, making) } catch (error) {
    await guard.end()
    // Errors of the file system name a path, but not what it is for.
    throw codeOf(error) === undefined ? error
      : fault(`cannot start PostgreSQL in '${options.folder ?? guard.folder}': expected a folder that this user may use, found ${messageOf(error)}; start as its owner, or choose another folder`, error)
  }
}

const open = async (options: PostgresOptions, args: readonly string[], { native, major }: ReturnType<typeof binariesFor>, guard: Guard, making: Making): Promise<Postgres> => {
  const durable = options.folder !== undefined
  const site = siteIn(resolve(options.folder ?? guard.folder)), log = resolve(options.log ?? site.log)
  const account = await accountFor(site.folder), programs = join(guard.folder, 'native')
  mkdirSync(site.folder, { recursive: true, mode: 0o755 })
  for (const folder of [guard.folder, site.folder]) if (readdirSync(folder).length === 0) await give(folder, account)
  for (const folder of [guard.folder, site.folder]) await mustEnter(folder, account)
  placeBinaries(native, programs, account)

  const busy = inUse(site)
  if (busy) throw busy
  const secret = durable || options.password !== undefined
  if (secret) await keepPassword(site, options.password, account)
  await initialise(site, account, guard.pid, making(draft => initdb({ guard, programs, log, account, draft, durable, password: secret ? site.password : undefined }), account))
  checkVersion(site, major)

  const launch = launcher({ guard, programs, args, log, account, site })
  let run = await launch(options.port), killed = false, stopped: Promise<void> | undefined
  const ended = async (): Promise<void> => {
    // A killed server leaves shared memory (1 MB and a System V segment) until the next start on its folder, and a temporary one has no next.
    if (killed && !durable) await launch(undefined).catch(() => {})
    await guard.end()
  }
  const ending = async (signal: NodeJS.Signals): Promise<void> => {
    killed ||= signal === 'SIGKILL'
    run.signal(signal)
    await run.wait()
  }
  return {
    url: run.url,
    port: run.port,
    get pid() { return run.pid },
    stop: () => stopped ??= ended(),
    kill: () => ending('SIGKILL'),
    restart: async ({ how = 'stop' } = {}) => {
      if (stopped) throw fault(`cannot restart PostgreSQL in '${site.folder}': it was stopped for good; start it with postgres(…)`)
      await ending(how === 'kill' ? 'SIGKILL' : 'SIGINT')
      run = await launch(run.port)
      killed = false
    },
  }
}

const checkPort = (port: number | undefined): void => {
  if (port !== undefined && !(Number.isInteger(port) && port > 0 && port < 65_536)) throw fault(`cannot start PostgreSQL at port ${port}: expected a whole number from 1 to 65535; leave it out for a free one`)
}

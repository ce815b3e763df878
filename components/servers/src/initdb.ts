import { join } from 'node:path'
import type { Account } from './account.js'
import { executable } from './binaries.js'
import { fault } from './fault.js'
import type { Guard } from './guarded.js'
import { reasons, since, sizeOf } from './log.js'

export type Making = {
  readonly guard: Guard
  readonly programs: string
  readonly log: string
  readonly account: Account
  /** An empty folder that belongs to the account. */
  readonly draft: string
  /** Data that shall survive are synced to the disk. */
  readonly durable: boolean
  /** The file with the password; without it all local users are trusted. */
  readonly password: string | undefined
}

/** The builtin provider of locales needs none of the operating system. */
const locale = ['-E', 'UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8']

/** Makes the files of a new server with the superuser `postgres`. */
export const initdb = async ({ guard, programs, log, account, draft, durable, password }: Making): Promise<void> => {
  const size = sizeOf(log), access = password === undefined ? ['-A', 'trust'] : ['-A', 'scram-sha-256', `--pwfile=${password}`]
  const args = ['-D', draft, '-U', 'postgres', ...access, ...locale, '--no-instructions', ...(durable ? [] : ['--no-sync'])]
  const how = await (await guard.run({ command: join(programs, 'bin', executable('initdb')), args, cwd: guard.folder, log, account })).wait()
  if (how === 'exit code 0') return
  const said = reasons(since(log, size)), nameless = said.includes('could not look up effective user ID')
  throw fault(`cannot make a new data folder '${draft}': expected initdb to end with exit code 0, found ${how}; it says: ${said}${nameless ? '; start as a user with a name in /etc/passwd' : ''}`)
}

import { resolve } from 'node:path'
import { answers } from './answer.js'
import { codeOf, fault } from './fault.js'
import { readLock } from './lock.js'
import { serves } from './process.js'
import { passwordOf, type Site, siteIn } from './site.js'

export const urlOf = (port: number, password: string | undefined): string =>
  `postgres://postgres${password === undefined ? '' : `:${encodeURIComponent(password)}`}@127.0.0.1:${port}/postgres`

/**
 * The url of the server that runs on a folder now, whichever process has started it; undefined when none answers.
 *
 * @example
 * const url = await running('.lowtide/postgres') ?? (await postgres({ folder: '.lowtide/postgres' })).url
 */
export const running = async (folder: string): Promise<string | undefined> => {
  const site = siteIn(resolve(folder))
  try {
    const lock = readLock(site.data)
    if (!lock || !serves(lock.pid)) return undefined
    const url = urlOf(lock.port, passwordOf(site))
    return await answers(url) ? url : undefined
  } catch (error) {
    if (codeOf(error) === 'EACCES') throw fault(`cannot look for a server in '${site.folder}': this user may not read it; ask as the user who started the server`, error)
    throw error
  }
}

/** Whether a server lives on a folder, also when it does not answer: it may be starting, or stopping. */
export const isServed = (folder: string): boolean => {
  const lock = readLock(siteIn(resolve(folder)).data)
  return lock !== undefined && serves(lock.pid)
}

export const inUse = ({ data, folder }: Site): Error | undefined => {
  const lock = readLock(data)
  if (!lock || !serves(lock.pid)) return undefined
  return fault(`cannot start PostgreSQL in '${folder}': expected a folder that no server uses, found process ${lock.pid}, which serves it at port ${lock.port}; `
    + 'take its url from running(folder), stop it, or choose another folder')
}

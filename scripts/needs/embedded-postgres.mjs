import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { dataFolder, shown } from './data-folder.mjs'
import { isFree } from './port.mjs'
import { told } from './told.mjs'

/** What a main is given that is only read: nobody serves there. */
export const standIn = { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' }

/** Milliseconds: how long somebody else's start is waited for, and somebody else's end; how often a server that others run is looked for. */
const patience = 20_000, ending = 5_000, glance = 500
const pause = ms => new Promise(resolve => { setTimeout(resolve, ms) })

const portFile = folder => `${folder}.port`
/** The port that the server had last, as long as it is free: so a process that shares a server finds the next one of its folder. */
const lastPort = async folder => {
  const port = existsSync(portFile(folder)) ? Number(readFileSync(portFile(folder), 'utf8')) : 0
  return port > 0 && await isFree(port) ? port : undefined
}

/** The server that runs on the folder, or a new one. Somebody else's may just be starting, or stopping. */
const attached = async ({ isServed, postgres, running }, folder) => {
  for (const limit = Date.now() + patience; ; await pause(100)) {
    const url = await running(folder)
    if (url !== undefined) return { url }
    if (isServed(folder) && Date.now() < limit) continue
    try {
      const server = await postgres({ folder, port: await lastPort(folder) })
      writeFileSync(portFile(folder), String(server.port))
      return { url: server.url, server }
    } catch (error) { if (!isServed(folder) || Date.now() > limit) throw error }
  }
}

/** Removes what a server has made in its folder, and nothing else that may be there. */
const empty = async ({ isServed, running }, folder) => {
  for (const limit = Date.now() + ending; isServed(folder); await pause(100))
    if (Date.now() > limit || await running(folder) !== undefined) throw told(`cannot empty the data in ${shown(folder)}: a server runs on them; stop the other 'npm start' first`)
  const found = existsSync(folder) ? readdirSync(folder).filter(name => /^(data|password|postgres\.log)$|^data\.new\.\d+\./.test(name)) : []
  for (const name of found) rmSync(join(folder, name), { recursive: true, force: true })
  return found.includes('data')
}

/** As long as others run the server, sees to it that there is one: when theirs is gone, at the same port one of our own. */
const watched = ({ isServed, postgres }, folder, url, say) => {
  const port = Number(new URL(url).port)
  let own, ended = false
  const look = async () => {
    if (own !== undefined || ended || isServed(folder)) return
    own = await postgres({ folder, port }).catch(() => undefined) // another one may have been faster
    if (own !== undefined) say('Runs the PostgreSQL from now on, for the process that ran it has ended.')
  }
  let looking = Promise.resolve()
  const timer = setInterval(() => { looking = looking.then(look) }, glance).unref()
  return async () => {
    ended = true
    clearInterval(timer)
    await looking
    await own?.stop()
  }
}

/**
 * Sets DATABASE_URL to a PostgreSQL on the project's own data, which ends with this process; or leaves the one that is set.
 * Tells what it does where that is news.
 */
export const embeddedPostgres = async ({ project, fresh = false, say, progress }) => {
  if (process.env.DATABASE_URL === '') throw told("cannot tell which database is meant: DATABASE_URL is set, and empty; expected postgres://user:password@host:port/database, or unset it to use the PostgreSQL that comes with the project")
  if (process.env.DATABASE_URL) {
    if (fresh) throw told('--fresh empties the data that npm start keeps, and DATABASE_URL names a database of yours, which it leaves alone; unset one of them')
    return { mine: false, stop: async () => {} }
  }
  const servers = await import('@lowtide/servers'), { folder, why } = await dataFolder(project, servers.barred)
  if (why !== undefined) say(`The data are in ${folder}, for ${why}.`)
  mkdirSync(dirname(folder), { recursive: true })
  if (fresh && await empty(servers, folder)) say(`Emptied the data in ${shown(folder)}.`)
  if (!existsSync(join(folder, 'data'))) progress(`making a PostgreSQL in ${shown(folder)} …`)
  const { url, server } = await attached(servers, folder)
  process.env.DATABASE_URL = url
  return { mine: true, shared: server === undefined, stop: server?.stop ?? watched(servers, folder, url, say) }
}

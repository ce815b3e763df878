import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { askedOf } from './arguments.mjs'
import { build } from './build.mjs'
import { lasting } from './needs/lasting.mjs'
import { migrated } from './needs/migrated.mjs'
import { provided } from './needs/needs.mjs'
import { portFault } from './needs/port.mjs'
import { saysAll } from './needs/told.mjs'
import { processFault, runOnly, runSplit } from './processes.mjs'
import { root } from './workspaces.mjs'

const asked = askedOf(process.argv.slice(2))

/** Ends before anything has begun. */
const refuse = (code, text) => {
  process.exitCode = code
  console.error(text)
}
const fail = error => {
  if (!saysAll(error)) throw error
  const migrate = /'lowtide migrate'/.test(error.message) ? `\nHere that is: npx lowtide migrate --project ${asked.project}` : ''
  refuse(1, `npm start: ${error.message}${migrate}`)
}

const say = text => console.error(text)
/** Only for somebody who waits at a terminal. */
const progress = text => { if (process.stderr.isTTY) console.error(text) }

/** What the project needs runs, and a database of ours has its tables. */
const ready = async ({ project, main, fresh }, life) => {
  const found = await provided(project, { fresh, say, progress })
  life.holds(found)
  for (const { mine, shared } of found) {
    if (!mine || life.isOver()) continue
    if (shared) say('Shares the PostgreSQL that runs already.')
    const changes = await migrated(main), tables = changes.filter(name => name.startsWith('create table')).length
    if (changes.length > 0) say(changes[0].startsWith('create schema') ? `Made the database: ${tables} tables.` : `Migrated the database: ${changes.join(', ')}.`)
  }
}

const begin = async ({ project, args, needs, serves, fresh, split, only, json }) => {
  const port = serves && needs.length > 0 && only === undefined ? await portFault() : undefined // one that is run by hand may have no front; its front tells it
  if (port !== undefined) return refuse(1, `npm start: ${port}`)
  const main = join(root, 'projects', project, 'dist/main.js'), servers = needs.length > 0 ? ['components/servers', 'components/cli'] : [] // whoever has a server asks 'npx lowtide' about it
  try { await build([`projects/${project}`, ...servers], existsSync(main) ? {} : { patience: 0 }) } catch (error) { return refuse(1, `npm start: ${error.message}`) }

  // The project takes over this process, so that signals, terminal, standard input and exit code are its own.
  process.argv = [process.execPath, main, ...args]
  process.setSourceMapsEnabled(true)
  const inProcesses = split || only !== undefined, fault = inProcesses ? await processFault({ project, main, only }).catch(fail) : undefined
  if (process.exitCode) return
  if (fault !== undefined) return refuse(2, `npm start: ${fault}`)
  const life = needs.length > 0 ? lasting() : undefined
  try {
    if (life) {
      await ready({ project, main, fresh }, life)
      if (life.isOver()) return await life.end()
      life.begins()
    }
    process.chdir(process.env.INIT_CWD ?? process.cwd())
    if (split) await runSplit({ main, json, say })
    else if (only !== undefined) await runOnly({ main, only, json })
    else await import(pathToFileURL(main).href)
  } catch (error) { fail(error) }
}

if (asked.help) console.log(asked.help)
else if (asked.fault) refuse(2, asked.fault)
else await begin(asked)

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from './build.mjs'
import { nearest } from './nearest.mjs'
import { lasting } from './needs/lasting.mjs'
import { migrated } from './needs/migrated.mjs'
import { manifestOf, provided } from './needs/needs.mjs'
import { portFault } from './needs/port.mjs'
import { saysAll } from './needs/told.mjs'
import { root, workspaces } from './workspaces.mjs'

const standard = 'gql-postgres', inMemory = 'gql-async', forFiles = 'basic-async'

const projects = workspaces().map(({ dir }) => dir)
  .filter(dir => dir.startsWith('projects/') && existsSync(join(root, dir, 'src/main.ts')))
  .map(dir => dir.slice('projects/'.length))

const help = `Runs a project of this repository, built first where that is needed.

  npm start                                  ${standard}: GraphQL at http://127.0.0.1:4000/graphql, on a PostgreSQL that comes with it
  npm start -- --fresh                       the same with no data; else they survive, in projects/${standard}/.data
  PORT=5000 npm start                        at another port; 0 takes a free one. A second process shares the data of the first
  DATABASE_URL=postgres://… npm start        on a database of yours, after: DATABASE_URL=postgres://… npx lowtide migrate --project ${standard}
  npm start ${inMemory}                        GraphQL in memory
  npm start ${forFiles} -- customers.csv     the customers of a file
  npm start <project> -- [arguments]         a project; relative paths start where npm was called

LOWTIDE_DATA=<folder> keeps the data of servers that come with a project below that folder.

projects: ${projects.join(', ') || '(none)'}`

const unknown = name => {
  const near = nearest(name, projects)
  const file = existsSync(join(process.env.INIT_CWD ?? process.cwd(), name))
  return [
    `npm start: there is no project '${name}'; the projects are: ${projects.join(', ') || '(none)'}.`,
    ...(near ? [`Did you mean 'npm start ${near}'?`] : []),
    ...(file ? [`To give the file to a project: npm start ${forFiles} -- ${name}`] : []),
  ].join('\n')
}

const helps = ['--help', '-h']
const tooMuch = (project, args, empties) => {
  const call = project === standard ? 'npm start' : `npm start ${project}`, near = args.map(arg => nearest(arg, [...empties ? ['--fresh'] : [], '--help'])).find(Boolean)
  return [
    `npm start: ${project} takes no arguments${empties ? ' but --fresh' : ''}, found '${args.join(' ')}'; its port is in the environment: PORT=5000 ${call}`,
    ...(near ? [`Did you mean '${call} -- ${near}'?`] : []),
  ].join('\n')
}
const nothingToEmpty = project => `npm start: ${project} keeps no data that --fresh could empty`

/** Ends before anything has begun. */
const refuse = (code, text) => {
  process.exitCode = code
  console.error(text)
}
const fail = error => {
  if (!saysAll(error)) throw error
  const migrate = error.code === 'SHELL' && /'lowtide migrate'/.test(error.message) ? `\nHere that is: npx lowtide migrate --project ${asked.project}` : ''
  refuse(1, `npm start: ${error.message}${migrate}`)
}

/** What is asked for: a project, its arguments, and whether its data shall be emptied first. */
const askedOf = given => {
  const [first, ...rest] = given, named = first !== undefined && !first.startsWith('-'), project = named ? first : standard, all = named ? rest : given
  if (!projects.includes(project)) return { fault: unknown(project) }
  const { needs, takes } = manifestOf(project), empties = needs.length > 0, args = empties ? all.filter(arg => arg !== '--fresh') : all
  if (!takes && args.join() === '--fresh') return { fault: nothingToEmpty(project) }
  if (!takes && args.length > 0) return args.some(arg => helps.includes(arg)) ? { help } : { fault: tooMuch(project, args, empties) }
  return { project, args, needs, serves: !takes, fresh: empties && (args.length < all.length || process.env.npm_config_fresh === 'true') } // `npm start --fresh`: npm takes it for its own
}

const given = process.argv.slice(2), asked = helps.includes(given[0]) ? { help } : askedOf(given)

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

const begin = async ({ project, args, needs, serves, fresh }) => {
  const port = serves && needs.length > 0 ? await portFault() : undefined
  if (port !== undefined) return refuse(1, `npm start: ${port}`)
  const main = join(root, 'projects', project, 'dist/main.js'), servers = needs.length > 0 ? ['components/servers', 'components/cli'] : [] // whoever has a server asks 'npx lowtide' about it
  try { await build([`projects/${project}`, ...servers], existsSync(main) ? {} : { patience: 0 }) } catch (error) { return refuse(1, `npm start: ${error.message}`) }

  // The project takes over this process, so that signals, terminal, standard input and exit code are its own.
  process.argv = [process.execPath, main, ...args]
  process.setSourceMapsEnabled(true)
  const life = needs.length > 0 ? lasting() : undefined
  try {
    if (life) {
      await ready({ project, main, fresh }, life)
      if (life.isOver()) return await life.end()
      life.begins()
    }
    process.chdir(process.env.INIT_CWD ?? process.cwd())
    await import(pathToFileURL(main).href)
  } catch (error) { fail(error) }
}

if (asked.help) console.log(asked.help)
else if (asked.fault) refuse(2, asked.fault)
else await begin(asked)

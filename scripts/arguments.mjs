import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { nearest } from './nearest.mjs'
import { manifestOf } from './needs/needs.mjs'
import { root, workspaces } from './workspaces.mjs'

const standard = 'gql-postgres', inMemory = 'gql-async', forFiles = 'basic-async'

const projects = workspaces().map(({ dir }) => dir)
  .filter(dir => dir.startsWith('projects/') && existsSync(join(root, dir, 'src/main.ts')))
  .map(dir => dir.slice('projects/'.length))

const help = `Runs a project of this repository, built first where that is needed.

  npm start                                  ${standard}: GraphQL at http://127.0.0.1:4000/graphql, on a PostgreSQL that comes with it
  npm start -- --fresh                       the same with no data; else they survive, in projects/${standard}/.data
  npm start -- --split                       each process of the deployment by itself; one that dies is started again
  npm start -- --only handlers               one of them, which shares the PostgreSQL of the others
  npm start -- --split --json                standard output tells of each process that starts: {"process","pid","port","handlers"}; so with --only
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
const callOf = project => project === standard ? 'npm start' : `npm start ${project}`
const tooMuch = (project, args, empties) => {
  const call = callOf(project), near = args.map(arg => nearest(arg.replace(/^-+/, ''), [...empties ? ['fresh', 'split', 'only', 'json'] : [], 'help'])).find(Boolean)
  return [
    `npm start: ${project} takes no arguments${empties ? ' but --fresh, --split, --only <process> and --json' : ''}, found '${args.join(' ')}'; its port is in the environment: PORT=5000 ${call}`,
    ...(near ? [`Did you mean '${call} -- --${near}${near === 'only' ? ' <process>' : ''}'?`] : []),
  ].join('\n')
}

/** Takes our flags out of a server's arguments. A flag of npm's own, as in `npm start --fresh`, is one that npm took for its own. */
const flagsOf = (given, { empties }) => {
  const args = [...given], ofNpm = name => process.env[`npm_config_${name}`] === 'true'
  const taken = name => { const at = args.indexOf(name); if (at >= 0) args.splice(at, 1); return at >= 0 }
  const at = args.findIndex(arg => arg === '--only' || arg.startsWith('--only=')), [flag] = at < 0 ? [] : args.splice(at, 1)
  const only = flag === undefined ? undefined : flag === '--only' ? args.splice(at, 1)[0] ?? '' : flag.slice('--only='.length)
  return { only, split: taken('--split') || ofNpm('split'), json: taken('--json'), fresh: empties && (taken('--fresh') || ofNpm('fresh')), args }
}
const flagFault = (project, { split, only, json }) =>
  only === '' || only?.startsWith('-') ? `--only: expected the name of a process, found ${only === '' ? 'none' : `'${only}'`}; as in: ${callOf(project)} -- --only handlers`
  : split && only !== undefined ? 'found --split, which starts all processes, and --only, which starts one of them; give one of the two'
  : json && !split && only === undefined ? `--json tells of processes; give it with --split or --only, as in: ${callOf(project)} -- --split --json`
  : undefined

/** What is asked for: a project, its arguments, whether its data shall be emptied first, and in which processes it shall run; or why that cannot be. */
export const askedOf = given => {
  if (helps.includes(given[0])) return { help }
  const [first, ...rest] = given, named = first !== undefined && !first.startsWith('-'), project = named ? first : standard, all = named ? rest : given
  if (!projects.includes(project)) return { fault: unknown(project) }
  const { needs, takes } = manifestOf(project), empties = needs.length > 0
  if (takes) return { project, args: all, needs, serves: false, fresh: false, split: false, json: false }
  const { args, ...flags } = flagsOf(all, { empties })
  if (args.some(arg => helps.includes(arg))) return { help }
  if (args.join() === '--fresh' && !empties) return { fault: `npm start: ${project} keeps no data that --fresh could empty` }
  if (args.length > 0) return { fault: tooMuch(project, args, empties) }
  const fault = flagFault(project, flags)
  return fault === undefined ? { project, args, needs, serves: true, ...flags } : { fault: `npm start: ${fault}` }
}

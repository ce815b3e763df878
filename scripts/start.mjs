import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from './build.mjs'
import { nearest } from './nearest.mjs'
import { root, workspaces } from './workspaces.mjs'

const standard = 'gql-async', forFiles = 'basic-async'

const projects = workspaces().map(({ dir }) => dir)
  .filter(dir => dir.startsWith('projects/') && existsSync(join(root, dir, 'src/main.ts')))
  .map(dir => dir.slice('projects/'.length))

const help = `Runs a project of this repository, built first where that is needed.

  npm start                                  ${standard}: GraphQL at http://127.0.0.1:4000/graphql
  PORT=5000 npm start                        the same at another port; 0 takes a free one
  npm start ${forFiles} -- customers.csv     the customers of a file
  npm start <project> -- [arguments]         a project; relative paths start where npm was called

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

const tooMuch = args => `npm start: ${standard} takes no arguments, found '${args.join(' ')}'; its port is in the environment: PORT=5000 npm start`

/** What to run, or nothing when there is only something to say. */
const prepare = async ([first, ...rest]) => {
  if (first === '--help' || first === '-h') return console.log(help)

  const named = first !== undefined && !first.startsWith('-'), project = named ? first : standard
  const args = named ? rest : first === undefined ? [] : [first, ...rest]
  const fault = !projects.includes(project) ? unknown(project) : project === standard && args.length > 0 ? tooMuch(args) : undefined
  if (fault !== undefined) {
    process.exitCode = 2
    return console.error(fault)
  }

  const main = join(root, 'projects', project, 'dist/main.js')
  try {
    await build(`projects/${project}`, existsSync(main) ? {} : { patience: 0 })
  } catch (error) {
    process.exitCode = 1
    return console.error(`npm start: ${error.message}`)
  }
  return { main, args }
}

const ready = await prepare(process.argv.slice(2))
if (ready) {
  // The project takes over this process, so that signals, terminal, standard input and exit code are its own.
  process.argv = [process.execPath, ready.main, ...ready.args]
  process.chdir(process.env.INIT_CWD ?? process.cwd())
  process.setSourceMapsEnabled(true)
  try { await import(pathToFileURL(ready.main).href) } catch (error) {
    if (error?.cause?.syscall === undefined && error?.code !== 'WIRING') throw error
    process.exitCode = 1 // what the system refuses, as a port that is in use, and what wiring finds is told whole by the message
    console.error(`npm start: ${error.message}`)
  }
}

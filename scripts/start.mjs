import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from './build.mjs'
import { nearest } from './nearest.mjs'
import { root, workspaces } from './workspaces.mjs'

const standard = { project: 'basic-async', args: [join(root, 'projects/basic-async/sample.csv')] }

const projects = workspaces().map(({ dir }) => dir)
  .filter(dir => dir.startsWith('projects/') && existsSync(join(root, dir, 'src/main.ts')))
  .map(dir => dir.slice('projects/'.length))

const help = `Runs a project of this repository, built first where that is needed.

  npm start                            ${standard.project} on its sample
  npm start <project> -- [arguments]   a project; relative paths start where npm was called

projects: ${projects.join(', ') || '(none)'}`

const unknown = name => {
  const near = nearest(name, projects)
  const file = existsSync(join(process.env.INIT_CWD ?? process.cwd(), name))
  return [
    `npm start: there is no project '${name}'; the projects are: ${projects.join(', ') || '(none)'}.`,
    ...(near ? [`Did you mean 'npm start ${near}'?`] : []),
    ...(file ? [`To give the file to a project: npm start ${standard.project} -- ${name}`] : []),
  ].join('\n')
}

/** What to run, or nothing when there is only something to say. */
const prepare = async ([first, ...rest]) => {
  if (first === '--help' || first === '-h') return console.log(help)

  const named = first !== undefined && !first.startsWith('-')
  const project = named ? first : standard.project
  if (!projects.includes(project)) {
    process.exitCode = 2
    return console.error(unknown(project))
  }

  const main = join(root, 'projects', project, 'dist/main.js')
  try {
    await build(`projects/${project}`, existsSync(main) ? {} : { patience: 0 })
  } catch (error) {
    process.exitCode = 1
    return console.error(`npm start: ${error.message}`)
  }
  return { main, args: first === undefined ? standard.args : named ? rest : [first, ...rest] }
}

const ready = await prepare(process.argv.slice(2))
if (ready) {
  // The project takes over this process, so that signals, terminal, standard input and exit code are its own.
  process.argv = [process.execPath, ready.main, ...ready.args]
  process.chdir(process.env.INIT_CWD ?? process.cwd())
  process.setSourceMapsEnabled(true)
  await import(pathToFileURL(ready.main).href)
}

import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { nearest } from '@lowtide/run'
import { usage, trouble } from './trouble.js'

/** A project's compiled main. */
export interface Project { readonly name: string; readonly main: string }

const standard = 'dist/main.js'
const isFolder = (path: string): boolean => existsSync(path) && statSync(path).isDirectory()

/** `"lowtide": { "project": "./dist/main.js" }` of a folder's package.json. */
const declared = (dir: string): string | undefined => {
  const path = join(dir, 'package.json')
  if (!existsSync(path)) return undefined
  const found = ((): unknown => { try { return JSON.parse(readFileSync(path, 'utf8')) } catch (e) { throw trouble(1, `cannot read ${path}: ${e instanceof Error ? e.message : String(e)}`) } })()
  const lowtide = typeof found === 'object' && found !== null && 'lowtide' in found ? found.lowtide : undefined
  if (lowtide === undefined) return undefined
  const project = typeof lowtide === 'object' && lowtide !== null && 'project' in lowtide ? lowtide.project : undefined
  if (typeof project !== 'string' || project === '') throw usage(`'lowtide' in ${path} must be as { "project": "./${standard}" }, found ${JSON.stringify(lowtide)}`)
  return join(dir, project)
}
const inFolder = (dir: string): Project => ({ name: basename(dir), main: declared(dir) ?? join(dir, standard) })

const upward = (from: string): readonly string[] => dirname(from) === from ? [from] : [from, ...upward(dirname(from))]
const below = (root: string): readonly string[] => isFolder(join(root, 'projects')) ? readdirSync(join(root, 'projects')).filter(name => existsSync(join(root, 'projects', name, 'package.json'))).toSorted() : []
/** The nearest folder, from here upward, that has projects, and their names. */
const shelf = (from: string): { readonly root: string; readonly names: readonly string[] } => {
  const root = upward(from).find(dir => below(dir).length > 0) ?? from
  return { root, names: below(root) }
}

const built = (project: Project, from: string): Project => {
  if (existsSync(project.main) && !isFolder(project.main)) return project
  throw usage(`the project '${project.name}' has no compiled main: expected ${relative(from, project.main) || project.main}, found none; build it first ('npm run build')`)
}

/** The project that is meant: the one named, or the one where we stand. */
export const projectOf = (asked: string | undefined, from: string): Project => {
  const { root, names } = shelf(from)
  if (asked !== undefined) {
    const path = resolve(from, asked)
    if (names.includes(asked)) return built(inFolder(join(root, 'projects', asked)), from)
    if (!/[\\/]|^\.+$|\.[cm]?js$/.test(asked)) throw usage(`there is no project '${asked}' below ${join(root, 'projects')}${nearest(asked, names)}; a path to a compiled main is written as ./${standard}`)
    return built(isFolder(path) ? inFolder(path) : { name: asked, main: path }, from)
  }
  const here = upward(from).find(dir => declared(dir) !== undefined || (basename(dirname(dir)) === 'projects' && existsSync(join(dir, 'package.json'))))
  if (here !== undefined && here.length > root.length) return built(inFolder(here), from)
  if (declared(root) !== undefined) return built(inFolder(root), from)
  const [only, ...more] = names
  if (only === undefined) throw usage(`there is no project here: expected --project, "lowtide": { "project": "./${standard}" } in package.json, or a folder projects/ in ${from} or above, found none`)
  if (more.length > 0) throw usage(`which project? expected --project <name>, found several: ${names.join(', ')}`)
  return built(inFolder(join(root, 'projects', only)), from)
}

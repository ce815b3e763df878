import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { nearest } from '@lowtide/run'
import { usage, trouble } from './trouble.js'

/** A project's compiled main. */
export interface Project { readonly name: string; readonly main: string }

const standard = 'dist/main.js'
const isFolder = (path: string): boolean => existsSync(path) && statSync(path).isDirectory()

/** A text in `"lowtide": { … }` of a folder's package.json. */
const told = (dir: string, name: 'project' | 'prepare', as: string): string | undefined => {
  const path = join(dir, 'package.json')
  if (!existsSync(path)) return undefined
  const found = ((): unknown => { try { return JSON.parse(readFileSync(path, 'utf8')) } catch (e) { throw trouble(1, `cannot read ${path}: ${e instanceof Error ? e.message : String(e)}`) } })()
  const lowtide = typeof found === 'object' && found !== null && 'lowtide' in found ? found.lowtide : undefined
  const entries = typeof lowtide === 'object' && lowtide !== null ? new Map<string, unknown>(Object.entries(lowtide)) : undefined
  if (lowtide === undefined || entries?.has(name) === false) return undefined
  const value = entries?.get(name)
  if (typeof value !== 'string' || value === '') throw usage(`'lowtide' in ${path} must be as { "${name}": "./${as}" }, found ${JSON.stringify(lowtide)}`)
  return join(dir, value)
}
/** Its main. */
const declared = (dir: string): string | undefined => told(dir, 'project', standard)
const inFolder = (dir: string): Project => ({ name: basename(dir), main: declared(dir) ?? join(dir, standard) })

const upward = (from: string): readonly string[] => dirname(from) === from ? [from] : [from, ...upward(dirname(from))]
const below = (dir: string): readonly string[] => isFolder(join(dir, 'projects')) ? readdirSync(join(dir, 'projects')).filter(name => existsSync(join(dir, 'projects', name, 'package.json'))).toSorted() : []
const isProject = (dir: string): boolean => basename(dirname(dir)) === 'projects' && existsSync(join(dir, 'package.json'))

const built = (project: Project, from: string): Project => {
  if (existsSync(project.main) && !isFolder(project.main)) return project
  throw usage(`the project '${project.name}' has no compiled main: expected ${relative(from, project.main) || project.main}, found none; build it first ('npm run build')`)
}

/** A folder below the nearest `projects/`, or a path. */
const named = (asked: string, from: string): Project => {
  const root = upward(from).find(dir => below(dir).length > 0) ?? from, names = below(root), path = resolve(from, asked)
  if (names.includes(asked)) return inFolder(join(root, 'projects', asked))
  if (!/[\\/]|^\.+$|\.[cm]?js$/.test(asked)) throw usage(`there is no project '${asked}' below ${join(root, 'projects')}${nearest(asked, names)}; a path to a compiled main is written as ./${standard}`)
  return isFolder(path) ? inFolder(path) : { name: asked, main: path }
}
/** From here upward: the first folder that is a project, names one, or has some. */
const found = (from: string): Project => {
  const dir = upward(from).find(dir => isProject(dir) || declared(dir) !== undefined || below(dir).length > 0)
  if (dir === undefined) throw usage(`there is no project here: expected --project, "lowtide": { "project": "./${standard}" } in package.json, or a folder projects/ in ${from} or above, found none`)
  const names = below(dir)
  if (isProject(dir) || declared(dir) !== undefined) return inFolder(dir)
  if (names.length > 1) throw usage(`which project? expected --project <name>, found several: ${names.join(', ')}`)
  return inFolder(join(dir, 'projects', names[0]!))
}

/** The project that is meant: the one asked for, or the one where we stand. */
export const projectOf = (asked: string | undefined, from: string): Project => built(asked === undefined ? found(from) : named(asked, from), from)

/** The module that sees to what a project needs before its main is read: named by the nearest package.json at or above it that names one. */
export const preparation = ({ main }: Project): string | undefined =>
  upward(dirname(main)).map(dir => told(dir, 'prepare', 'prepare.mjs')).find(path => path !== undefined)

import { existsSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { type Project, preparation } from './project.js'
import { trouble } from './trouble.js'

type Prepare = (project: Project) => Promise<void>
const isPrepare = (found: unknown): found is { readonly prepare: Prepare } => typeof found === 'object' && found !== null && 'prepare' in found && typeof found.prepare === 'function'

/** Before a main is read: what a repository does so that it finds what it needs, such as the URL of a database in the environment. It ends with this process. */
export const prepared = async (project: Project): Promise<void> => {
  const path = preparation(project)
  if (path === undefined) return
  const cannot = `cannot prepare the project '${project.name}' by ${path}, as 'lowtide.prepare' of package.json says`
  if (!existsSync(path)) throw trouble(1, `${cannot}: there is no such file`)
  const found: unknown = await import(pathToFileURL(path).href)
  if (!isPrepare(found)) throw trouble(1, `${cannot}: expected that it exports a function 'prepare'`)
  try { await found.prepare(project) } catch (e) { throw trouble(1, `${cannot}: ${e instanceof Error ? e.message : String(e)}`) }
}

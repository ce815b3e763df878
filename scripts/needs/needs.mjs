import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../workspaces.mjs'
import { embeddedPostgres, standIn } from './embedded-postgres.mjs'
import { told } from './told.mjs'

/** What a project may need, by the names in its package.json: `"lowtide": { "needs": ["postgres"] }`. */
const providers = { postgres: { provide: embeddedPostgres, standIn } }

/** What a project's package.json says of how it is started. */
export const manifestOf = project => {
  const { lowtide: { needs = [], arguments: takes = true } = {} } = JSON.parse(readFileSync(join(root, 'projects', project, 'package.json'), 'utf8'))
  const unknown = needs.find(need => !Object.hasOwn(providers, need))
  if (unknown !== undefined) throw told(`projects/${project}/package.json: 'lowtide.needs' has '${unknown}', which nobody provides; expected some of: ${Object.keys(providers).join(', ')}`)
  return { needs, takes }
}

/** Provides all that a project needs; each is `{ mine, shared?, stop() }`. Where one fails, those before it are stopped. */
export const provided = async (project, options) => {
  const found = []
  try { for (const need of manifestOf(project).needs) found.push(await providers[need].provide({ project, ...options })) } catch (error) {
    for (const { stop } of found) await stop()
    throw error
  }
  return found
}

/** Runs a task with what stands in for all that a project needs in the environment, where it is not set: for reading its main before anything is there. */
export const standingIn = async (project, task) => {
  const missing = Object.entries(Object.assign({}, ...manifestOf(project).needs.map(need => providers[need].standIn))).filter(([name]) => !process.env[name])
  for (const [name, value] of missing) process.env[name] = value
  try { return await task() } finally { for (const [name] of missing) delete process.env[name] }
}

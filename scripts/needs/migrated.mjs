import { pathToFileURL } from 'node:url'
import { told } from './told.mjs'

const door = Symbol.for('lowtide.deployment')

/** The deployment that a project's main gives to `run`, which starts nothing as long as somebody stands in its door. The main can be run afterwards, as if for the first time. */
const deploymentOf = main => new Promise((resolve, reject) => {
  globalThis[door] = resolve
  import(`${pathToFileURL(main).href}?deployment`).then(() => reject(told(`${main} ended and never called run(deployment(…))`)), reject)
}).finally(() => { delete globalThis[door] })

/** Brings the schema to what a project needs, as `lowtide migrate` does; gives the names of what was changed. */
export const migrated = async main => {
  const { planOf, system } = await import('@lowtide/run'), deployment = await deploymentOf(main)
  const migrate = deployment.shell.verbs?.find(({ name }) => name === 'migrate')
  if (migrate === undefined) return []
  const ran = await migrate.run(planOf(deployment, system), new Set())()
  if (ran._tag === 'Left') throw told(ran.left.failure)
  return ran.right.data.changes.map(({ name }) => name)
}

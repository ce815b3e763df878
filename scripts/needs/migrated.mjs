import { told } from './told.mjs'

/** Brings the schema to what a project needs, as `lowtide migrate` does; gives the names of what was changed. */
export const migrated = async main => {
  const { deploymentOf, planOf, system } = await import('@lowtide/run'), deployment = await deploymentOf(main, 'migrating')
  const migrate = deployment.shell.verbs?.find(({ name }) => name === 'migrate')
  if (migrate === undefined) return []
  const ran = await migrate.run(planOf(deployment, system), new Set())()
  if (ran._tag === 'Left') throw told(ran.left.failure)
  return ran.right.data.changes.map(({ name }) => name)
}

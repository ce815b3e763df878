import { realpathSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { root } from '../workspaces.mjs'
import { provided } from './needs.mjs'

/**
 * Named by `lowtide.prepare` of the root's package.json: `lowtide` calls it before it reads a project's main. What the project needs is what
 * runs for `npm start`, or else is started for as long as the command.
 */
export const prepare = async ({ main }) => {
  const folder = realpathSync(dirname(dirname(main)))
  if (dirname(folder) !== join(root, 'projects')) return
  const found = await provided(basename(folder), { say: text => console.error(text), progress: text => { if (process.stderr.isTTY) console.error(text) } })
  for (const { mine, shared } of found) if (mine && !shared) console.error('PostgreSQL did not run: it runs for this command.')
}

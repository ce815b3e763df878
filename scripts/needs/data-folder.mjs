import { createHash } from 'node:crypto'
import { chmodSync, lstatSync, mkdirSync, realpathSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { root } from '../workspaces.mjs'
import { told } from './told.mjs'

/** A folder as people write it, from where they stand. */
export const shown = folder => {
  const path = relative(process.env.INIT_CWD ?? process.cwd(), folder)
  return path.startsWith('..') ? folder : path
}

/** One for each user and checkout, for names in a folder of all users are anybody's: what somebody else made there is not used. */
const elsewhere = (project, why) => {
  const uid = process.getuid(), home = join('/var/tmp', `lowtide-${uid}-${createHash('sha256').update(realpathSync(root)).digest('hex').slice(0, 12)}`)
  try {
    mkdirSync(home)
    chmodSync(home, 0o755)
  } catch (error) { if (error.code !== 'EEXIST') throw told(`cannot keep data: ${why}, and '${home}' cannot be made (${error.message}); name a folder with LOWTIDE_DATA`) }
  const found = lstatSync(home)
  if (!found.isDirectory() || found.uid !== uid || (found.mode & 0o022) !== 0)
    throw told(`cannot keep data: ${why}, and '${home}' was not made by this user: expected a folder of uid ${uid} that only it may write to; remove it, or name a folder with LOWTIDE_DATA`)
  return join(home, project)
}

/** Where the data of a project's servers lie, and, where that is not the project's own folder, why. */
export const dataFolder = async (project, barred) => {
  const { LOWTIDE_DATA, INIT_CWD } = process.env
  if (LOWTIDE_DATA) return { folder: join(resolve(INIT_CWD ?? process.cwd(), LOWTIDE_DATA), project) }
  const folder = join(root, 'projects', project, '.data/postgres'), why = await barred(folder)
  return why === undefined || process.getuid === undefined ? { folder } : { folder: elsewhere(project, why), why }
}

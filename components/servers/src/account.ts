import { access, chown, constants, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { codeOf, fault } from './fault.js'

/** Who runs the server, where that is not the user of this process. */
export type Account = { readonly uid: number; readonly gid: number } | undefined

const nobody = 65_534

/** The folder, or the nearest one above that is there. */
const standing = async (path: string): Promise<{ readonly path: string; readonly uid: number; readonly gid: number }> => {
  try {
    const { uid, gid } = await stat(path)
    return { path, uid, gid }
  } catch (error) {
    if (codeOf(error) !== 'ENOENT' || dirname(path) === path) throw error
    return standing(dirname(path))
  }
}

/** PostgreSQL refuses to run as root. Root's servers run as the owner of what stands at the path, or else as uid 65534. */
export const accountFor = async (path: string): Promise<Account> => {
  if (process.getuid?.() !== 0) return undefined
  const { uid, gid } = await standing(path)
  return uid === 0 ? { uid: nobody, gid: nobody } : { uid, gid }
}

export const give = async (path: string, account: Account): Promise<void> => {
  if (account) await chown(path, account.uid, account.gid)
}

const bitFor = (account: { readonly uid: number; readonly gid: number }, owner: { readonly uid: number; readonly gid: number }): number =>
  owner.uid === account.uid ? 0o100 : owner.gid === account.gid ? 0o010 : 0o001

/** The first folder on the way up that a uid cannot enter. */
const closed = async (account: { readonly uid: number; readonly gid: number }, path: string): Promise<{ readonly path: string; readonly mode: string } | undefined> => {
  const found = await stat(path)
  if ((found.mode & bitFor(account, found)) === 0) return { path, mode: (found.mode & 0o777).toString(8) }
  return dirname(path) === path ? undefined : closed(account, dirname(path))
}

/** A uid that cannot enter a folder far above fails much later, with words that do not name that folder. */
export const mustEnter = async (folder: string, account: Account): Promise<void> => {
  const found = account && await closed(account, folder)
  if (account && found) {
    throw fault(`cannot run PostgreSQL in '${folder}': as root it runs as uid ${account.uid}, which must enter all folders above, and found '${found.path}' with mode ${found.mode}; `
      + `choose a folder outside of '${found.path}' (TMPDIR for temporary ones), or start as an unprivileged user`)
  }
}

/**
 * Why this user's server cannot have its data in a folder, which need not be there yet; undefined where it can.
 *
 * @example
 * const folder = await barred('.lowtide/postgres') === undefined ? '.lowtide/postgres' : '/var/tmp/lowtide'
 */
export const barred = async (folder: string): Promise<string | undefined> => {
  const path = resolve(folder), account = await accountFor(path), { path: at } = await standing(path), found = account && await closed(account, at)
  if (found) return `uid ${account?.uid}, as which root's server runs, may not enter '${found.path}'`
  return access(at, constants.R_OK | constants.W_OK | constants.X_OK).then(() => undefined, () => `this user may not write to '${at}'`)
}

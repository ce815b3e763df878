import { chown, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { codeOf, fault } from './fault.js'

/** Who runs the server, where that is not the user of this process. */
export type Account = { readonly uid: number; readonly gid: number } | undefined

const nobody = 65_534

const standing = async (path: string): Promise<{ readonly uid: number; readonly gid: number }> => {
  try { return await stat(path) } catch (error) {
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

/** A uid that cannot enter a folder far above fails much later, with words that do not name that folder. */
export const mustEnter = async (folder: string, account: Account, path = folder): Promise<void> => {
  if (!account) return
  const found = await stat(path)
  if ((found.mode & bitFor(account, found)) === 0) {
    throw fault(`cannot run PostgreSQL in '${folder}': as root it runs as uid ${account.uid}, which must enter all folders above, and found '${path}' with mode ${(found.mode & 0o777).toString(8)}; `
      + `choose a folder outside of '${path}' (TMPDIR for temporary ones), or start as an unprivileged user`)
  }
  if (dirname(path) !== path) await mustEnter(folder, account, dirname(path))
}

import { randomBytes } from 'node:crypto'
import { chmodSync, existsSync, linkSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Account, give } from './account.js'
import { codeOf, fault } from './fault.js'
import { isAlive } from './process.js'

/** The files of a server in its folder. */
export type Site = {
  readonly folder: string
  /** What `initdb` made; it has this name only when that is complete. */
  readonly data: string
  readonly log: string
  /** The file with the password; absent where everybody on this machine may come in. */
  readonly password: string
}

export const siteIn = (folder: string): Site => ({ folder, data: join(folder, 'data'), log: join(folder, 'postgres.log'), password: join(folder, 'password') })

export const passwordOf = ({ password }: Site): string | undefined => existsSync(password) ? readFileSync(password, 'utf8').trim() : undefined

/** The password of a folder is there before its data, whole, and readable for its owner alone; of two who make it at once, one wins. */
export const keepPassword = async (site: Site, given: string | undefined, account: Account): Promise<void> => {
  const found = passwordOf(site)
  if (found !== undefined) {
    if (given === undefined || given === found) return
    throw fault(`cannot start PostgreSQL in '${site.folder}': the option password differs from the file '${site.password}', which belongs to the data; leave the option out`)
  }
  if (existsSync(site.data)) throw fault(`cannot start PostgreSQL in '${site.folder}': expected the password of its data in the file 'password' there, found none; put it back, or remove the folder with its data`)
  const draft = `${site.password}.${randomBytes(6).toString('hex')}`
  writeFileSync(draft, given ?? randomBytes(24).toString('base64url'), { mode: 0o600, flag: 'wx' })
  try {
    await give(draft, account)
    linkSync(draft, site.password)
  } catch (error) { if (codeOf(error) !== 'EEXIST') throw error } finally { rmSync(draft) }
}

const draftName = /^data\.new\.(\d+)\./

/** Drafts whose guard has ended in the middle, and with it initdb. */
const sweep = ({ folder }: Site): void => readdirSync(folder)
  .filter(name => { const pid = draftName.exec(name)?.[1]; return pid !== undefined && !isAlive(Number(pid)) })
  .forEach(name => rmSync(join(folder, name), { recursive: true, force: true }))

/** Makes the data under another name and renames it when it is complete: whoever is killed in the middle leaves no half data. */
export const initialise = async (site: Site, account: Account, guard: number, make: (draft: string) => Promise<void>): Promise<void> => {
  sweep(site)
  if (existsSync(site.data) && readdirSync(site.data).length > 0) return
  const draft = join(site.folder, `data.new.${guard}.${randomBytes(3).toString('hex')}`)
  try {
    mkdirSync(draft, { mode: 0o700 })
    chmodSync(draft, 0o700)
    await give(draft, account)
    await make(draft)
    renameSync(draft, site.data)
  } catch (error) {
    rmSync(draft, { recursive: true, force: true })
    // Another process was faster; its data are as good.
    if (!['ENOTEMPTY', 'EEXIST'].includes(codeOf(error) ?? '')) throw error
  }
}

export const checkVersion = ({ folder, data }: Site, major: string): void => {
  const file = join(data, 'PG_VERSION')
  if (!existsSync(file)) throw fault(`cannot start PostgreSQL in '${folder}': expected data of PostgreSQL ${major} in '${data}', found files without a PG_VERSION; choose another folder`)
  const found = readFileSync(file, 'utf8').trim()
  if (found !== major) {
    throw fault(`cannot start PostgreSQL in '${folder}': expected data of version ${major}, found version ${found}; move them with pg_dump of version ${found}, or choose another folder`)
  }
}

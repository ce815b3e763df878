import { chownSync, cpSync, existsSync, readdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import type { Account } from './account.js'
import { codeOf } from './fault.js'
import { remove } from './remove.js'

/** A folder, made and removed by who runs many test files: there the first of their servers leaves what `initdb` made, and the others copy it, in a fifth of its time. */
const variable = 'LOWTIDE_TEST_TEMPLATE'

/** It has this name only when it is complete; of two who make it at once, one wins. */
const nameOf = (folder: string): string => join(folder, 'data')

/** What `make` makes in a draft, or a copy of what it made before. Copies pass for one server: they have the same system identifier. */
export const templated = (make: (draft: string) => Promise<void>, account: Account) => async (draft: string): Promise<void> => {
  const folder = process.env[variable]
  if (!folder || !existsSync(folder)) return make(draft)
  const whole = nameOf(folder)
  if (existsSync(whole)) {
    cpSync(whole, draft, { recursive: true })
    if (account) for (const name of readdirSync(draft, { recursive: true, encoding: 'utf8' })) chownSync(join(draft, name), account.uid, account.gid)
    return
  }
  await make(draft)
  const copy = `${whole}.${process.pid}`
  try {
    cpSync(draft, copy, { recursive: true })
    renameSync(copy, whole)
  } catch (error) {
    remove(copy)
    if (!['ENOTEMPTY', 'EEXIST', 'ENOENT'].includes(codeOf(error) ?? '')) throw error // another was faster, or the run is over
  }
}

import { appendFileSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Shell } from '@lowtide/core'
import { changed } from '@lowtide/conformance'

/** `redelivered`: a message came that was handled before; `fenced`: an owner came with a partition that is another's by now. */
export type What = 'redelivered' | 'fenced' | 'refused'
const prefix = 'noted-'
/** Written as it happens: a process that is killed in the next moment has told. */
export const notes = (folder: string, by: string) => (what: What, times: number): void => appendFileSync(join(folder, `${prefix}${by}`), `${what} ${times}\n`)
/** Of all, or of one. */
export const sumOf = (folder: string, what: What, by?: string): number => readdirSync(folder).filter(name => by === undefined ? name.startsWith(prefix) : name === `${prefix}${by}`)
  .flatMap(name => readFileSync(join(folder, name), 'utf8').split('\n')).map(line => line.split(' ')).reduce((sum, [found, times]) => sum + (found === what ? Number(times) : 0), 0)

/** A shell that notes what the store answers to commits. */
export const noting = (shell: Shell, note: (what: What, times: number) => void): Shell => changed(shell, o => ({
  ...o,
  store: {
    ...o.store,
    commit: unit => async () => {
      const answer = await o.store.commit(unit)()
      if (answer._tag === 'Right' && answer.right.conflict !== undefined) {
        const { seen, fenced } = answer.right.conflict
        if (seen.length > 0) note('redelivered', seen.length)
        if (fenced.length > 0) note('fenced', fenced.length)
      }
      return answer
    },
  },
}))

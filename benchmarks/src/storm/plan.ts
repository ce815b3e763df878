import { type Shell, defaults } from '@lowtide/core'
import { deployment, system } from '@lowtide/run'
import { count, follow, functions, total, transfer } from './functions.js'

/** Short, so that a storm sees many owners. */
export const options = { lease: 1_500, poll: 100, backoffCap: 500, partitions: 8 }

/** `front` has no handler: what it sends is published. `teller` decides what it sends, and what others publish. A storm has workers, or, where it is split, `handlers` and `projector`s instead. */
export const planOf = (shell: Shell) => deployment({
  name: 'storm', functions: [functions], shell, options,
  processes: { front: [], teller: [transfer], worker: [transfer, total, follow, count], handlers: [transfer], projector: [total, follow, count] },
})
/** Makes the schema. */
export const prepare = async (shell: Shell): Promise<void> => {
  const verb = shell.verbs?.find(({ name }) => name === 'migrate')
  if (verb === undefined) throw new Error(`the shell '${shell.name}' has no verb 'migrate'`)
  const all = Object.values(functions), types = all.flatMap(h => [...h.in, ...h.out])
  const made = await verb.run({
    tables: all.flatMap(h => h.tables), channels: [...new Map(types.map(t => [t.channel.channel, t.channel])).values()], consumers: [], everywhere: [], runtime: system, options: { ...defaults, ...options },
  }, new Set())()
  if (made._tag === 'Left') throw new Error(made.left.failure)
}

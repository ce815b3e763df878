import { accept, channel, command, commandHandler, event, int, projector, table, text } from '@lowtide/core'
import { z } from 'zod'

// What cannot be applied twice unnoticed: sums that are added to, and entries that are inserted.

const data = z.object({ key: z.string(), n: z.number(), entry: z.string() })
const commands = channel('sum-commands'), events = channel('sum-events')
export const Add = command('Add', { channel: commands, key: d => d.key, schema: data })
export const Added = event('Added', { channel: events, key: d => d.key, schema: data })
export const totals = table('totals', { columns: { key: text, n: int }, key: 'key' })
export const sums = table('sums', { columns: { key: text, n: int, last: text }, key: 'key' })
export const entries = table('entries', { columns: { entry: text, key: text }, key: 'entry', indexes: ['key'] })

/** The process ends at so many events of a rebuild, as if it had been shot; or `write` throws there. */
const env = (name: string): string => process.env[name] ?? ''
let written = 0
const fate = ({ entry }: { readonly entry: string }): void => {
  if (env('DIE_AT') !== '' && ++written === Number(env('DIE_AT'))) process.kill(process.pid, 'SIGKILL')
  if (env('POISON') !== '' && entry === env('POISON')) throw env('RETRIES') === '' ? new Error('this entry has no place') : { failure: 'this entry has no place yet', retry: true }
}

export const add = commandHandler({
  meta: { name: 'add', in: Add, out: [Added], uses: [totals] },
  lookup: ({ data }) => ({ row: totals.get(data.key) }),
  operate: (_ctx, { data }) => accept(Added(data)),
  write: { Added: ({ data: { key, n } }) => [...n === 1 ? [totals.insert({ key, n: 0 })] : [], totals.increment(key, { n })] },
})
export const summing = projector({
  meta: { name: 'summing', in: [Added], uses: [sums, entries], retry: { times: Number(env('RETRIES')) } },
  write: {
    Added: ({ data }) => {
      fate(data)
      const { key, n, entry } = data
      return [...n === 1 ? [sums.insert({ key, n: 0, last: '' })] : [], sums.increment(key, { n }), sums.update(key, { last: entry }), entries.insert({ entry, key })]
    },
  },
})
export const functions = { add, summing }

import { channel, event, int, projector, query, table, text } from '@lowtide/core'
import * as O from 'fp-ts/lib/Option.js'
import { z } from 'zod'

// Another service: it knows the event of the first one as its contract, and keeps a copy of its own making.

const events = channel('sum-events', { external: true })
export const Added = event('Added', { channel: events, key: d => d.key, schema: z.object({ key: z.string(), n: z.number(), entry: z.string() }) })
export const mirrors = table('mirrors', { columns: { key: text, n: int, last: text }, key: 'key' })
let written = 0
const dies = Number(process.env['DIE_AT'] ?? 0)
export const mirror = projector({
  meta: { name: 'mirror', in: [Added], uses: [mirrors] },
  write: {
    Added: ({ data: { key, n, entry } }) => {
      if (++written === dies) process.kill(process.pid, 'SIGKILL')
      return [...n === 1 ? [mirrors.insert({ key, n: 0, last: '' })] : [], mirrors.increment(key, { n }), mirrors.update(key, { last: entry })]
    },
  },
})
export const mirrored = query({ meta: { name: 'Mirrored', args: z.object({ key: z.string() }), uses: [mirrors] }, lookup: ({ key }) => ({ row: mirrors.get(key) }), answer: ({ row }) => O.isSome(row) ? row.value.n : 0 })
export const functions = { mirror, mirrored }

import { accept, channel, command, commandHandler, event, int, policy, table, text } from '@lowtide/core'
import * as O from 'fp-ts/lib/Option.js'
import { z } from 'zod'
import { Appended } from './lists.js'

/** Counters, policies that issue commands, a cycle of them, and a message with many results. */
const s = z.string(), counting = z.object({ counter: s, by: z.int() })
const commands = channel('count-commands'), events = channel('count-events', { external: true }), balls = channel('ball-events')
export const Count = command('Count', { channel: commands, key: d => d.counter, schema: counting })
export const Counted = event('Counted', { channel: events, key: d => d.counter, schema: counting.extend({ first: z.boolean() }) })
export const Bump = command('Bump', { channel: commands, key: d => d.counter, schema: counting })
export const Bumped = event('Bumped', { channel: events, key: d => d.counter, schema: counting })
export const Ping = command('Ping', { channel: commands, key: d => d.ball, schema: z.object({ ball: s, left: z.int() }) })
export const Pinged = event('Pinged', { channel: balls, key: d => d.ball, schema: z.object({ ball: s, left: z.int() }) })
export const Flood = command('Flood', { channel: commands, key: d => d.counter, schema: z.object({ counter: s, results: z.int() }) })

export const counters = table('counters', { columns: { id: text, n: int }, key: 'id' })

export const count = commandHandler({
  meta: { name: 'count', in: Count, out: [Counted], uses: [counters] },
  lookup: ({ data }) => ({ row: counters.get(data.counter) }),
  operate: (_ctx, { data }, { row }) => accept(Counted({ ...data, first: O.isNone(row) })),
  write: { Counted: ({ data: { counter, by, first } }) => [first ? counters.insert({ id: counter, n: by }) : counters.increment(counter, { n: by })] },
})
/** Adds without reading. */
export const bump = commandHandler({
  meta: { name: 'bump', in: Bump, out: [Bumped], uses: [counters] },
  operate: (_ctx, { data }) => accept(Bumped(data)),
  write: { Bumped: ({ data: { counter, by } }) => [counters.increment(counter, { n: by })] },
})
/** As many events as it is asked for. */
export const flood = commandHandler({
  meta: { name: 'flood', in: Flood, out: [Bumped], uses: [counters] },
  operate: (_ctx, { data: { counter, results } }) => accept(...Array.from({ length: results }, () => Bumped({ counter, by: 1 }))),
  write: { Bumped: ({ data: { counter, by } }) => [counters.increment(counter, { n: by })] },
})
export const tell = policy({
  meta: { name: 'tell', in: Appended, out: [Count] },
  operate: (_ctx, { data: { list, does } }) => does?.includes('tell') ? accept(Count({ counter: list, by: 1 })) : accept(),
})
export const ping = commandHandler({
  meta: { name: 'ping', in: Ping, out: [Pinged] },
  operate: (_ctx, { data }) => accept(Pinged(data)),
  write: { Pinged: () => [] },
})
export const pong = policy({
  meta: { name: 'pong', in: Pinged, out: [Ping] },
  operate: (_ctx, { data: { ball, left } }) => left > 0 ? accept(Ping({ ball, left: left - 1 })) : accept(),
})

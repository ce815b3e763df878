import { accept, channel, command, commandHandler, event, int, json, policy, port, projector, query, reject, resolver, table, text } from '@lowtide/core'
import * as O from 'fp-ts/lib/Option.js'
import { z } from 'zod'

// A club: decisions, two policies (one acts and sends a command, one keeps a row of its own), and a projection that the answers show. Its events may be read from another database.

const s = z.string(), commands = channel('club-commands'), events = channel('club-events', { external: true }), thanks = channel('thank-commands'), thanked = channel('thank-events', { external: true }), tallied = channel('tally-events', { external: true })
const member = z.object({ email: s, handle: s }), naming = z.object({ email: s, name: s })
export const Join = command('Join', { channel: commands, key: d => d.email, rejections: ['joined', 'taken'], schema: member })
export const Rename = command('Rename', { channel: commands, key: d => d.email, rejections: ['unknown', 'same'], schema: naming })
export const Joined = event('Joined', { channel: events, key: d => d.email, schema: member.extend({ id: s }) })
export const Renamed = event('Renamed', { channel: events, key: d => d.email, schema: naming })
export const Thank = command('Thank', { channel: thanks, key: d => d.email, schema: z.object({ email: s }) })
export const Thanked = event('Thanked', { channel: thanked, key: d => d.email, schema: z.object({ email: s, id: s }) })
export const Tallied = event('Tallied', { channel: tallied, key: d => d.email, schema: z.object({ email: s, what: s, nth: z.int() }) })

export const members = table('members', { columns: { id: text, email: text, handle: text, name: text }, key: 'email', unique: ['handle'] })
export const thanksGiven = table('thanks_given', { columns: { email: text, id: text }, key: 'email' })
export const tallies = table('tallies', { columns: { email: text, nth: int }, key: 'email' })
export const rosters = table('rosters', { columns: { email: text, handle: text, names: json(z.array(s)), changes: int }, key: 'email' })
export const mail = port('mail', { effect: z.object({ to: s, template: s }) })

export const join = commandHandler({
  meta: { name: 'join', in: Join, out: [Joined], uses: [members] },
  lookup: ({ data }) => ({ there: members.get(data.email), taken: members.by('handle', data.handle) }),
  operate: (ctx, { data }, { there, taken }) => O.isSome(there) ? reject('joined', 'a member already') : O.isSome(taken) ? reject('taken', 'somebody has this handle') : accept(Joined({ ...data, id: ctx.id('member') })),
  write: { Joined: ({ data }) => [members.insert({ ...data, name: '' })] },
})
export const rename = commandHandler({
  meta: { name: 'rename', in: Rename, out: [Renamed], uses: [members] },
  lookup: ({ data }) => ({ there: members.get(data.email) }),
  operate: (_ctx, { data }, { there }) => O.isNone(there) ? reject('unknown', 'no such member') : there.value.name === data.name ? reject('same', 'this is the name') : accept(Renamed(data)),
  write: { Renamed: ({ data }) => [members.update(data.email, { name: data.name })] },
})
export const thank = commandHandler({
  meta: { name: 'thank', in: Thank, out: [Thanked], uses: [thanksGiven] },
  operate: (ctx, { data }) => accept(Thanked({ email: data.email, id: ctx.id('thanks') })),
  write: { Thanked: ({ data }) => [thanksGiven.insert(data)] },
})
export const welcome = policy({
  meta: { name: 'welcome', in: Joined, out: [Thank], effects: [mail] },
  operate: (_ctx, { data }) => accept(mail.effect({ to: data.email, template: 'welcome' }), Thank({ email: data.email })),
})
export const tally = policy({
  meta: { name: 'tally', in: [Joined, Renamed], out: [Tallied], uses: [tallies] },
  lookup: ({ data }) => ({ row: tallies.get(data.email) }),
  operate: (_ctx, { type, data }, { row }) => accept(Tallied({ email: data.email, what: 'name' in data ? `${type} ${data.name}` : type, nth: 1 + (O.isSome(row) ? row.value.nth : 0) })),
  write: { Tallied: ({ data: { email, nth } }) => [tallies.put({ email, nth })] },
})
export const roster = projector({
  meta: { name: 'roster', in: [Joined, Renamed], uses: [rosters] },
  write: {
    Joined: ({ data: { email, handle } }) => [rosters.put({ email, handle, names: [], changes: 0 })],
    Renamed: ({ data: { email, name } }) => [rosters.update(email, { names: [name] }), rosters.increment(email, { changes: 1 })],
  },
})
export const joined = resolver({
  meta: { of: Join, from: [Joined], after: roster, uses: [rosters] },
  lookup: ({ Joined: [event] }) => ({ row: rosters.get(event.data.email) }),
  answer: ({ row }) => row,
})
export const listed = query({ meta: { name: 'Listed', args: z.object({ email: s }), uses: [rosters] }, lookup: ({ email }) => ({ row: rosters.get(email) }), answer: ({ row }) => row })
/** What may stand on another database than the rest. */
export const read = { roster, listed }
export const decided = { join, rename, thank, welcome, tally }
export const functions = { ...decided, ...read, joined }

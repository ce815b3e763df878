import { accept, channel, command, commandHandler, event, nothing, optional, reject, table, text } from '@lowtide/core'
import * as O from 'fp-ts/lib/Option.js'
import { z } from 'zod'

/** Unique values and references. */
const s = z.string(), email = s.trim().toLowerCase()
const commands = channel('member-commands'), events = channel('member-events', { external: true })
export const Found = command('Found', { channel: commands, key: d => d.team, schema: z.object({ team: s }) })
export const Founded = event('Founded', { channel: events, key: d => d.team, schema: z.object({ team: s }) })
export const Disband = command('Disband', { channel: commands, key: d => d.team, schema: z.object({ team: s }) })
export const Disbanded = event('Disbanded', { channel: events, key: d => d.team, schema: z.object({ team: s }) })
/** `blind`: without a look at who has the email. */
export const Join = command('Join', { channel: commands, key: d => d.id, rejections: ['email-taken'], schema: z.object({ id: s, email, team: s.nullable(), blind: z.boolean() }) })
export const Joined = event('Joined', { channel: events, key: d => d.id, schema: z.object({ id: s, email: s, team: s.nullable() }) })
export const Leave = command('Leave', { channel: commands, key: d => d.id, schema: z.object({ id: s }) })
export const Left = event('Left', { channel: events, key: d => d.id, schema: z.object({ id: s }) })

export const teams = table('teams', { columns: { id: text }, key: 'id' })
export const members = table('members', { columns: { id: text, email: text, team: optional(text) }, key: 'id', unique: ['email'], references: { team: teams } })

export const found = commandHandler({
  meta: { name: 'found', in: Found, out: [Founded], uses: [teams] },
  operate: (_ctx, { data }) => accept(Founded(data)),
  write: { Founded: ({ data }) => [teams.put({ id: data.team })] },
})
export const disband = commandHandler({
  meta: { name: 'disband', in: Disband, out: [Disbanded], uses: [teams] },
  operate: (_ctx, { data }) => accept(Disbanded(data)),
  write: { Disbanded: ({ data }) => [teams.remove(data.team)] },
})
export const join = commandHandler({
  meta: { name: 'join', in: Join, out: [Joined], uses: [members] },
  lookup: ({ data }) => ({ taken: data.blind ? nothing : members.by('email', data.email) }),
  operate: (_ctx, { data: { id, email, team } }, { taken }) => O.isSome(taken) ? reject('email-taken', 'this email is taken') : accept(Joined({ id, email, team })),
  write: { Joined: ({ data }) => [members.insert(data)] },
})
export const leave = commandHandler({
  meta: { name: 'leave', in: Leave, out: [Left], uses: [members] },
  operate: (_ctx, { data }) => accept(Left(data)),
  write: { Left: ({ data }) => [members.remove(data.id)] },
})

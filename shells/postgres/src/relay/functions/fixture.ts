import { accept, channel, command, commandHandler, event, policy, port } from '@lowtide/core'
import { z } from 'zod'

// Commands whose events leave, and a port that acts on each of them.

const data = z.object({ key: z.string(), n: z.number() })
export const commands = channel('note-commands'), leaving = channel('leaving', { external: true })
export const Note = command('Note', { channel: commands, key: d => d.key, schema: data })
export const Noted = event('Noted', { channel: leaving, key: d => d.key, version: 1, schema: data })
export const bell = port('bell', { effect: data })
export const note = commandHandler({ meta: { name: 'note', in: Note, out: [Noted] }, operate: (_ctx, { data: d }) => accept(Noted(d)), write: { Noted: () => [] } })
export const ring = policy({ meta: { name: 'ring', in: Noted, effects: [bell] }, operate: (_ctx, { data: d }) => accept(bell.effect(d)) })

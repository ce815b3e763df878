import { accept, channel, command, commandHandler, event, int, json, policy, query, reject, table, text } from '@lowtide/core'
import * as O from 'fp-ts/lib/Option.js'
import { z } from 'zod'

// A command that writes rows in every way at once, and a policy that tells in which order its events came.

const s = z.string(), noting = z.object({ list: s, item: s, poison: z.boolean().optional() })
const commands = channel('note-commands'), events = channel('note-events'), journaled = channel('journal-events', { external: true }), shelves = channel('shelf-commands'), shelved = channel('shelf-events', { external: true })
export const Note = command('Note', { channel: commands, key: d => d.list, schema: noting })
export const Noted = event('Noted', { channel: events, key: d => d.list, schema: noting.extend({ items: z.array(s) }) })
export const Journaled = event('Journaled', { channel: journaled, key: d => d.list, schema: z.object({ list: s, items: z.array(s) }) })
export const Shelve = command('Shelve', { channel: shelves, key: d => d.id, rejections: ['shelved'], schema: z.object({ id: s, on: s.optional() }) })
export const Shelved = event('Shelved', { channel: shelved, key: d => d.id, schema: z.object({ id: s, on: s.nullable() }) })
export const Burn = command('Burn', { channel: shelves, key: d => d.id, schema: z.object({ id: s }) })
export const Burnt = event('Burnt', { channel: shelved, key: d => d.id, schema: z.object({ id: s }) })

const items = json(z.array(s))
export const lists = table('lists', { columns: { list: text, items }, key: 'list' })
export const tallies = table('tallies', { columns: { list: text, n: int }, key: 'list' })
export const entries = table('entries', { columns: { list: text, item: text }, key: ['list', 'item'] })
/** The newest entry of a list, and no other. */
export const tips = table('tips', { columns: { list: text, item: text }, key: ['list', 'item'] })
export const journals = table('journals', { columns: { list: text, items }, key: 'list' })
export const shelf = table('shelf', { columns: { id: text, on: text }, key: 'id', references: { on: 'self' } })

export const note = commandHandler({
  meta: { name: 'note', in: Note, out: [Noted], uses: [lists, tallies, entries, tips], retry: { times: 1 } },
  lookup: ({ data }) => ({ row: lists.get(data.list) }),
  operate: (_ctx, { data }, { row }) => accept(Noted({ ...data, items: [...O.isSome(row) ? row.value.items : [], data.item] })),
  write: {
    Noted: ({ data: { list, item, items: all, poison } }) => [
      lists.put({ list, items: all }), entries.insert({ list, item }), tips.put({ list, item: poison ? 7 as never : item }),
      all.length === 1 ? tallies.insert({ list, n: 1 }) : tallies.increment(list, { n: 1 }), ...all.slice(-2, -1).map(before => tips.remove({ list, item: before })),
    ],
  },
})
export const journal = policy({
  meta: { name: 'journal', in: Noted, out: [Journaled], uses: [journals], retry: { times: 1 } },
  lookup: ({ data }) => ({ row: journals.get(data.list) }),
  operate: (_ctx, { data: { list, item } }, { row }) => {
    if (item === 'poison') throw new Error('this item cannot be journaled')
    return accept(Journaled({ list, items: [...O.isSome(row) ? row.value.items : [], item] }))
  },
  write: { Journaled: ({ data }) => [journals.put(data)] },
})
export const shelve = commandHandler({
  meta: { name: 'shelve', in: Shelve, out: [Shelved], uses: [shelf] },
  lookup: ({ data }) => ({ there: shelf.get(data.id) }),
  operate: (_ctx, { data: { id, on } }, { there }) => O.isSome(there) ? reject('shelved', 'it is there') : accept(Shelved({ id, on: on ?? null })),
  write: { Shelved: ({ data: { id, on } }) => [shelf.insert({ id, on: on ?? id })] },
})
export const burn = commandHandler({
  meta: { name: 'burn', in: Burn, out: [Burnt], uses: [shelf] },
  operate: (_ctx, { data }) => accept(Burnt(data)),
  write: { Burnt: ({ data }) => [shelf.remove(data.id)] },
})
export const list = query({ meta: { name: 'List', args: z.object({ list: s }), uses: [lists] }, lookup: ({ list: l }) => ({ row: lists.get(l) }), answer: ({ row }) => O.isSome(row) ? row.value.items : [] })
export const functions = { note, journal, shelve, burn, list }

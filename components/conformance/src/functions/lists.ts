import { accept, channel, command, commandHandler, event, int, json, policy, projector, query, reject, resolver, table, text } from '@lowtide/core'
import * as O from 'fp-ts/lib/Option.js'
import { z } from 'zod'
import { bell, ear, gate } from './ports.js'

/** Lists that grow: their rows show the order in which messages came, and what came twice or never. */
const s = z.string(), items = z.array(s)
/** `gate` is asked by the decision, `later` by the policy; `spoil` makes the projector fail for ever; `does` starts other handlers. */
const appending = z.object({ list: s, item: s, gate: s.optional(), later: s.optional(), spoil: z.boolean().optional(), does: z.array(z.enum(['ring', 'hear', 'tell'])).optional() })
const commands = channel('list-commands'), events = channel('list-events'), notes = channel('list-notes', { external: true })
export const Append = command('Append', { channel: commands, key: d => d.list, rejections: ['closed'], schema: appending })
export const Appended = event('Appended', { channel: events, key: d => d.list, schema: appending.extend({ items, at: s }) })
export const Noted = event('Noted', { channel: notes, key: d => d.list, schema: z.object({ list: s, item: s, items, at: s }) })

export const lists = table('lists', { columns: { id: text, items: json(items) }, key: 'id' })
export const journals = table('journals', { columns: { id: text, items: json(items) }, key: 'id' })
export const views = table('views', { columns: { id: text, items: json(items), count: int }, key: 'id' })

const itemsOf = (row: O.Option<{ readonly items: readonly string[] }>): readonly string[] => O.isSome(row) ? row.value.items : []
const asking = (name: string | undefined, at: string) => name === undefined ? {} : { says: gate.ask({ name, at }) }
const obey = (who: string, said: unknown): void => { if (said === 'throw') throw new Error(`'${who}' was told to throw`) }

/** A list that ends with `closed` takes no more. */
export const append = commandHandler({
  meta: { name: 'append', in: Append, out: [Appended], uses: [lists, gate] },
  lookup: ({ data: { list, item, gate: name } }) => ({ row: lists.get(list), ...asking(name, `append ${list} ${item}`) }),
  operate: (ctx, { data }, { row, says }) => {
    obey('append', says)
    const before = itemsOf(row)
    return before.at(-1) === 'closed' ? reject('closed', 'this list is closed') : accept(Appended({ ...data, items: [...before, data.item], at: ctx.now }))
  },
  write: { Appended: ({ data: { list, items } }) => [lists.put({ id: list, items })] },
})
/** Writes down each event in the order in which it comes. */
export const journal = policy({
  meta: { name: 'journal', in: Appended, out: [Noted], uses: [journals, gate] },
  lookup: ({ data: { list, item, later } }) => ({ row: journals.get(list), ...asking(later, `journal ${list} ${item}`) }),
  operate: (ctx, { data: { list, item } }, { row, says }) => {
    obey('journal', says)
    return accept(Noted({ list, item, items: [...itemsOf(row), item], at: ctx.now }))
  },
  write: { Noted: ({ data: { list, items } }) => [journals.put({ id: list, items })] },
})
/** `count` tells how many events were applied, `items` which was the last. */
export const listView = projector({
  meta: { name: 'list-view', in: Appended, uses: [views] },
  write: {
    Appended: ({ data: { list, items, spoil } }) => {
      if (spoil) throw new Error(`'list-view' cannot take this`)
      return items.length === 1 ? [views.insert({ id: list, items, count: 1 })] : [views.update(list, { items }), views.increment(list, { count: 1 })]
    },
  },
})
export const ring = policy({
  meta: { name: 'ring', in: Appended, effects: [bell] },
  operate: (_ctx, { data: { list, item, does } }) => does?.includes('ring') ? accept(bell.effect({ list, item })) : accept(),
})
export const hear = policy({
  meta: { name: 'hear', in: Appended, effects: [ear], each: 'instance' },
  operate: (_ctx, { data: { list, item, does } }) => does?.includes('hear') ? accept(ear.effect({ list, item })) : accept(),
})
export const appended = resolver({
  meta: { of: Append, from: [Appended], after: listView, uses: [views] },
  lookup: ({ Appended: [e] }) => ({ view: views.get(e.data.list) }),
  answer: ({ view }) => view,
})
export const view = query({
  meta: { name: 'View', args: z.object({ id: s }), uses: [views] },
  lookup: ({ id }) => ({ view: views.get(id) }),
  answer: ({ view }) => view,
})

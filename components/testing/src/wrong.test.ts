// Programs that must not compile. Each directive stands above the very line where the error has to appear, and each group begins
// with what is right, so that the errors below it have no other reason. Nothing here runs but the count at the end.
import { readFileSync } from 'node:fs'
import { accept, andThen, type Bound, bool, channel, command, commandHandler, event, from, int, json, noRows, nothing, optional, policy, port, projector, query, reject, resolver, table, text, timestamp } from '@lowtide/core'
import * as O from 'fp-ts/lib/Option.js'
import * as TE from 'fp-ts/lib/TaskEither.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { z } from 'zod'
import { context, message, model, spec } from './index.js'

const channelOf = { channel: channel('c') }, key = () => ''
const id = z.object({ id: z.string() })

const Open = command('Open', { ...channelOf, key: d => d.id, rejections: ['taken', 'late'], schema: z.object({ id: z.string(), owner: z.string().trim(), tags: z.array(z.string()).default([]) }) })
const Close = command('Close', { ...channelOf, key: d => d.id, rejections: ['closed'], schema: id })
const Ping = command('Ping', { ...channelOf, key: d => d.id, schema: id })
const Opened = event('Opened', { ...channelOf, key: d => d.id, version: 1, schema: z.object({ id: z.string(), owner: z.string() }) })
const Closed = event('Closed', { ...channelOf, key: d => d.id, version: 1, schema: z.object({ id: z.string(), on: z.string() }) })

const owners = table('owners', { columns: { id: text, name: text }, key: 'id', unique: ['name'] })
const accounts = table('accounts', {
  columns: { id: text, owner: text, balance: int, bonus: optional(int), closed: optional(timestamp), frozen: bool },
  key: 'id', unique: ['owner'], indexes: [['owner', 'balance']], references: { owner: owners }, partitionBy: 'owner',
})
const slots = table('slots', { columns: { tenant: text, no: int, tags: json(z.array(z.string())) }, key: ['tenant', 'no'], unique: [['no', 'tags']], indexes: ['tenant'] })
const views = table('views', { columns: { id: text, owner: text }, key: 'id' })
const limits = port('limits', { ask: { args: z.object({ owner: z.string() }), answer: z.object({ most: z.int() }) } })
const mail = port('mail', { effect: z.object({ to: z.string() }) })
const account = { id: '', owner: '', balance: 0, bonus: null, closed: null, frozen: false }

const opening = { name: 'open', in: Open, out: [Opened], uses: [accounts, limits] } as const
const writing = { Opened: () => [] } as const

const open = commandHandler({
  meta: { name: 'open', in: Open, out: [Opened, Closed], uses: [accounts, owners, limits], effects: [mail] },
  lookup: ({ data }) => andThen({ same: accounts.get(data.id), limit: limits.ask({ owner: data.owner }) }, ({ same }) => ({
    owner: O.isSome(same) ? owners.get(same.value.owner) : nothing,
    others: O.isSome(same) ? accounts.where({ owner: data.owner }, { orderBy: 'balance', after: 'a', limit: 2 }) : noRows,
  })),
  operate: (ctx, { data }, { same, limit, owner, others }) => O.isSome(same) ? reject('taken', same.value.owner, { others: others.map(({ balance }) => balance) })
    : limit.most < 1 || O.isSome(owner) ? reject('late', '')
    : accept(Opened({ id: data.id, owner: data.owner }), Closed({ id: data.id, on: ctx.now }), mail.effect({ to: data.owner }, { key: data.id })),
  write: {
    Opened: ({ data }) => [accounts.insert({ ...account, id: data.id, owner: data.owner })],
    Closed: ({ data }) => [accounts.update(data.id, { closed: data.on }, { when: { closed: null } })],
  },
})
const view = projector({
  meta: { name: 'view', in: [Opened, Closed], uses: [views] },
  write: { Opened: ({ data }) => [views.put({ id: data.id, owner: data.owner })], Closed: ({ data }) => [views.remove(data.id)] },
})
const opened = resolver({
  meta: { of: Open, from: [Opened], after: view, uses: [views] },
  lookup: ({ Opened: [first] }, { data }) => ({ view: views.get(first.data.id + data.id) }),
  answer: ({ view }) => view,
})
const find = query({
  meta: { name: 'Find', args: id, uses: [views], allow: (ctx, args) => ctx.actor === args.id },
  lookup: ({ id }, ctx) => ({ view: views.get(ctx.tenant ?? id) }),
  answer: ({ view }) => view,
})

/** Compiled, never run. */
export const messages = (): void => {
  event('E', { ...channelOf, key, version: 3, schema: id, upcast: from(z.object({ no: z.number() })).via(d => ({ no: String(d.no) })).via(d => ({ id: d.no })) })
  Open({ id: '', owner: '' })
  Opened({ id: '', owner: '' })
  event('E', { ...channelOf, key, schema: z.object({ rest: z.json(), pair: z.tuple([z.string(), z.number()]), of: z.record(z.string(), z.array(z.string())), no: z.null().optional() }) })({ rest: { a: [1, null] }, pair: ['', 1], of: { a: [''] } })
  // @ts-expect-error the key reads a field that the schema lacks
  event('E', { ...channelOf, key: d => d.nope, schema: id })
  // @ts-expect-error a key is a string
  event('E', { ...channelOf, key: d => d.no, schema: z.object({ no: z.number() }) })
  // @ts-expect-error a message needs a channel
  event('E', { key, schema: id })
  // @ts-expect-error a channel is declared, not named
  event('E', { channel: 'c', key, schema: id })
  // @ts-expect-error a transform: the output is not valid input, so a published message could not be parsed again
  event('E', { ...channelOf, key, schema: z.object({ id: z.string().transform(Number) }) })
  // @ts-expect-error a Date is not JSON
  event('E', { ...channelOf, key, schema: z.object({ at: z.date() }) })
  // @ts-expect-error nor is a bigint, however deep
  command('C', { ...channelOf, key, schema: z.object({ list: z.array(z.object({ n: z.bigint() })) }) })
  // @ts-expect-error nor is a Map
  command('C', { ...channelOf, key, schema: z.object({ map: z.map(z.string(), z.string()) }) })
  // @ts-expect-error nor is what may be anything
  command('C', { ...channelOf, key, schema: z.object({ x: z.any() }) })
  // @ts-expect-error a code that core gives itself
  command('C', { ...channelOf, key, schema: id, rejections: ['constraint'] })
  // @ts-expect-error version 2 without an upcast
  event('E', { ...channelOf, key, schema: id, version: 2 })
  // @ts-expect-error the chain is one step short
  event('E', { ...channelOf, key, schema: id, version: 3, upcast: from(id).via(d => d) })
  // @ts-expect-error the chain is one step too long
  event('E', { ...channelOf, key, schema: id, version: 2, upcast: from(id).via(d => d).via(d => d) })
  // @ts-expect-error the chain ends in another type
  event('E', { ...channelOf, key, schema: id, version: 2, upcast: from(id).via(() => ({ id: 1 })) })
  // @ts-expect-error a step reads what the version before did not have
  event('E', { ...channelOf, key, schema: id, version: 2, upcast: from(id).via(d => ({ id: d.name })) })
  // @ts-expect-error a first version has nothing to lift
  event('E', { ...channelOf, key, schema: id, upcast: from(id).via(d => d) })
  // @ts-expect-error events reject nothing
  event('E', { ...channelOf, key, schema: id, rejections: ['no'] })
  // @ts-expect-error a field is missing
  Open({ id: '' })
  // @ts-expect-error a field too many
  Opened({ id: '', owner: '', nmae: '' })
  // @ts-expect-error a field of another type
  Opened({ id: '', owner: 1 })
}

export const tables = (): void => {
  table('t', { columns: { id: text, up: optional(text), no: int }, key: 'id', unique: ['no', ['id', 'no']], indexes: ['no'], partitionBy: 'no', references: { up: 'self' } }).by(['id', 'no'], { id: '', no: 1 })
  table('t', { columns: { id: text, rest: json(z.json()) }, key: 'id' }).put({ id: '', rest: { a: [1] } })
  // @ts-expect-error the key is no column
  table('t', { columns: { id: text }, key: 'nope' })
  // @ts-expect-error a key is never null
  table('t', { columns: { id: optional(text) }, key: 'id' })
  // @ts-expect-error nor a part of it
  table('t', { columns: { id: text, no: optional(int) }, key: ['id', 'no'] })
  // @ts-expect-error one of the key's columns is no column
  table('t', { columns: { id: text }, key: ['id', 'nope'] })
  // @ts-expect-error the unique index is no column
  table('t', { columns: { id: text }, key: 'id', unique: ['nope'] })
  // @ts-expect-error the index is no column
  table('t', { columns: { id: text }, key: 'id', indexes: [['id', 'nope']] })
  // @ts-expect-error partitionBy is no column
  table('t', { columns: { id: text }, key: 'id', partitionBy: 'nope' })
  // @ts-expect-error what refers is no column
  table('t', { columns: { id: text }, key: 'id', references: { nope: owners } })
  // @ts-expect-error the referenced key has another type
  table('t', { columns: { id: text, owner: int }, key: 'id', references: { owner: owners } })
  // @ts-expect-error the table's own key has another type
  table('t', { columns: { id: text, up: optional(int) }, key: 'id', references: { up: 'self' } })
  // @ts-expect-error a column of dates is no JSON
  table('t', { columns: { id: text, at: json(z.object({ at: z.date() })) }, key: 'id' })
  // @ts-expect-error a column whose values its schema would not take again
  table('t', { columns: { id: text, no: json(z.string().transform(Number)) }, key: 'id' })
  // @ts-expect-error a column is built, not named
  table('t', { columns: { id: 'text' }, key: 'id' })

  accounts.get('a')
  accounts.by('owner', 'a')
  accounts.where({ owner: 'a' }, { orderBy: 'closed', after: 'a', limit: 1 })
  accounts.where({ owner: 'a', balance: 1 })
  slots.get({ tenant: 't', no: 1 })
  slots.by(['no', 'tags'], { no: 1, tags: ['a'] })
  slots.where({ tenant: 't' }, { after: { tenant: 't', no: 1 } })
  // @ts-expect-error the key is a string
  accounts.get(1)
  // @ts-expect-error half a composite key
  slots.get({ tenant: 't' })
  // @ts-expect-error a composite key has names
  slots.get('t')
  // @ts-expect-error balance is not unique
  accounts.by('balance', 1)
  // @ts-expect-error the unique value is a string
  accounts.by('owner', 1)
  // @ts-expect-error half a composite unique index
  slots.by(['no', 'tags'], { no: 1 })
  // @ts-expect-error nulls are not unique
  accounts.by('owner', null)
  // @ts-expect-error nor is a pair with one
  table('t', { columns: { id: text, no: optional(int) }, key: 'id', unique: [['id', 'no']] }).by(['id', 'no'], { id: '', no: null })
  // @ts-expect-error a table without indexes has no where
  owners.where({ name: '' })
  // @ts-expect-error no index starts with balance
  accounts.where({ balance: 1 })
  // @ts-expect-error a column that no index has
  accounts.where({ owner: '', frozen: true })
  // @ts-expect-error the column holds strings
  accounts.where({ owner: 1 })
  // @ts-expect-error the order is no column
  accounts.where({ owner: '' }, { orderBy: 'nope' })
  // @ts-expect-error the page goes on behind a key, whole
  slots.where({ tenant: '' }, { after: { tenant: '' } })
  // @ts-expect-error a lookup is not its answer
  void accounts.get('a').owner
}

export const changes = (): void => {
  accounts.insert(account)
  accounts.put(account)
  accounts.update('a', { bonus: 1, closed: null, balance: 2 }, { when: { balance: 1, closed: null } })
  accounts.increment('a', { balance: -1 })
  accounts.remove('a')
  slots.update({ tenant: 't', no: 1 }, { tags: ['a'] })
  // @ts-expect-error columns are missing
  accounts.insert({ id: '' })
  // @ts-expect-error a column too many
  accounts.insert({ ...account, nope: 1 })
  // @ts-expect-error nothing is null, not undefined
  accounts.put({ ...account, closed: undefined })
  // @ts-expect-error only an optional column holds null
  accounts.put({ ...account, owner: null })
  // @ts-expect-error an int is a number
  accounts.put({ ...account, balance: '1' })
  // @ts-expect-error a timestamp is a string, not a Date
  accounts.put({ ...account, closed: new Date(0) })
  // @ts-expect-error JSON of another schema
  slots.insert({ tenant: '', no: 1, tags: [1] })
  // @ts-expect-error the key cannot be updated
  accounts.update('a', { id: 'b' })
  // @ts-expect-error nor a part of it
  slots.update({ tenant: 't', no: 1 }, { no: 2 })
  // @ts-expect-error a patch with an unknown column
  accounts.update('a', { nope: 1 })
  // @ts-expect-error undefined is no value
  accounts.update('a', { owner: undefined })
  // @ts-expect-error a condition on an unknown column
  accounts.update('a', { balance: 1 }, { when: { nope: 1 } })
  // @ts-expect-error only numbers can be incremented
  accounts.increment('a', { owner: 1 })
  // @ts-expect-error and only those that are never null
  accounts.increment('a', { bonus: 1 })
  // @ts-expect-error a key of another type
  accounts.increment(1, { balance: 1 })
  // @ts-expect-error half a composite key
  slots.remove({ no: 1 })
  // @ts-expect-error tables are not written to
  accounts.name = 'b'
}

export const ports = (): Bound<typeof limits>[] => {
  limits.ask({ owner: '' })
  mail.effect({ to: '' }, { key: '' })
  // @ts-expect-error an effect is a message: a Date is not JSON
  port('p', { effect: z.object({ at: z.date() }) })
  // @ts-expect-error nor a question
  port('p', { ask: { args: z.object({ at: z.date() }), answer: id } })
  // @ts-expect-error mail cannot be asked
  mail.ask({ to: '' })
  // @ts-expect-error limits only answers
  limits.effect({ owner: '' })
  // @ts-expect-error wrong arguments of an effect
  mail.effect({ too: '' })
  // @ts-expect-error wrong arguments of a question
  limits.ask({ owner: 1 })
  return [
    { ask: ({ owner }) => TE.right({ most: owner.length }) },
    // @ts-expect-error bound to an answer that its schema refuses
    { ask: ({ owner }) => TE.right({ most: owner }) },
    // @ts-expect-error bound to nothing
    {},
  ]
}

export const lookups = (): void => {
  const asked = { meta: opening, write: writing, operate: () => accept() } as const
  commandHandler({ ...asked, lookup: ({ data }) => ({ same: accounts.get(data.id), limit: limits.ask({ owner: data.owner }) }) })
  // @ts-expect-error owners is not in uses
  commandHandler({ ...asked, lookup: ({ data }) => ({ owner: owners.get(data.owner) }) })
  // @ts-expect-error nor is it in the second stage
  commandHandler({ ...asked, lookup: ({ data }) => andThen({ same: accounts.get(data.id) }, () => ({ owner: owners.get(data.owner) })) })
  // @ts-expect-error the port is not in uses
  commandHandler({ ...asked, meta: { ...opening, uses: [accounts] }, lookup: ({ data }) => ({ limit: limits.ask({ owner: data.owner }) }) })
  // @ts-expect-error the command has no such field
  commandHandler({ ...asked, lookup: ({ data }) => ({ same: accounts.get(data.nope) }) })
  // @ts-expect-error a change is no lookup
  commandHandler({ ...asked, lookup: ({ data }) => ({ same: accounts.remove(data.id) }) })
  // @ts-expect-error lookups are described at once
  commandHandler({ ...asked, lookup: async ({ data }) => ({ same: accounts.get(data.id) }) })
  // @ts-expect-error the first answer is an Option
  commandHandler({ ...asked, lookup: ({ data }) => andThen({ same: accounts.get(data.id) }, ({ same }) => ({ next: accounts.get(same.id) })) })
  // @ts-expect-error one of two branches asks a table that is not in uses
  commandHandler({ ...asked, lookup: ({ data }) => andThen({ same: accounts.get(data.id) }, ({ same }) => ({ next: O.isSome(same) ? owners.get('') : nothing })) })
}

export const decisions = (): void => {
  const deciding = { meta: opening, write: writing } as const
  const lookup = ({ data }: ReturnType<typeof message<'command', 'Open', never, { id: string }, never>>) => ({ same: accounts.get(data.id) })
  commandHandler({ ...deciding, lookup, operate: (_ctx, { data }, { same }) => O.isSome(same) ? reject('taken', '') : accept(Opened({ id: data.id, owner: data.owner })) })
  // @ts-expect-error a code that the command does not declare (reported at the head of the expression)
  commandHandler({ ...deciding, lookup, operate: (_ctx, { data }, { same }) => O.isSome(same) ? reject('takn', '') : accept(Opened({ id: data.id, owner: data.owner })) })
  // @ts-expect-error a code of another command
  commandHandler({ ...deciding, operate: () => reject('closed', '') })
  // @ts-expect-error a command without codes rejects nothing
  commandHandler({ meta: { name: 'x', in: Ping, out: [] }, operate: () => reject('taken', '') })
  // @ts-expect-error a rejection says why
  commandHandler({ ...deciding, operate: () => reject('taken') })
  // @ts-expect-error the event is not in out
  commandHandler({ ...deciding, operate: () => accept(Closed({ id: '', on: '' })) })
  // @ts-expect-error one of two events is not in out
  commandHandler({ ...deciding, operate: () => accept(Opened({ id: '', owner: '' }), Closed({ id: '', on: '' })) })
  // @ts-expect-error the data are not the event's
  commandHandler({ ...deciding, operate: () => accept(Opened({ id: '' })) })
  // @ts-expect-error the port is not in effects
  commandHandler({ ...deciding, operate: () => accept(mail.effect({ to: '' })) })
  // @ts-expect-error a question is no result
  commandHandler({ ...deciding, operate: () => accept(limits.ask({ owner: '' })) })
  // @ts-expect-error row changes belong into write
  commandHandler({ ...deciding, operate: () => accept(accounts.remove('')) })
  // @ts-expect-error a decision is made with accept or reject
  commandHandler({ ...deciding, operate: () => Opened({ id: '', owner: '' }) })
  // @ts-expect-error operate is synchronous
  commandHandler({ ...deciding, operate: async () => accept() })
  // @ts-expect-error nothing was looked up under this name
  commandHandler({ ...deciding, lookup, operate: (_ctx, _command, { other }) => O.isSome(other) ? accept() : accept() })
  // @ts-expect-error nothing was looked up
  commandHandler({ ...deciding, operate: (_ctx, _command, { same }) => O.isSome(same) ? accept() : accept() })
  // @ts-expect-error an Option has to be opened first
  commandHandler({ ...deciding, lookup, operate: (_ctx, _command, { same }) => same.owner === '' ? accept() : accept() })
  // @ts-expect-error the row has no such column
  commandHandler({ ...deciding, lookup, operate: (_ctx, _command, { same }) => O.isSome(same) && same.value.nope === '' ? accept() : accept() })
  commandHandler({
    ...deciding,
    // @ts-expect-error operate stands above lookup, so the answers are not inferred yet
    operate: (_ctx, _command, { same }) => O.isSome(same) ? accept() : accept(),
    lookup: ({ data }) => ({ same: accounts.get(data.id) }),
  })
  // @ts-expect-error messages are read only
  commandHandler({ ...deciding, operate: (_ctx, { data }) => { data.owner = ''; return accept() } })
  // @ts-expect-error to their depths
  commandHandler({ ...deciding, operate: (_ctx, { data }) => { data.tags.push(''); return accept() } })
  // @ts-expect-error rows are read only
  commandHandler({ ...deciding, lookup, operate: (_ctx, _command, { same }) => { if (O.isSome(same)) same.value.balance = 1; return accept() } })
  // @ts-expect-error the context is read only
  commandHandler({ ...deciding, operate: ctx => { ctx.now = ''; return accept() } })
  // @ts-expect-error the context has no chance in it
  commandHandler({ ...deciding, operate: ctx => accept(Opened({ id: ctx.random(), owner: '' })) })
  // @ts-expect-error two commands: narrow by type first
  commandHandler({ meta: { name: 'x', in: [Open, Close], out: [] }, operate: (_ctx, { data }) => data.owner === '' ? accept() : accept() })
}

export const declarations = (): void => {
  const doing = { operate: () => accept(), write: writing } as const
  commandHandler({ ...doing, meta: { ...opening, allow: (_ctx, { data }) => data.owner !== '', needs: { oneAtATime: true }, retry: { times: 1 } } })
  // @ts-expect-error a handler has a name
  commandHandler({ ...doing, meta: { in: Open, out: [Opened] } })
  // @ts-expect-error a command handler takes commands
  commandHandler({ ...doing, meta: { name: 'x', in: [Opened], out: [Opened] } })
  // @ts-expect-error one at least
  commandHandler({ meta: { name: 'x', in: [], out: [] }, operate: () => accept() })
  // @ts-expect-error a port that only answers has no effects
  commandHandler({ ...doing, meta: { ...opening, effects: [limits] } })
  // @ts-expect-error a port that only acts cannot be asked
  commandHandler({ ...doing, meta: { ...opening, uses: [accounts, mail] } })
  // @ts-expect-error and makes events
  commandHandler({ meta: { name: 'x', in: [Open], out: [Close] }, operate: () => accept() })
  // @ts-expect-error uses takes tables and ports
  commandHandler({ ...doing, meta: { ...opening, uses: ['accounts'] } })
  // @ts-expect-error allow reads a field that the command lacks
  commandHandler({ ...doing, meta: { ...opening, allow: (_ctx, { data }) => data.nope === '' } })
  // @ts-expect-error a need that nothing knows
  commandHandler({ ...doing, meta: { ...opening, needs: { twoAtATime: true } } })
  // @ts-expect-error retries are counted in times
  commandHandler({ ...doing, meta: { ...opening, retry: 3 } })
}

export const writes = (): void => {
  const operating = { operate: () => accept() } as const, both = { ...opening, out: [Opened, Closed] } as const
  commandHandler({ ...operating, meta: both, write: { Opened: ({ data }) => [accounts.remove(data.id)], Closed: () => [] } })
  commandHandler({ ...operating, meta: { name: 'x', in: Open } })
  // @ts-expect-error out has an event without an entry in write
  commandHandler({ ...operating, meta: both, write: { Opened: () => [] } })
  // @ts-expect-error out has events, and there is no write
  commandHandler({ ...operating, meta: both })
  // @ts-expect-error an entry for an event that is not in out
  commandHandler({ ...operating, meta: opening, write: { Opened: () => [], Closed: () => [] } })
  // @ts-expect-error an entry, and no event in out
  commandHandler({ ...operating, meta: { name: 'x', in: Open }, write: { Opened: () => [] } })
  // @ts-expect-error a table that is not in uses
  commandHandler({ ...operating, meta: opening, write: { Opened: ({ data }) => [owners.remove(data.id)] } })
  // @ts-expect-error changes, never effects
  commandHandler({ ...operating, meta: opening, write: { Opened: () => [mail.effect({ to: '' })] } })
  // @ts-expect-error the event has no such field
  commandHandler({ ...operating, meta: opening, write: { Opened: ({ data }) => [accounts.remove(data.tags)] } })
  // @ts-expect-error a column of the row is missing
  commandHandler({ ...operating, meta: opening, write: { Opened: ({ data }) => [accounts.insert({ id: data.id })] } })
  // @ts-expect-error write is synchronous
  commandHandler({ ...operating, meta: opening, write: { Opened: async () => [] } })
  // @ts-expect-error write sees the event alone, no context
  commandHandler({ ...operating, meta: opening, write: { Opened: ({ data }, ctx) => [accounts.remove(data.id + ctx.now)] } })
}

export const policies = (): void => {
  policy({ meta: { name: 'x', in: Opened, out: [Close], effects: [mail] }, operate: (_ctx, { data }) => accept(Close({ id: data.id }), mail.effect({ to: data.owner })) })
  policy({ meta: { name: 'x', in: Opened, out: [Closed], uses: [accounts] }, operate: () => accept(), write: { Closed: ({ data }) => [accounts.remove(data.id)] } })
  // @ts-expect-error a policy takes events
  policy({ meta: { name: 'x', in: Open }, operate: () => accept() })
  // @ts-expect-error the command is not in out
  policy({ meta: { name: 'x', in: Opened, out: [Close] }, operate: () => accept(Ping({ id: '' })) })
  // @ts-expect-error a policy that emits events has to write them
  policy({ meta: { name: 'x', in: Opened, out: [Closed] }, operate: () => accept() })
  // @ts-expect-error nobody waits for a policy's rejection
  policy({ meta: { name: 'x', in: Opened }, operate: () => reject('late', '') })
}

export const projections = (): void => {
  projector({ meta: { name: 'x', in: [Opened], uses: [views] }, write: { Opened: ({ data }) => [views.remove(data.id)] } })
  // @ts-expect-error an event of in without an entry
  projector({ meta: { name: 'x', in: [Opened, Closed], uses: [views] }, write: { Opened: () => [] } })
  // @ts-expect-error of no event
  projector({ meta: { name: 'x', in: [], uses: [views] }, write: {} })
  // @ts-expect-error an entry for an event that is not in in
  projector({ meta: { name: 'x', in: [Opened], uses: [views] }, write: { Opened: () => [], Closed: () => [] } })
  // @ts-expect-error a projector writes its own tables only
  projector({ meta: { name: 'x', in: [Opened], uses: [views] }, write: { Opened: ({ data }) => [accounts.remove(data.id)] } })
  // @ts-expect-error a projector takes events
  projector({ meta: { name: 'x', in: [Open], uses: [views] }, write: { Open: () => [] } })
  // @ts-expect-error a projector asks nobody
  projector({ meta: { name: 'x', in: [Opened], uses: [limits] }, write: { Opened: () => [] } })
  // @ts-expect-error a projector decides nothing
  projector({ meta: { name: 'x', in: [Opened], uses: [views] }, write: { Opened: () => [] }, operate: () => accept() })
}

export const answers = (): void => {
  resolver({ meta: { of: Open, uses: [views] }, lookup: (_events, { data }) => ({ view: views.get(data.id) }), answer: ({ view }) => O.isSome(view) && view.value.owner })
  // @ts-expect-error an event that from does not name
  resolver({ meta: { of: Open, from: [Opened], uses: [views] }, lookup: ({ Closed: [event] }) => ({ view: views.get(event.data.id) }), answer: ({ view }) => view })
  // @ts-expect-error of a command
  resolver({ meta: { of: Opened, uses: [views] }, lookup: () => ({}), answer: () => null })
  // @ts-expect-error after a projector
  resolver({ meta: { of: Open, after: open, uses: [views] }, lookup: () => ({}), answer: () => null })
  // @ts-expect-error a table that is not in uses
  resolver({ meta: { of: Open, uses: [views] }, lookup: (_events, { data }) => ({ same: accounts.get(data.id) }), answer: () => null })
  // @ts-expect-error the answer reads what was not looked up
  resolver({ meta: { of: Open, uses: [views] }, lookup: (_events, { data }) => ({ view: views.get(data.id) }), answer: ({ same }) => same })
  // @ts-expect-error an answer is made at once
  resolver({ meta: { of: Open, uses: [views] }, lookup: (_events, { data }) => ({ view: views.get(data.id) }), answer: async ({ view }) => view })

  query({ meta: { name: 'Q', args: id, uses: [views, limits] }, lookup: ({ id }) => ({ view: views.get(id), limit: limits.ask({ owner: id }) }), answer: ({ limit }) => limit.most })
  // @ts-expect-error the arguments have no owner
  query({ meta: { name: 'Q', args: id, uses: [views] }, lookup: ({ owner }) => ({ view: views.get(owner) }), answer: ({ view }) => view })
  // @ts-expect-error a table that is not in uses
  query({ meta: { name: 'Q', args: id, uses: [views] }, lookup: ({ id }) => ({ same: accounts.get(id) }), answer: () => null })
  // @ts-expect-error the answer reads what was not looked up
  query({ meta: { name: 'Q', args: id, uses: [views] }, lookup: ({ id }) => ({ view: views.get(id) }), answer: ({ same }) => same })
  // @ts-expect-error the answer has to open the Option
  query({ meta: { name: 'Q', args: id, uses: [views] }, lookup: ({ id }) => ({ view: views.get(id) }), answer: ({ view }) => view.owner })
  // @ts-expect-error an answer is made at once
  query({ meta: { name: 'Q', args: id, uses: [views] }, lookup: ({ id }) => ({ view: views.get(id) }), answer: async ({ view }) => view })
  // @ts-expect-error a query changes nothing
  query({ meta: { name: 'Q', args: id, uses: [views] }, lookup: ({ id }) => ({ view: views.remove(id) }), answer: () => null })
  // @ts-expect-error allow reads an argument that there is not
  query({ meta: { name: 'Q', args: id, uses: [views], allow: (_ctx, args) => args.owner === '' }, lookup: () => ({}), answer: () => null })
}

export const tests = (): void => {
  const ports = { limits: () => ({ most: 1 }) }, when = Open({ id: '', owner: '' })
  message(Open, { id: '', owner: '' }, { actor: 'ann' })
  context({ now: '', actor: 'ann', message: message(Opened, { id: '', owner: '' }) })
  open.operate(context(), message(Open, { id: '', owner: '' }), { same: O.none, limit: { most: 1 }, owner: O.none, others: [] })
  // @ts-expect-error data of another type
  message(Open, { id: 1, owner: '' })
  // @ts-expect-error an attribute that the envelope lacks
  message(Open, { id: '', owner: '' }, { user: 'ann' })
  // @ts-expect-error the type follows from the message
  message(Open, { id: '', owner: '' }, { type: 'Opened' })
  // @ts-expect-error now is text
  context({ now: new Date(0) })
  // @ts-expect-error a message of another type
  open.operate(context(), message(Close, { id: '' }), { same: O.none, limit: { most: 1 }, owner: O.none, others: [] })
  // @ts-expect-error an answer of another table
  open.operate(context(), message(Open, { id: '', owner: '' }), { same: O.some({ id: 1 }), limit: { most: 1 }, owner: O.none, others: [] })
  // @ts-expect-error an answer is missing
  open.operate(context(), message(Open, { id: '', owner: '' }), { same: O.none, limit: { most: 1 }, owner: O.none })

  spec(open, { given: [Opened({ id: '', owner: '' }), owners.insert({ id: '', name: '' })], when, then: reject('taken', ''), ports })
  spec(open, { when: message(Open, { id: '', owner: '' }), then: 'taken', ports })
  spec(open, { when, then: ctx => accept(Opened({ id: ctx.id(''), owner: '' }), mail.effect({ to: '' })), ports })
  // @ts-expect-error when is not a command of the handler
  spec(open, { when: Close({ id: '' }), then: 'taken', ports })
  // @ts-expect-error when is an event
  spec(open, { when: Opened({ id: '', owner: '' }), then: 'taken', ports })
  // @ts-expect-error a code that the command does not declare
  spec(open, { when, then: reject('closed', ''), ports })
  // @ts-expect-error nor alone
  spec(open, { when, then: 'closed', ports })
  // @ts-expect-error a result outside out and effects
  spec(open, { when, then: accept(Close({ id: '' })), ports })
  // @ts-expect-error also when it is made of the context
  spec(open, { when, then: ctx => accept(Ping({ id: ctx.now })), ports })
  // @ts-expect-error given writes a table that the handler does not use
  spec(open, { given: [views.remove('')], when, then: 'taken', ports })
  // @ts-expect-error given has a command
  spec(open, { given: [Close({ id: '' })], when, then: 'taken', ports })
  // @ts-expect-error lookup asks a port
  spec(open, { when, then: 'taken' })
  // @ts-expect-error an answer of another shape
  spec(open, { when, then: 'taken', ports: { limits: () => ({ least: 1 }) } })

  spec(view, { given: [Opened({ id: '', owner: '' })], when: [Closed({ id: '', on: '' })], then: { views: [{ id: '', owner: '' }] } })
  // @ts-expect-error when is not an event of the projector
  spec(view, { when: Open({ id: '', owner: '' }), then: {} })
  // @ts-expect-error a table that it does not write
  spec(view, { when: Closed({ id: '', on: '' }), then: { accounts: [] } })
  // @ts-expect-error a row with another column
  spec(view, { when: Closed({ id: '', on: '' }), then: { views: [{ id: '', name: '' }] } })
  // @ts-expect-error given changes a table that it does not write
  spec(view, { given: [accounts.remove('')], when: Closed({ id: '', on: '' }), then: {} })

  spec(find, { when: { id: '' }, then: O.some({ id: '', owner: '' }) })
  // @ts-expect-error arguments of another type
  spec(find, { when: { id: 1 }, then: O.none })
  // @ts-expect-error an answer of another type
  spec(find, { when: { id: '' }, then: O.some({ id: '' }) })

  spec(opened, { when: { command: when, events: [Opened({ id: '', owner: '' })] }, then: undefined })
  // @ts-expect-error another command
  spec(opened, { when: { command: Close({ id: '' }), events: [] }, then: undefined })
  // @ts-expect-error an event that from does not name
  spec(opened, { when: { command: when, events: [Closed({ id: '', on: '' })] }, then: undefined })
  // @ts-expect-error an answer of another type
  spec(opened, { when: { command: when, events: [] }, then: O.some({ id: '' }) })

  model([accounts]).run([accounts.remove('')])
  // @ts-expect-error a lookup is no change
  model([accounts]).run([accounts.get('')])
  // @ts-expect-error not knowing whether there is a row
  void model([accounts]).answer(accounts.get('')).owner
}

// Deployments and apps: components/run/src/wrong.test.ts

const test = suite('wrong programs')

test('there are enough of them, and each says what is wrong', () => {
  const lines = readFileSync(new URL('../src/wrong.test.ts', import.meta.url), 'utf8').split('\n')
  const directives = lines.filter(line => /^ *\/\/ @ts-expect-error/.test(line))
  assert.ok(directives.length >= 50, `${directives.length}`)
  assert.equal(directives.filter(line => !/@ts-expect-error \w/.test(line)), [])
})

test.run()

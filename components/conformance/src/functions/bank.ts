import { accept, channel, command, commandHandler, decimal, event, int, query, reject, resolver, table, text } from '@lowtide/core'
import * as O from 'fp-ts/lib/Option.js'
import { z } from 'zod'

/** Two rows a decision, increments, and rows found by an index. */
const commands = channel('bank-commands'), events = channel('bank-events', { external: true }), s = z.string()
export const OpenAccount = command('OpenAccount', { channel: commands, key: d => d.id, rejections: ['exists'], schema: z.object({ id: s, bank: s, balance: z.int() }) })
export const AccountOpened = event('AccountOpened', { channel: events, key: d => d.id, schema: z.object({ id: s, bank: s, balance: z.int() }) })
/** `spoil`: its last change does not fit the table, so that it fails with changes staged. */
const moving = z.object({ from: s, to: s, amount: z.int(), spoil: z.boolean().optional() })
export const Transfer = command('Transfer', { channel: commands, key: d => d.from, rejections: ['poor', 'unknown'], schema: moving })
export const Transferred = event('Transferred', { channel: events, key: d => d.from, schema: moving })

export const accounts = table('accounts', { columns: { id: text, bank: text, balance: int, rate: decimal }, key: 'id', indexes: ['bank'] })

export const openAccount = commandHandler({
  meta: { name: 'open-account', in: OpenAccount, out: [AccountOpened], uses: [accounts] },
  lookup: ({ data }) => ({ there: accounts.get(data.id) }),
  operate: (_ctx, { data }, { there }) => O.isSome(there) ? reject('exists', 'this account exists') : accept(AccountOpened(data)),
  write: { AccountOpened: ({ data }) => [accounts.insert({ ...data, rate: '0' })] },
})
export const transfer = commandHandler({
  meta: { name: 'transfer', in: Transfer, out: [Transferred], uses: [accounts], allow: ctx => ctx.actor !== 'stranger' },
  lookup: ({ data }) => ({ from: accounts.get(data.from), to: accounts.get(data.to) }),
  operate: (_ctx, { data }, { from, to }) => O.isNone(from) || O.isNone(to) ? reject('unknown', 'no such account')
    : from.value.balance < data.amount ? reject('poor', `the balance is ${from.value.balance}`) : accept(Transferred(data)),
  write: {
    Transferred: ({ data: { from, to, amount, spoil } }) => [
      accounts.increment(from, { balance: -amount }), accounts.increment(to, { balance: amount }), ...(spoil ? [accounts.update(to, { rate: 'none' })] : []),
    ],
  },
})
/** Ready as soon as the command is handled. */
export const opened = resolver({
  meta: { of: OpenAccount, from: [AccountOpened], uses: [accounts] },
  lookup: ({ AccountOpened: [e] }) => ({ account: accounts.get(e.data.id) }),
  answer: ({ account }) => account,
})
export const account = query({
  meta: { name: 'Account', args: z.object({ id: s }), uses: [accounts], allow: ctx => ctx.actor !== 'stranger' },
  lookup: ({ id }) => ({ account: accounts.get(id) }),
  answer: ({ account }) => account,
})
/** The richest of a bank. */
export const rich = query({
  meta: { name: 'Rich', args: z.object({ bank: s, limit: z.int() }), uses: [accounts] },
  lookup: ({ bank, limit }) => ({ rich: accounts.where({ bank }, { orderBy: 'balance', limit }) }),
  answer: ({ rich }) => rich.map(a => a.id),
})

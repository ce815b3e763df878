import { accept, channel, command, commandHandler, event, int, policy, projector, reject, table, text } from '@lowtide/core'
import * as O from 'fp-ts/lib/Option.js'
import { z } from 'zod'

// A ledger whose rows show what went wrong: how often each was written, and the last number of each (producer, account).

const s = z.string(), commands = channel('storm-commands'), events = channel('storm-events'), followings = channel('storm-followings')
/** `n`: a producer numbers the transfers from an account that were accepted. */
const moving = z.object({ by: s, n: z.int(), from: s, to: s, amount: z.int() })
export const Transfer = command('Transfer', { channel: commands, key: d => d.from, rejections: ['poor', 'unknown'], schema: moving })
export const Transferred = event('Transferred', { channel: events, key: d => d.from, schema: moving })
export const Followed = event('Followed', { channel: followings, key: d => d.account, schema: z.object({ by: s, account: s, n: z.int(), times: z.int(), disorders: z.int() }) })

export const accounts = table('accounts', { columns: { id: text, balance: int, sent: int, received: int }, key: 'id' })
export const totals = table('totals', { columns: { id: text, balance: int, sent: int, received: int }, key: 'id' })
export const lasts = table('lasts', { columns: { by: text, account: text, n: int, times: int, disorders: int }, key: ['by', 'account'] })
export const counts = table('counts', { columns: { by: text, account: text, times: int }, key: ['by', 'account'] })

export const transfer = commandHandler({
  meta: { name: 'transfer', in: Transfer, out: [Transferred], uses: [accounts] },
  lookup: ({ data }) => ({ from: accounts.get(data.from), to: accounts.get(data.to) }),
  operate: (_ctx, { data }, { from, to }) => O.isNone(from) || O.isNone(to) ? reject('unknown', 'no such account')
    : from.value.balance < data.amount ? reject('poor', 'the balance is lower than the amount') : accept(Transferred(data)),
  write: { Transferred: ({ data: { from, to, amount } }) => [accounts.increment(from, { balance: -amount, sent: 1 }), accounts.increment(to, { balance: amount, received: 1 })] },
})
/** The same money once more, from the events alone. */
export const total = projector({
  meta: { name: 'total', in: [Transferred], uses: [totals] },
  write: { Transferred: ({ data: { from, to, amount } }) => [totals.increment(from, { balance: -amount, sent: 1 }), totals.increment(to, { balance: amount, received: 1 })] },
})
/** Looks at the numbers of each (producer, account): one that is not the next is disorder. */
export const follow = policy({
  meta: { name: 'follow', in: Transferred, out: [Followed], uses: [lasts] },
  lookup: ({ data }) => ({ last: lasts.get({ by: data.by, account: data.from }) }),
  operate: (_ctx, { data: { by, from, n } }, { last }) => {
    const before = O.isSome(last) ? last.value : { n: 0, times: 0, disorders: 0 }
    return accept(Followed({ by, account: from, n, times: before.times + 1, disorders: before.disorders + (n === before.n + 1 ? 0 : 1) }))
  },
  write: { Followed: ({ data }) => [lasts.put(data)] },
})
/** What came of what came of a command. */
export const count = projector({
  meta: { name: 'count', in: [Followed], uses: [counts] },
  write: { Followed: ({ data: { by, account } }) => [counts.increment({ by, account }, { times: 1 })] },
})
export const functions = { transfer, total, follow, count }

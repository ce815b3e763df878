import { accept, channel, command, commandHandler, event, int, projector, table, text } from '@lowtide/core'
import { z } from 'zod'

/** An event that two handlers make, and a projection whose rows refer to rows of decisions: all of them are one group. */
const s = z.string(), payment = z.object({ id: s, till: s })
const commands = channel('till-commands'), events = channel('till-events')
export const Install = command('Install', { channel: commands, key: d => d.till, schema: z.object({ till: s }) })
export const Installed = event('Installed', { channel: events, key: d => d.till, schema: z.object({ till: s }) })
export const PayInCash = command('PayInCash', { channel: commands, key: d => d.till, schema: payment })
export const PayByCard = command('PayByCard', { channel: commands, key: d => d.till, schema: payment })
export const Paid = event('Paid', { channel: events, key: d => d.till, schema: payment })

export const tills = table('tills', { columns: { id: text, payments: int }, key: 'id' })
export const receipts = table('receipts', { columns: { id: text, till: text }, key: 'id', references: { till: tills } })

export const install = commandHandler({
  meta: { name: 'install', in: Install, out: [Installed], uses: [tills] },
  operate: (_ctx, { data }) => accept(Installed(data)),
  write: { Installed: ({ data }) => [tills.insert({ id: data.till, payments: 0 })] },
})
export const payInCash = commandHandler({
  meta: { name: 'pay-in-cash', in: PayInCash, out: [Paid], uses: [tills] },
  operate: (_ctx, { data }) => accept(Paid(data)),
  write: { Paid: ({ data }) => [tills.increment(data.till, { payments: 1 })] },
})
export const payByCard = commandHandler({
  meta: { name: 'pay-by-card', in: PayByCard, out: [Paid], uses: [tills] },
  operate: (_ctx, { data }) => accept(Paid(data)),
  write: { Paid: ({ data }) => [tills.increment(data.till, { payments: 1 })] },
})
export const receipt = projector({
  meta: { name: 'receipt', in: [Paid], uses: [receipts] },
  write: { Paid: ({ data }) => [receipts.insert(data)] },
})

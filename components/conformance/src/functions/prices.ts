import { channel, event, from, int, projector, query, table, text } from '@lowtide/core'
import { z } from 'zod'

/** An event in its third version, and in its fourth, which comes with a later deploy. */
const changes = channel('prices', { external: true }), s = z.string()
const v1 = z.object({ product: s, price: z.number() }), v2 = z.object({ product: s, cents: z.int() }), v3 = v2.extend({ currency: s }), v4 = v3.extend({ note: s })
const first = from(v1).via((d): z.output<typeof v2> => ({ product: d.product, cents: Math.round(d.price * 100) })).via((d): z.output<typeof v3> => ({ ...d, currency: 'EUR' }))
export const Priced = event('Priced', { channel: changes, key: d => d.product, version: 3, schema: v3, upcast: first })
export const PricedLater = event('Priced', { channel: changes, key: d => d.product, version: 4, schema: v4, upcast: first.via((d): z.output<typeof v4> => ({ ...d, note: '' })) })

export const prices = table('prices', { columns: { id: text, cents: int, currency: text, note: text }, key: 'id' })

export const priceList = projector({
  meta: { name: 'price-list', in: Priced, uses: [prices] },
  write: { Priced: ({ data: { product, cents, currency } }) => [prices.put({ id: product, cents, currency, note: '' })] },
})
export const priceListLater = projector({
  meta: { name: 'price-list', in: PricedLater, uses: [prices] },
  write: { Priced: ({ data: { product, cents, currency, note } }) => [prices.put({ id: product, cents, currency, note })] },
})
export const price = query({
  meta: { name: 'Price', args: z.object({ product: s }), uses: [prices] },
  lookup: ({ product }) => ({ price: prices.get(product) }),
  answer: ({ price }) => price,
})

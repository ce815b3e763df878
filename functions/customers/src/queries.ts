import { query } from '@lowtide/core'
import { z } from 'zod'
import { customerViews } from './tables.js'

export const customer = query({
  meta: { name: 'Customer', args: z.object({ id: z.string() }), uses: [customerViews] },
  lookup: ({ id }) => ({ customer: customerViews.get(id) }),
  answer: ({ customer }) => customer,
})

/** A page of customers in the order of their ids, one more than asked for: so it is known whether there is a next one. */
export const customersPage = query({
  meta: { name: 'Customers', args: z.object({ first: z.int().min(1).max(100), after: z.uuid().nullish() }), uses: [customerViews] },
  lookup: ({ first, after }) => ({ rows: customerViews.where({ invited: true }, { limit: first + 1, ...(after && { after }) }) }),
  answer: ({ rows }, { first }) => {
    const page = rows.slice(0, first)
    return {
      edges: page.map(node => ({ node, cursor: node.id })),
      pageInfo: { hasNextPage: rows.length > first, endCursor: page.at(-1)?.id ?? null },
    }
  },
})

import { query } from '@lowtide/core'
import { z } from 'zod'
import { customerViews } from './tables.js'

export const customer = query({
  meta: { name: 'Customer', args: z.object({ id: z.string() }), uses: [customerViews] },
  lookup: ({ id }) => ({ customer: customerViews.get(id) }),
  answer: ({ customer }) => customer,
})

import { bool, table, text } from '@lowtide/core'

/** For decisions. */
export const customers = table('customers', { columns: { id: text, email: text }, key: 'id', unique: ['email'], partitionBy: 'email' })
/** For reading. */
export const customerViews = table('customer_views', { columns: { id: text, email: text, invited: bool }, key: 'id', indexes: ['invited'] })

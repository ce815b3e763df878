import { customerView, inviteCustomer, invited, welcome } from './invite.js'
import { customer, customersPage } from './queries.js'

export * from './messages.js'
export * from './tables.js'
export * from './ports.js'
export * from './invite.js'
export * from './queries.js'
export * from './schema.js'
export * from './example.js'

/** What a deployment takes. */
export const functions = { inviteCustomer, customerView, welcome, invited, customer, customersPage }

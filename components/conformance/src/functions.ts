import { account, openAccount, opened, rich, transfer } from './functions/bank.js'
import { bump, count, flood, ping, pong, tell } from './functions/counters.js'
import { append, appended, hear, journal, listView, ring, view } from './functions/lists.js'
import { disband, found, join, leave } from './functions/members.js'
import { price, priceList } from './functions/prices.js'
import { book, claim, hire, takeLeave } from './functions/shifts.js'
import { install, payByCard, payInCash, receipt } from './functions/tills.js'

export * from './functions/bank.js'
export * from './functions/counters.js'
export * from './functions/lists.js'
export * from './functions/members.js'
export * from './functions/ports.js'
export * from './functions/prices.js'
export * from './functions/shifts.js'
export * from './functions/tills.js'

/** What the suite deploys: an instance imports this module and runs some of its handlers. All are pure; what fails is told to, by data or by a port. */
export const functions = {
  openAccount, transfer, opened, account, rich, append, journal, listView, ring, hear, appended, view, count, bump, flood, tell, ping, pong,
  found, disband, join, leave, hire, takeLeave, claim, book, priceList, price, install, payInCash, payByCard, receipt,
}

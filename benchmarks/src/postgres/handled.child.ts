import { InviteCustomer } from '@lowtide/customers'
import { run } from '@lowtide/run'
import { answering } from '../http/child.js'
import { isDecided, projecting } from './projecting.js'

// The process that decides, apart from the one that projects.
const [url, schema] = process.argv.slice(2)
let last = 0
const app = await run(projecting(url!, schema!, { committed: (unit, at) => { if (isDecided(unit)) last = at } }), { signals: false, only: 'handlers' })
/** Asked to invite somebody, says when that was committed. */
answering(async email => {
  if (email === 'close') return app.close()
  await app.send(InviteCustomer({ email: String(email) }))()
  return last
})

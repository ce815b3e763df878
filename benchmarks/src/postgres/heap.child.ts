import { InviteCustomer } from '@lowtide/customers'
import { run } from '@lowtide/run'
import * as E from 'fp-ts/lib/Either.js'
import { answering } from '../http/child.js'
import { emailOf } from '../inviter.js'
import { callers, held } from '../rounds.js'
import { isProjected, projecting } from './projecting.js'

// A process that sends, decides and projects, and nothing else: what it holds afterwards is Lowtide's.
let sent = 0, projected = 0
const [url, schema] = process.argv.slice(2)
const app = await run(projecting(url!, schema!, { committed: unit => { if (isProjected(unit)) projected += unit.writes.length } }), { signals: false })
/** Sends as many as are missing to this number, waits until all of them are projected, and tells the bytes of heap that are held. */
answering(async until => {
  if (until === 'close') return app.close()
  const from = sent
  sent = Number(until)
  await callers(256, sent - from, async i => {
    const answer = await app.send(InviteCustomer({ email: emailOf(from + i) }))()
    if (E.isLeft(answer)) throw new Error(answer.left.message)
  })
  while (projected < sent) await new Promise(resolve => { setTimeout(resolve, 20) })
  return held()
})

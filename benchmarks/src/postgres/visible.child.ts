import { InviteCustomer } from '@lowtide/customers'
import { run } from '@lowtide/run'
import * as E from 'fp-ts/lib/Either.js'
import { answering } from '../http/child.js'
import { emailOf } from '../inviter.js'
import { callers } from '../rounds.js'
import { openLoop } from './paced.js'
import { isDecided, projecting } from './projecting.js'
import { type Asked, isWatched } from './visible.js'

// The process that decides, apart from the one that projects: answers when what is watched was committed here.
const [url, schema] = process.argv.slice(2), times = new Map<string, number>()
let every = 1
const app = await run(projecting(url!, schema!, { committed: (unit, at) => { if (isDecided(unit)) for (const { id } of unit.marks) if (isWatched(id, every)) times.set(id, at) } }), { signals: false, only: 'handlers' })
const invite = async (index: number): Promise<void> => {
  const email = emailOf(index), answer = await app.send(InviteCustomer({ email }), { id: email })()
  if (E.isLeft(answer)) throw new Error(answer.left.message)
}
answering(async question => {
  const asked = question as Asked | 'close'
  if (asked === 'close') return app.close()
  times.clear()
  every = asked.every
  if (asked.perSecond === undefined) await callers(256, asked.many, i => invite(asked.from + i))
  else await openLoop(asked.perSecond, asked.many, i => invite(asked.from + i))
  return [...times]
})

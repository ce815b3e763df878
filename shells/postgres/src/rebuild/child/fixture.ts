import * as E from 'fp-ts/lib/Either.js'
import { appOf } from '../fixture.js'
import { add, summing } from '../functions/fixture.js'

// A process of the tests: one that works until it is ended, or one that rebuilds and ends.
process.on('disconnect', () => process.exit())
const [url, what] = process.argv.slice(2) as [string, string], app = await appOf(url, what === 'worker' || what === 'projector' ? what : 'front')
process.send?.({ ready: true })
if (what === 'add' || what === 'summing') {
  const done = await app.rebuild(what === 'add' ? add : summing)()
  await app.close()
  process.send?.({ done: E.isLeft(done) ? done.left.message : done.right })
}

import type { Draft } from '@lowtide/core'
import type { Sending } from '@lowtide/run'
import { type Told, appOf } from '../fixture.js'

// A process of the tests: it sends what it is told to, and ends with whoever started it.
process.on('disconnect', () => process.exit())
const app = await appOf(JSON.parse(process.argv[2]!) as Told)
process.on('message', ({ id, draft, o }: { readonly id: number; readonly draft: Draft<'command', 'Note'>; readonly o?: Sending }) => {
  void app.send(draft as never, o)().then(answer => process.send?.({ id, answer }))
})
process.send?.({ ready: true })

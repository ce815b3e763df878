import { postgres } from '@lowtide/postgres'
import { run } from '@lowtide/run'
import { notes, noting } from './noted.js'
import { planOf } from './plan.js'
import { produce } from './producer.js'
import type { Role, Told, Wish } from './role.js'
import { saboteurs } from './sabotage.js'

// A process of the storm: a worker, or a producer. It ends with whoever started it, however that ends.
process.on('disconnect', () => process.exit())
const role = JSON.parse(process.argv[2]!) as Role, note = notes(role.folder, role.name)
const tell = (told: Told): void => { if (process.connected) process.send!(told) }
const wish = { upTo: 0, enough: false, changed: (): void => {} }
process.on('message', (told: Wish) => {
  if ('upTo' in told) wish.upTo = told.upTo
  else wish.enough = true
  wish.changed()
})

const plain = postgres({ url: role.url, schema: role.schema, connections: 4, answerTimeout: 10_000 }), saboteur = role.sabotage === undefined ? undefined : saboteurs[role.sabotage]!
const app = await run(planOf(noting(saboteur === undefined ? plain : saboteur.shell(plain), note)), { only: role.process })
tell({ ready: true })
if (role.sends) {
  await produce({ app, role: { ...role, sends: role.sends }, wish, acknowledged: count => { if (count % 20 === 0) tell({ acknowledged: count }) }, refused: () => note('refused', 1) })
  tell({ done: true })
  await app.close()
  process.exit()
}

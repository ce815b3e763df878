import { freshDatabase, testServer } from '@lowtide/servers'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Stands, standsAfter } from './fixture.js'
import type { Layout } from './processes/fixture.js'
import { accepted } from './scenario/fixture.js'

const test = suite('a deployment split over processes (law 13)'), server = await testServer()
let alone: Stands, here: Awaited<ReturnType<typeof freshDatabase>>, other: typeof here
test.before(async () => { here = await freshDatabase(server.url); other = await freshDatabase(server.url) })
test.after(async () => { await here.drop(); await other.drop(); await server.stop() })
const stands = (layout: Layout): Promise<Stands> => standsAfter(here.url, other.url, layout)

test('in one process, some are accepted and some rejected, and each effect happens once', async () => {
  alone = await stands('one')
  const text = JSON.stringify(alone.answers)
  for (const word of ['Right', 'joined', 'taken', 'unknown', 'same', 'ann two']) assert.ok(text.includes(`"${word}"`), `no '${word}' among ${text}`)
  assert.not.ok(text.includes('notHandled'), text)
  assert.is(alone.effects.length, accepted.joined)
  assert.is((alone.tables['members'] as readonly unknown[]).length, accepted.joined)
})
for (const [layout, where] of [['two', 'in two processes'], ['three', 'in three processes'], ['apart', 'with handlers and projector on two databases']] as const) test(`${where}: the same answers, effects, rows, outcomes and channels`, async () => {
  const split = await stands(layout)
  for (const part of ['answers', 'effects', 'tables', 'outcomes', 'channels'] as const) assert.equal(split[part], alone[part], part)
})
test.run()

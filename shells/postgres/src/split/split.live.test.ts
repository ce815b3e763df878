import { freshDatabase, testServer } from '@lowtide/servers'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Stands, standsAfter } from './fixture.js'
import { accepted } from './scenario/fixture.js'

const test = suite('a deployment split over processes (law 13)'), server = await testServer()
let alone: Stands, url = '', drop = async (): Promise<void> => {}
test.before(async () => { ({ url, drop } = await freshDatabase(server.url)) })
test.after(async () => { await drop(); await server.stop() })

test('in one process, some are accepted and some rejected, and each effect happens once', async () => {
  alone = await standsAfter(url, 'one')
  const text = JSON.stringify(alone.answers)
  for (const word of ['Right', 'joined', 'taken', 'unknown', 'same', 'ann two']) assert.ok(text.includes(`"${word}"`), `no '${word}' among ${text}`)
  assert.not.ok(text.includes('notHandled'), text)
  assert.is(alone.effects.length, accepted.joined)
  assert.is((alone.tables['members'] as readonly unknown[]).length, accepted.joined)
})
for (const layout of ['two', 'three'] as const) test(`in ${layout} processes: the same answers, effects, rows, outcomes and channels`, async () => {
  const split = await standsAfter(url, layout)
  for (const part of ['answers', 'effects', 'tables', 'outcomes', 'channels'] as const) assert.equal(split[part], alone[part], part)
})
test.run()

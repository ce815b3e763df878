import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { bulletinOf, bulletins, everything, textOf } from './bulletin.js'

const bulletin = suite('bulletin')
bulletin('puts news together: of each partition the latest', () => {
  const news = bulletins()
  assert.is(news.take(), undefined)
  news.kind('outcome')
  for (const tx of [2 ** 40, 3, 2 ** 41, 5]) news.logged({ channel: 'news', partition: 1, tx })
  news.logged({ channel: 'news', partition: 2, tx: 1 })
  assert.equal(news.take(), { kinds: new Set(['outcome']), log: [{ channel: 'news', partition: 1, tx: 2 ** 41 }, { channel: 'news', partition: 2, tx: 1 }] })
  assert.is(news.take(), undefined)
})
bulletin('comes back from its text as it went', () => {
  const told = { kinds: new Set(['applied', 'members'] as const), log: [{ channel: 'né"ws', partition: 7, tx: 2 ** 52 }] }
  assert.equal(bulletinOf(textOf('me', told)), { by: 'me', ...told })
  assert.equal(bulletinOf(textOf('me', everything)), { by: 'me', ...everything })
})
bulletin('says to look at everything where it would be too long for a payload', () => {
  const text = textOf('me', { kinds: new Set(['parked']), log: Array.from({ length: 2_000 }, (_, partition) => ({ channel: 'news', partition, tx: 2 ** 50 })) })
  assert.ok(Buffer.byteLength(text) < 8_000)
  assert.equal(bulletinOf(text), { by: 'me', kinds: new Set(['parked']), log: 'everything' })
})
bulletin('takes what it cannot read for news of everything', () => {
  for (const text of ['', 'x', '{"log": [1', 'null']) assert.equal(bulletinOf(text), { by: '', ...everything })
})
bulletin.run()

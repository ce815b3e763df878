import { defaults as options } from '@lowtide/core'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { keptFor, termsOf, wrongTerms } from './terms.js'

const plan = { options, channels: [{ channel: 'news', external: false }] }, day = 24 * 3_600_000

test('marks and outcomes stay for longer than a command is taken', () => {
  assert.ok(keptFor(options) > options.dedupWindow)
  const { after, every, events } = termsOf({}, options)
  assert.equal(after, { outcomes: keptFor(options), marks: keptFor(options), outbox: 7 * day, failed: undefined })
  assert.equal([every, events], [60_000, undefined])
})
test('events stay at least as long as an outcome that refers to them', () => {
  assert.is(termsOf({ events: 7 * day }, options).eventsOf('news'), keptFor(options))
  const { eventsOf } = termsOf({ events: { news: 30 * day } }, options)
  assert.equal([eventsOf('news'), eventsOf('toString'), eventsOf('orders')], [30 * day, undefined, undefined])
})
test('what is wrong is told: where, what was expected, what was found', () => {
  assert.equal(wrongTerms({ every: false, outbox: false, events: { news: 8 * day }, failed: 1 }, plan), [])
  assert.equal(wrongTerms({ every: 0, outbox: 1.5, events: day, failed: -1 }, plan), [
    'retention.every: expected whole milliseconds, at least 1, found 0', 'retention.outbox: expected whole milliseconds, at least 1, found 1.5', 'retention.failed: expected whole milliseconds, at least 1, found -1',
    'retention.events: expected whole milliseconds, at least 604800000 (the option dedupWindow: an outcome refers to its events), found 86400000',
  ])
  assert.equal(wrongTerms({ events: { new: 8 * day } }, plan), [`retention.events: there is no channel 'new'; known: news`])
})

test.run()

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Measured, countable } from './measure.js'
import { heldTooLong, reportOf } from './status.js'
import { bytes, duration, tableOf } from './table-of.js'

const calm: Measured = { meta: { partitions: '8', shift: '0' }, number: 1, lags: [], holders: [], stopped: [], instances: [], sizes: [], outbox: [], copies: [], retention: { every: 60_000, dedupWindow: 1_000, kinds: [], last: 5, failure: null, clockBehind: 0, readers: [] } }
const of = (measured: Partial<Measured>) => reportOf('s', { ...calm, ...measured })
const holder = { pid: 7, application: 'a', database: 'd', user: 'u', seconds: 1, behind: 3, prepared: null }

test('nothing wrong, no alarm', () => {
  assert.is((of({})).alarm, false)
  assert.is((of({ holders: [holder] })).alarm, false)
  assert.is((of({ stopped: [{ consumer: 'c', state: 'redrive', reason: '', count: 1, age: 1 }] })).alarm, false)
})
test('a transaction that is held too long calls, with the way to end it', () => {
  const { alarm, text, data } = of({ holders: [{ ...holder, seconds: heldTooLong + 1 }, { ...holder, pid: null, prepared: "x'y", seconds: 7_200 }] })
  assert.ok(alarm)
  assert.match(text, 'select pg_terminate_backend(7)')
  assert.match(text, `rollback prepared 'x''y'`)
  assert.is((data as { readonly watermarkAge: number }).watermarkAge, 7_200)
})
test('messages that nobody reads call, however many; those that somebody reads do not', () => {
  const lag = { consumer: 'c', channel: 'news', partition: 0, messages: 1, age: 1, owner: null, alive: false, fence: 0 }
  assert.ok(of({ lags: [lag] }).alarm)
  assert.ok(of({ lags: [{ ...lag, messages: countable + 1, age: null, owner: 'gone' }] }).alarm)
  assert.not(of({ lags: [{ ...lag, messages: countable + 1, owner: 'a', alive: true }, { ...lag, messages: 0 }] }).alarm)
})
test('what a role may not see is unknown, and it is told what to ask for', () => {
  const { alarm, text, data } = of({ holders: [{ ...holder, seconds: null }] })
  assert.not(alarm)
  assert.match(text, 'grant pg_read_all_stats')
  assert.is((data as { readonly watermarkAge: null }).watermarkAge, null)
})
test('dead rows are worth a word', () => {
  const { alarm, text } = of({ sizes: [{ table: 'big', rows: 10, dead: 20_000, bytes: 5 * 2 ** 20 }, { table: 'small', rows: 1, dead: 100, bytes: 8192 }] })
  assert.not(alarm)
  assert.match(text, `! 'big' holds more dead rows`)
  assert.match(text, 'vacuum "s"."big"')
  assert.not.match(text, `! 'small'`)
  assert.match(text, /big +10 +20000 +5\.0 MB\n/)
})
test('retention tells what goes when, and whether somebody sees to it', () => {
  const kept = { kind: 'outcomes', after: 1_000, oldest: 1, removed: 3, total: 70 } as const, retention = { ...calm.retention, kinds: [kept, { ...kept, kind: 'events', after: { news: 120_000 }, oldest: null }] as const }
  const told = of({ retention })
  assert.match(told.text, /\nRetention\nlast run 5 s ago; one instance runs every 60 s\nrows +go after +oldest +last run +in all\n[- ]+\noutcomes +1 s +1 s +3 +70\nevents +news 2 min +none/)
  assert.not.match(told.text.slice(told.text.indexOf('Retention')), '!')
  const old = { ...retention, kinds: [{ ...kept, oldest: 10_000 }] }
  assert.not.match(of({ retention: old }).text, 'older than asked') // it is at it
  const read = { ...retention, every: false as const, kinds: [{ ...kept, kind: 'events' as const, oldest: 10_000 }], readers: [7, 8] }
  assert.match(of({ retention: read }).text, /^events are kept, for a rebuild reads them all \(pid 7, pid 8\): they go when it has ended, or end it: select pg_terminate_backend\(7\); select pg_terminate_backend\(8\)$/m)
  assert.not.match(of({ retention: read }).text, 'older than asked')
  assert.match(of({ retention: { ...read, readers: [] } }).text, 'older than asked')
  assert.not.match(of({ retention: { ...read, kinds: [{ ...kept, kind: 'events', after: null }] } }).text, 'events are kept')
  for (const [late, advice] of [[{ ...old, last: 5_000 }, 'start a process'], [{ ...old, last: null }, 'start a process'], [{ ...old, every: false as const }, 'run: lowtide retention run'], [{ ...retention, failure: 'no such luck' }, 'the last run failed: no such luck'], [{ ...retention, clockBehind: 90 }, 'clock stands 90 s before']] as const) {
    const { text, alarm } = of({ retention: late })
    assert.match(text, new RegExp(`! .*${advice}`))
    assert.not(alarm)
  }
})
test('durations, sizes and tables are for people', () => {
  assert.equal([0, 119, 120, 7_320, 200_000].map(duration), ['0 s', '119 s', '2 min', '2 h 2 min', '2 d 7 h'])
  assert.equal([0, 1_023, 1_024, 2 ** 31].map(bytes), ['0 B', '1023 B', '1.0 KB', '2.0 GB'])
  assert.is(tableOf(['name', 'n'], [['a', 10], ['long one', 5]]), 'name      n\n--------  --\na         10\nlong one   5')
})

test.run()

import { channel, command, event, idOf } from '@lowtide/core'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { z } from 'zod'
import { context, message } from './message.js'

const test = suite('messages and contexts')
const Invite = command('Invite', { channel: channel('commands'), key: d => d.email, schema: z.object({ email: z.string().trim().toLowerCase(), note: z.string().default('none') }) })
const Counted = event('Counted', { channel: channel('events'), version: 1, key: d => String(d.n), schema: z.object({ n: z.int() }) })

test('a message holds what its schema makes of the data, sealed, keyed, in a full envelope', () => {
  const made = message(Invite, { email: ' A@B.c ' })
  assert.equal({ ...made, id: '' }, {
    id: '', type: 'Invite', subject: 'a@b.c', source: 'testing', time: '2020-01-01T00:00:00.000Z', correlationid: made.id, dataschema: 'Invite/1',
    data: { email: 'a@b.c', note: 'none' },
  })
  assert.ok(Object.isFrozen(made) && Object.isFrozen(made.data))
})

test('the same message is the same in each run; other data make another id', () => {
  assert.equal(message(Counted, { n: 1 }), message(Counted, { n: 1 }))
  assert.is.not(message(Counted, { n: 1 }).id, message(Counted, { n: 2 }).id)
})

test('the envelope is what the test says', () => {
  const made = message(Counted, { n: 1 }, { id: 'm1', actor: 'ann', tenant: 't1', time: '2021-01-01T00:00:00.000Z', subject: 'k' })
  assert.equal([made.id, made.correlationid, made.actor, made.tenant, made.time, made.subject], ['m1', 'm1', 'ann', 't1', '2021-01-01T00:00:00.000Z', 'k'])
})

test('data that do not fit are refused in words', () => {
  assert.throws(() => message(Counted, { n: 1.5 }), `[testing] no message 'Counted' can be made of {"n":1.5}: n: `)
  assert.throws(() => message(Invite, { email: 'a\u0000' }), 'a NUL character')
  assert.throws(() => message(Invite, { email: 'x'.repeat(300_000) }), 'too large')
})

test('a context stands still, makes the ids of a shell, and says nothing', () => {
  const ctx = context()
  assert.is(ctx.now, '2020-01-01T00:00:00.000Z')
  assert.is(ctx.actor, undefined)
  assert.is(ctx.id('a'), context().id('a'))
  assert.is.not(ctx.id('a'), ctx.id('b'))
  assert.is(ctx.log('a', {}), undefined)

  const made = message(Counted, { n: 1 }, { actor: 'ann', time: '2021-01-01T00:00:00.000Z' }), at = context({ message: made, handler: 'count' })
  assert.equal([at.now, at.actor, at.id('a')], [made.time, 'ann', idOf(made.id, 'count', 'a')])
  assert.equal([context({ now: 'n', tenant: 't' }).now, context({ now: 'n', tenant: 't' }).tenant], ['n', 't'])
})

test.run()

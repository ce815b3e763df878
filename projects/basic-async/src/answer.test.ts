import * as E from 'fp-ts/lib/Either.js'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { invitation } from './answer.js'

test('an outcome in the words of an import', () => {
  assert.is(invitation(E.right({})), 'invited')
  assert.is(invitation(E.right({ rejection: { code: 'already-invited', message: 'Customer already invited' } })), 'already-invited')
  assert.equal(invitation(E.right({ rejection: { code: 'constraint', message: 'taken' } })), { invalid: 'taken' })
})

test('what the schema refuses is invalid', () => {
  assert.equal(invitation(E.left({ notHandled: 'invalid', message: 'long', issues: [{ message: 'too short' }, { message: 'no @' }] })), { invalid: 'too short; no @' })
  assert.equal(invitation(E.left({ notHandled: 'invalid', message: 'long' })), { invalid: 'long' })
})

test('what the machinery could not handle is an error', () => {
  assert.throws(() => invitation(E.left({ notHandled: 'busy', message: 'try later' })), /^busy: try later$/)
})

test.run()

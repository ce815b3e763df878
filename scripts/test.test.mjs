import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { judge } from './test.mjs'

const summary = (total, passed, skipped = 0) => `\n  Total:     ${total}\n\u001B[32m  Passed:    ${passed}\u001B[39m\n  Skipped:   ${skipped}\n  Duration:  1.00ms\n\n`
const ended = (output, rest = {}) => judge({ output, code: 0, signal: null, late: false, ...rest }, 120)

test('a file that passed', () => assert.equal(ended(summary(3, 3, 1)), { passed: 3, skipped: 1, failed: 0, fault: undefined }))

test('what fails, whatever the exit code says', () => {
  for (const [run, counts, reason] of [
    [ended(summary(3, 1), { code: 1 }), [1, 2], /2 of 3 failed/],
    [ended(summary(3, 0)), [0, 3], /3 of 3 failed/],
    [ended(''), [0, 1], /no summary/],
    [ended(summary(0, 0)), [0, 1], /no test/],
    [ended(summary(2, 2) + summary(1, 1)), [0, 1], /2 summaries/],
    [ended(summary(2, 2), { code: 1 }), [2, 1], /exited with 1/],
    [ended(summary(2, 2), { code: null, signal: 'SIGKILL', late: true }), [2, 1], /handle is still open/],
    [ended('• ', { code: null, signal: 'SIGKILL', late: true }), [0, 1], /within 120 s and was killed/],
  ]) {
    assert.equal([run.passed, run.failed], counts)
    assert.match(run.fault, reason)
  }
})

test.run()

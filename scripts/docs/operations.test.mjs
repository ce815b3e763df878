import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { suite } from 'uvu'
import { root } from '../workspaces.mjs'
import { follow } from './follow.mjs'
import { sameNames, tableOf } from './markdown.mjs'

const doc = 'docs/operations.md'
const test = suite('operations')
const help = (...words) => promisify(execFile)(process.execPath, [join(root, 'components/cli/bin/lowtide.mjs'), ...words, '--help'], { cwd: root }).then(({ stdout }) => stdout)

test('what it shows is so', () => follow(doc))

test('the verbs are those of the command', async () =>
  sameNames(tableOf(doc, 'verb'), [...`${await help('parked')}${await help('consumers')}`.matchAll(/^lowtide (\w+ \w+)/gm)].map(([, name]) => name), 'lowtide parked --help, lowtide consumers --help'))

test('the exit codes are those of its help', async () =>
  sameNames(tableOf(doc, 'exit code'), [...(await help()).matchAll(/^ {2}(\d) {2}/gm)].map(([, code]) => code), 'lowtide --help'))

test.run()

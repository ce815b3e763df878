// time limit: 180 s
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { suite } from 'uvu'
import { waitsTooLong } from '../../shells/postgres/dist/relay/waiting.js'
import { heldTooLong, reportOf } from '../../shells/postgres/dist/schema/status.js'
import { duration } from '../../shells/postgres/dist/schema/table-of.js'
import { root } from '../workspaces.mjs'
import { follow } from './follow.mjs'
import { allTyped } from './inline.mjs'
import { plain, read, sameNames, tableOf, wrong } from './markdown.mjs'

const doc = 'docs/operations.md'
const test = suite('operations')
const help = (...words) => promisify(execFile)(process.execPath, [join(root, 'components/cli/bin/lowtide.mjs'), ...words, '--help'], { cwd: root }).then(({ stdout }) => stdout)

test('what it shows is so', () => follow(doc))

test('every command in its tables and sentences is typed', () => allTyped(doc, { elsewhere: { '\\password lowtide_app': { why: 'no psql comes with the binaries of the server' } } }))

test('the verbs are those of the command', async () =>
  sameNames(tableOf(doc, 'verb'), [...`${await help('parked')}${await help('consumers')}`.matchAll(/^lowtide (\w+ \w+)/gm)].map(([, name]) => name), 'lowtide parked --help, lowtide consumers --help'))

test('the exit codes are those of its help', async () =>
  sameNames(tableOf(doc, 'exit code'), [...(await help()).matchAll(/^ {2}(\d) {2}/gm)].map(([, code]) => code), 'lowtide --help'))

const calm = { meta: { partitions: '8', shift: '0' }, number: 1, lags: [], holders: [], stopped: [], instances: [], sizes: [], outbox: [], copies: [], retention: { every: 60_000, dedupWindow: 1_000, kinds: [], last: 5, failure: null, clockBehind: 0, readers: [] } }
const lag = { consumer: 'c', channel: 'h', partition: 0, messages: 1, age: 1, owner: null, alive: false, fence: 0 }, holder = { pid: 7, application: 'a', database: 'd', user: 'u', seconds: 1, behind: 3, prepared: null }
const waiting = { channel: 'h', partition: 0, rows: 1, age: 1, relay: 'relay-r', owner: null, alive: false }, old = { kind: 'outcomes', after: 1_000, oldest: 10, removed: 0, total: 0 }
/** A deployment for each line: what is measured where it has to be told. */
const troubles = [
  { lags: [lag] }, { holders: [{ ...holder, seconds: heldTooLong + 1 }] }, { holders: [{ ...holder, seconds: null }] }, ...['parked', 'failed'].map(state => ({ stopped: [{ consumer: 'c', state, reason: '', count: 1, age: 1 }] })),
  { outbox: [waiting] }, { outbox: [{ ...waiting, age: waitsTooLong + 1, alive: true }] }, { sizes: [{ table: 't', rows: 1, dead: 20_000, bytes: 1 }] }, { copies: [{ table: 't', copy: 'lowtide_copy_t', since: '', alive: false }] },
  ...[{ failure: 'f' }, { kinds: [old], last: null }, { kinds: [old], every: false }, { clockBehind: 60 }].map(retention => ({ retention: { ...calm.retention, ...retention } })),
]
test('every line that status can print has one runbook, which tells whether it calls', () => {
  const { line, rows } = tableOf(doc, 'line behind `!`'), used = new Set()
  const patternOf = row => new RegExp(`^${plain(row.cells[0]).split('…').map(part => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('.+')}$`)
  for (const trouble of troubles) {
    const { text, alarm } = reportOf('s', { ...calm, ...trouble }), told = text.split('\n').filter(each => each.startsWith('! ')).map(each => each.slice(2))
    if (told.length !== 1) throw new Error(`expected one line behind '!' of ${JSON.stringify(trouble)}, found ${told.length}`)
    const fits = rows.filter(row => patternOf(row).test(told[0]))
    if (fits.length !== 1) throw wrong(doc, line, `expected one runbook for '${told[0]}', found ${fits.length}`)
    if (fits[0].cells[1] !== (alarm ? 'yes' : 'no')) throw wrong(doc, fits[0].line, `it ${alarm ? 'calls' : 'does not call'}`)
    used.add(fits[0])
  }
  for (const row of rows) if (!used.has(row)) throw wrong(doc, row.line, `nothing prints '${row.cells[0]}'`)
})

test('it tells after how long a transaction calls, and what waits to leave', () => {
  for (const text of [`for more than ${heldTooLong} s`, `waited for more than ${duration(waitsTooLong)}`]) if (!read(doc).includes(text)) throw wrong(doc, 1, `it does not say '${text}'`)
})

test.run()

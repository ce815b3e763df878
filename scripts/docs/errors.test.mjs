import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { plain, sameNames, tableOf, tablesOf, wrong } from './markdown.mjs'
import { faultsOf, frontCodes, unionOf } from './source.mjs'

const doc = 'docs/errors.md'
const test = suite('errors')
const table = heading => {
  const found = tablesOf(doc).find(each => each.heading === heading)
  if (!found) throw wrong(doc, 1, `there is no table under the heading '${heading}'`)
  return found
}
const holds = faults => { if (faults.length > 0) throw new Error(faults.map(fault => fault.message).join('\n')) }

test('every reason for not handling a command, and no other', () => {
  const { path, names } = unionOf('notHandled')
  sameNames(table('NotHandled'), names, `NotHandled in ${path}`)
})

test('each of them over GraphQL', () => {
  const { path, names } = unionOf('notHandled')
  sameNames(tableOf(doc, 'NotHandled'), names, `NotHandled in ${path}`)
})

test('every code of the GraphQL front, and no other', () => sameNames(table('Codes of the GraphQL front'), frontCodes(), 'components/graphql'))

test('each says whether the same id is safe', () => {
  for (const heading of ['NotHandled', 'Rejections']) {
    const { columns, rows } = table(heading)
    assert.is(columns.at(-1), 'same id again')
    holds(rows.filter(({ cells }) => !/^(Safe|No)\b/.test(cells.at(-1))).map(({ line, cells }) => wrong(doc, line, `'${cells[0]}' does not begin with 'Safe' or 'No'`)))
  }
})

test('every state of what is parked', () => {
  const { path, names } = unionOf('state')
  sameNames(table('Parked messages'), names, `Parked in ${path}`)
})

test('the rejection that no command declares', () => sameNames(table('Rejections'), ['constraint'], 'core'))

test('every fault of the wiring, in its own words', () => {
  const { line, rows } = table('Faults of the wiring'), faults = faultsOf()
  const told = rows.map(row => ({ ...row, text: plain(row.cells[0]) }))
  holds([
    ...faults.filter(fault => !told.some(row => fault.text.startsWith(row.text))).map(fault => wrong(doc, line, `this table lacks the fault '${fault.text}' of ${fault.path}`)),
    ...told.filter(row => !faults.some(fault => fault.text.startsWith(row.text))).map(row => wrong(doc, row.line, `no fault of the wiring begins with '${row.text}'`)),
  ])
})

test.run()

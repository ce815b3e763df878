import { defaults, limits } from '@lowtide/core'
import { suite } from 'uvu'
import { sameNames, plain, tableOf, wrong } from './markdown.mjs'

const doc = 'docs/options.md'
const units = ['attempts', 'bytes', 'levels', 'messages', 'ms', 'partitions']
const test = suite('options')

/** Each row of a table tells the name, the value and the unit of a number in the source. */
const tells = (first, numbers, source) => {
  const table = tableOf(doc, first)
  sameNames(table, Object.keys(numbers), source)
  for (const { line, cells: [name, value, unit, meaning] } of table.rows) {
    const expected = numbers[plain(name)].toLocaleString('en-US')
    if (value !== expected) throw wrong(doc, line, `the source has ${expected} for ${name}, found ${value}`)
    if (!units.includes(unit)) throw wrong(doc, line, `${name} has no unit that we use: expected one of ${units.join(', ')}, found '${unit}'`)
    if (!meaning) throw wrong(doc, line, `${name} has no meaning`)
  }
}

test('every option with its default', () => tells('option', defaults, '`defaults` in core'))
test('every limit', () => tells('limit', limits, '`limits` in core'))

test.run()

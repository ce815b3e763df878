import { laws, saboteurs } from '@lowtide/conformance'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { follow } from './follow.mjs'
import { sameNames, tableOf, wrong } from './markdown.mjs'

const doc = 'docs/laws.md'
const test = suite('laws')

test('every law, under the name that the suite has for it', () => {
  const names = new Map()
  for (const { law, says } of laws) names.set(law, new Set(names.get(law)).add(says))
  const table = tableOf(doc, 'law')
  sameNames(table, [...names.keys()].map(String), 'the suite')
  for (const { line, cells: [law, name] } of table.rows) {
    const expected = [...names.get(Number(law))].join('; ')
    if (name !== expected) throw wrong(doc, line, `the suite calls law ${law} '${expected}', found '${name}'`)
  }
})

test('every saboteur, with the law that it breaks', () => {
  const table = tableOf(doc, 'saboteur')
  sameNames(table, saboteurs.map(({ name }) => name), 'the suite')
  for (const { line, cells: [name, law] } of table.rows) {
    const expected = String(saboteurs.find(each => each.name === name).law ?? '')
    if (law !== expected) throw wrong(doc, line, `the suite expects '${name}' to break law ${expected}, found ${law}`)
  }
})

test('there are fifteen', () => assert.is(new Set(laws.map(({ law }) => law)).size, 15))

test('its example is the shell’s own test', () => follow(doc))

test.run()

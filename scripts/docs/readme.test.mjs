import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { guarantees as memory } from '@lowtide/memory'
import { guarantees as postgres } from '@lowtide/postgres'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { root, workspaces } from '../workspaces.mjs'
import { follow } from './follow.mjs'
import { allTyped } from './inline.mjs'
import { blocksOf, plain, sameNames, tableOf, wrong } from './markdown.mjs'

const doc = 'README.md'
const test = suite('readme')

test('what it shows is so', () => follow(doc))

test('every command in its tables and sentences is typed', () => allTyped(doc, { besides: ['docs/operations.md'], elsewhere: {
  'npm start -- --fresh': { test: 'scripts/start-postgres.test.mjs', with: "running('npm', ['start', '--', '--fresh']" },
  'npm start -- --split': { test: 'scripts/start-split.test.mjs', with: "begun('npm', ['start', '--', '--split']" },
  'PORT=5000 npm start': { test: 'scripts/docs/sandbox.mjs', with: "PORT: '0'" }, // with a free one, for each server of a doc
  'npm run bench': { why: 'it takes minutes, and its figures say nothing beside other tests' },
} }))

test('the two commands of a fresh machine are lines of their own, as .ci/run expects', () => {
  const lines = blocksOf(doc).filter(({ lang }) => lang === 'sh').flatMap(({ text }) => text.split('\n'))
  for (const line of ['npm ci && npm start', 'npm ci && npm test']) assert.ok(lines.includes(line), `${doc} has no line '${line}' in a sh block`)
})

test('the guarantees are those that the shells export', () => {
  const table = tableOf(doc, 'guarantee'), shells = { memory, postgres }
  for (const [name, guarantees] of Object.entries(shells)) sameNames(table, Object.keys(guarantees), `the ${name} shell`)
  assert.equal(table.columns, ['guarantee', ...Object.keys(shells), 'which says'])
  for (const { line, cells: [guarantee, ...told] } of table.rows) for (const [i, [name, guarantees]] of Object.entries(shells).entries()) {
    const expected = guarantees[plain(guarantee)].toLocaleString('en-US')
    if (told[i] !== expected) throw wrong(doc, line, `the ${name} shell guarantees ${guarantee} '${expected}', found '${told[i]}'`)
  }
})

test('a shell is built when its workspace is here, else it is planned', () => {
  const { line, rows } = tableOf(doc, 'shell'), here = workspaces().filter(({ dir }) => dir.startsWith('shells/')).map(({ dir }) => dir.slice('shells/'.length))
  const missing = here.filter(name => !rows.some(({ cells }) => cells[0] === name))
  if (missing.length > 0) throw wrong(doc, line, `this table lacks ${missing.join(', ')}`)
  for (const { line, cells: [name, state] } of rows) {
    const expected = here.includes(name) ? '**built**' : 'planned, not here'
    if (state !== expected) throw wrong(doc, line, `expected '${expected}' for ${name}, found '${state}'`)
  }
})

test('every folder with a workspace has its row', () => {
  const { line, rows } = tableOf(doc, 'folder'), told = rows.map(({ cells }) => /^\[(.+)\]\(\1\)$/.exec(cells[0])?.[1])
  const missing = workspaces().map(({ dir }) => dir).filter(dir => !told.some(folder => folder === dir || dir.startsWith(`${folder}/`)))
  if (missing.length > 0) throw wrong(doc, line, `this table lacks ${missing.join(', ')}`)
})

test('the licence is the one in LICENSE', () => assert.match(readFileSync(join(root, 'LICENSE'), 'utf8'), /^MIT License/))

test.run()

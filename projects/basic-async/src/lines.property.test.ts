import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Line } from './line.js'
import { readLines } from './lines.js'

const programs = 3000

/** Mulberry32: a number from 0 to 1, the same ones again for the same seed. */
const chance = (seed: number) => {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

const letters = ['a', 'B', '@', '.', ' ', ',', '"', '\n', '\r\n', '\r', '\t', ';', '\\', "'", '{', 'é', '😀', '\u00A0', '\uFEFF', '0']
const brokenRows = ['x"y', '"x"y', '"x" "y"', 'too,many,columns,for,any,file', '"x""y"z"']

/** A file with its lines as they should be read; the larger the size, the longer it may be. */
const file = (random: () => number, size: number) => {
  const below = (n: number) => Math.floor(random() * n)
  const one = <A>(from: readonly A[]): A => from[below(from.length)] as A
  const word = (most: number) => Array.from({ length: below(most + 1) }, () => one(letters)).join('')
  const quoted = (field: string) => `"${field.replaceAll('"', '""')}"`
  const written = (field: string) => /[",\r\n]/.test(field) || field.trim() !== field || random() < 0.2 ? quoted(field) : field

  const lineEnd = one(['\n', '\r\n'])
  const width = 1 + below(4)
  const email = below(width)
  const header = Array.from({ length: width }, (_, i) => i === email ? one(['email', 'Email', ' EMAIL ']) : `column ${i}`)

  const expected: Line[] = []
  let text = `${random() < 0.3 ? '\uFEFF' : ''}${header.map(written).join(',')}${lineEnd}`
  let line = 2
  const add = (row: string) => {
    text += row + lineEnd
    line += row.split('\n').length
  }
  for (let rows = below(size + 1); rows > 0; rows--) {
    if (random() < 0.1) add(one(['', ' ', '\t']))
    if (random() < 0.1) {
      expected.push({ line, invalid: '' })
      add(one(brokenRows))
    }
    const fields = Array.from({ length: width }, (_, i) => i === email ? `a${word(8)}` : word(6))
    expected.push({ line, email: fields[email] ?? '' })
    add(fields.map(written).join(','))
  }
  return { text: random() < 0.2 && text.endsWith(lineEnd) ? text.slice(0, -lineEnd.length) : text, expected }
}

async function* split(text: string, random: () => number) {
  const bytes = Buffer.from(text)
  for (let from = 0; from < bytes.length;) {
    const to = from + 1 + Math.floor(random() ** 3 * 200)
    yield bytes.subarray(from, to)
    from = to
  }
}

test('what a CSV writer wrote, the reader gives back, with the lines of the file', async () => {
  const first = Number(process.env['SEED'] ?? Date.now() % 2 ** 31)
  let joined = 0
  for (let i = 0; i < programs; i++) {
    const random = chance(first + i)
    // Sizes grow, so that the first counterexample is a small one.
    const { text, expected } = file(random, 1 + Math.floor(40 * i / programs))
    const found: Line[] = []
    for await (const { line, email } of readLines({ bytes: split(text, random), format: 'csv' })) found.push(email === undefined ? { line, invalid: '' } : { line, email })
    assert.equal(found, expected, `SEED=${first} repeats this: ${JSON.stringify(text)}`)
    if (expected.some(({ line }, i) => line > i + 2)) joined += 1
  }
  assert.ok(joined > programs / 3, `only ${joined} of ${programs} files had records of several lines`)
})

test.run()

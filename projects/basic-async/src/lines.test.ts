import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Line, longestRecord, Unreadable } from './line.js'
import { type Format, readLines } from './lines.js'

type Bytes = string | Uint8Array

async function* chunks(...parts: readonly Bytes[]) {
  for (const part of parts) yield Buffer.from(part)
}
const collect = async (bytes: AsyncIterable<Uint8Array>, format?: Format): Promise<Line[]> => {
  const found: Line[] = []
  for await (const line of readLines({ bytes, format })) found.push(line)
  return found
}
const read = (...parts: readonly Bytes[]) => collect(chunks(...parts))
const fine = (...emails: readonly (readonly [number, string])[]): Line[] => emails.map(([line, email]) => ({ line, email }))
const emails = (lines: readonly Line[]) => lines.map(({ email }) => email)
const invalid = (lines: readonly Line[]) => lines.flatMap(({ line, invalid }) => invalid === undefined ? [] : [`${line}: ${invalid}`])
const unreadable = async (text: Bytes): Promise<string> => {
  try {
    await read(text)
  } catch (error) {
    assert.instance(error, Unreadable)
    return (error as Error).message
  }
  throw new Error('it was readable')
}

test('a column email is found at any place, in any case, with spaces around it', async () => {
  for (const header of ['email,name', 'Email,name', ' EMAIL ,name', '"eMail","name"']) {
    assert.equal(await read(`${header}\nann@x.io,Ann\nbob@x.io,Bob\n`), fine([2, 'ann@x.io'], [3, 'bob@x.io']), header)
  }
  assert.equal(await read('name,email\nAnn,ann@x.io\n'), fine([2, 'ann@x.io']))
  assert.equal(await read('email\nann@x.io\n'), fine([2, 'ann@x.io']))
})

test('addresses alone need no header', async () => {
  assert.equal(await read('ann@x.io\n"bob@x.io"\n'), fine([1, 'ann@x.io'], [2, 'bob@x.io']))
  assert.equal(invalid(await read('ann@x.io\nbob@x.io,Bob\n')), ['2: expected 1 column, found 2'])
})

test('a header without an email is told at once, with what stands there', async () => {
  assert.match(await unreadable('name,e-mail\nAnn,ann@x.io\n'), "no column 'email': line 1 has 'name', 'e-mail'")
  assert.match(await unreadable('\nemail;name\nann@x.io;Ann\n'), "line 2 has 'email;name'; name a column 'email' and separate columns by commas")
  assert.match(await unreadable('email,Email\n'), "more than one column 'email'")
})

test('an address comes as it was written; the schema normalises it', async () => {
  assert.equal(emails(await read('email\n" Ann@X.io "\n')), [' Ann@X.io '])
})

test('byte-order mark and CRLF are no part of a field', async () => {
  assert.equal(await read('\uFEFFemail,name\r\nann@x.io,Ann\r\n"bob@x.io","Bob"\r\n'), fine([2, 'ann@x.io'], [3, 'bob@x.io']))
  assert.equal(await read('\uFEFFann@x.io'), fine([1, 'ann@x.io']))
  assert.equal(await read('\uFEFF{"email":"ann@x.io"}\r\n'), fine([1, 'ann@x.io']))
})

test('quoted fields hold commas, quotes and line ends, and spaces may surround them', async () => {
  assert.equal(emails(await read('email,name\n"ann@x.io","Lee, Ann"\n"bob@x.io" , "the ""Bob"""\n"""q""@x.io",\n')), ['ann@x.io', 'bob@x.io', '"q"@x.io'])
})

test('a line number is that of the file, also behind records of many lines and blank lines', async () => {
  const text = 'email,note\r\nann@x.io,"one\r\ntwo\r\n\r\nfour"\r\n\r\n  \r\nbob@x.io,"x\ny"\r\ncarl@x.io,\r\n'
  assert.equal(await read(text), fine([2, 'ann@x.io'], [8, 'bob@x.io'], [10, 'carl@x.io']))
})

test('any split into chunks reads the same', async () => {
  const bytes = Buffer.from('\uFEFFemail,note\r\n"ann@x.io","é\r\n""x"""\r\nbröken",\r\nzoë@x.io,😀\r\n')
  const whole = await read(bytes)
  assert.is(whole.length, 3)
  for (let i = 0; i <= bytes.length; i++) assert.equal(await read(bytes.subarray(0, i), bytes.subarray(i)), whole)
  assert.equal(await read(...Array.from(bytes, byte => Uint8Array.of(byte))), whole)
})

test('a broken quote costs its own line only', async () => {
  const text = [
    'email,name', 'ann@x.io,"Ann', 'bob@x.io,Bob', '"carl@x.io"x,Carl', 'da"n@x.io,Dan', 'eve@x.io,"Eve, E"', 'finn@x.io,"Fi"nn', '"gabi@x.io,Gabi', 'hiro@x.io,Hiro',
  ].join('\n')
  const lines = await read(text)
  assert.equal(emails(lines).filter(Boolean), ['bob@x.io', 'eve@x.io', 'hiro@x.io'])
  assert.equal(invalid(lines), [
    '2: broken quote: it is opened here and not closed',
    '4: broken quote: text follows a closing quote',
    '5: broken quote: it stands inside a field that does not begin with one',
    '7: broken quote: text follows a closing quote',
    '8: broken quote: it is opened here and not closed',
  ])
})

test('a broken first line is told, and the next one may be the header', async () => {
  assert.equal(await read('"email\nann@x.io\n'), [{ line: 1, invalid: 'broken quote: it is opened here and not closed' }, ...fine([2, 'ann@x.io'])])
})

test('a row has as many columns as its header', async () => {
  assert.equal(invalid(await read('name,email\nAnn\nBob,bob@x.io\nCarl,carl@x.io,x\n')), ['2: expected 2 columns, found 1', '4: expected 2 columns, found 3'])
})

test('an empty address, or one longer than any can be, is invalid', async () => {
  assert.equal(invalid(await read(`email,name\n  ,Ann\n${'x'.repeat(320)}y,Bob\n`)), ['2: the email is empty', '3: the email has 321 characters, at most 320 can be right'])
  assert.equal(invalid(await read('{"email":""}\n')), ['1: the email is empty'])
})

test('NDJSON holds objects or texts', async () => {
  assert.equal(await read('{"email":"ann@x.io","name":"Ann"}\n\n{ "email": "b\\u006fb@x.io" }\r\n"carl@x.io"'), fine([1, 'ann@x.io'], [3, 'bob@x.io'], [4, 'carl@x.io']))
})

test('a broken line of NDJSON costs itself only', async () => {
  const lines = await collect(chunks(['{"email":', '"ann@x.io"', '{"mail":"x"}', '{"email":7}', '["x"]', 'null', '{"email":null}', 'bob@x.io', '{"email":"bob@x.io"}'].join('\n')), 'ndjson')
  assert.equal(emails(lines).filter(Boolean), ['ann@x.io', 'bob@x.io'])
  const reasons = invalid(lines)
  assert.match(reasons[0] ?? '', /^1: not JSON: /)
  assert.equal(reasons.slice(1, 6), [
    '3: expected {"email": "…"} or a text, found no "email" in it',
    '4: expected a text as "email", found a number',
    '5: expected {"email": "…"} or a text, found an array',
    '6: expected {"email": "…"} or a text, found null',
    '7: expected a text as "email", found null',
  ])
  assert.match(reasons[6] ?? '', /^8: not JSON: /)
})

test('the format is the one asked for, else the first character tells', async () => {
  assert.equal(emails(await collect(chunks('"ann@x.io"\n'), 'ndjson')), ['ann@x.io'])
  assert.equal(emails(await read('\n \n{"email":"ann@x.io"}\n')), ['ann@x.io'])
  assert.equal(emails(await read('"ann@x.io"\n')), ['ann@x.io'])
})

test('a line that is not UTF-8 costs itself only', async () => {
  const latin1 = Buffer.from('email,name\nann@x.io,Ann\nren\u00E9@x.io,Ren\u00E9\nbob@x.io,"two\nl\u00EFnes"\ncarl@x.io,Carl\n', 'latin1')
  const lines = await read(latin1)
  assert.equal(emails(lines).filter(Boolean), ['ann@x.io', 'carl@x.io'])
  assert.equal(invalid(lines), ["3: the line is not UTF-8: 'ren\uFFFD@x.io,Ren\uFFFD'", "4: the line is not UTF-8: 'l\uFFFDnes\"'"])
  assert.equal(invalid(await collect(chunks(Buffer.from('"ren\u00E9@x.io"\n', 'latin1')), 'ndjson')), ["1: the line is not UTF-8: '\"ren\uFFFD@x.io\"'"])
})

test('UTF-16 is named', async () => {
  assert.match(await unreadable(Buffer.from('\uFEFFemail\r\nann@x.io\r\n', 'utf16le')), 'it is encoded as UTF-16')
})

test('an empty file has no lines', async () => {
  for (const text of ['', '\n', '\r\n \n', '\uFEFF', 'email\n', 'email']) assert.equal(await read(text), [], JSON.stringify(text))
})

test('a record may be 64 KiB long and no longer', async () => {
  const note = 'x'.repeat(longestRecord - 'ann@x.io,'.length)
  assert.equal(await read(`email,note\nann@x.io,${note}\nbob@x.io,${note}y\ncarl@x.io,\n`), [
    { line: 2, email: 'ann@x.io' }, { line: 3, invalid: 'the record is longer than 64 KiB' }, { line: 4, email: 'carl@x.io' },
  ])
})

test('a quote that stays open for 64 KiB costs its own line only', async () => {
  const rest = Array.from({ length: 20_000 }, (_, i) => `c${i}@x.io,`)
  const lines = await read(['email,note', 'ann@x.io,"never closed', ...rest].join('\n'))
  assert.equal(invalid(lines), ['2: broken quote: it is opened here and not closed'])
  assert.equal(lines.slice(1), rest.map((row, i) => ({ line: i + 3, email: row.slice(0, -1) })))
})

test('many quotes that stay open are read in linear time', async () => {
  const lines = await read(['email,note', ...Array.from({ length: 20_000 }, (_, i) => i % 2 === 0 ? `c${i}@x.io,"open` : `c${i}@x.io,`)].join('\n'))
  assert.is(lines.length, 20_000)
  assert.is(invalid(lines).length, 10_000)
})

test('a stop ends the lines between two records', async () => {
  const stop = new AbortController()
  const found: Line[] = []
  for await (const line of readLines({ bytes: chunks('email\nann@x.io\nbob@x.io\n"open'), stop: stop.signal })) {
    found.push(line)
    stop.abort()
  }
  assert.equal(found, fine([2, 'ann@x.io']))
})

/** The most that the process grew while it read, in MiB. */
const growth = async (bytes: () => AsyncIterable<Uint8Array>): Promise<{ readonly grown: number; readonly lines: number; readonly last: Line | undefined }> => {
  const before = process.memoryUsage.rss()
  let most = before
  let lines = 0
  let last: Line | undefined
  const watched = async function* () {
    let chunk = 0
    for await (const part of bytes()) {
      yield part
      if (chunk++ % 64 === 0) most = Math.max(most, process.memoryUsage.rss())
    }
  }
  for await (const line of readLines({ bytes: watched() })) {
    lines += 1
    last = line
  }
  return { grown: (Math.max(most, process.memoryUsage.rss()) - before) / 2 ** 20, lines, last }
}
const repeated = (begin: string, part: string, times: number, end: string) => async function* () {
  yield Buffer.from(begin)
  const chunk = Buffer.from(part.repeat(Math.ceil(65_536 / part.length)))
  for (let i = 0; i < times; i++) yield chunk
  yield Buffer.from(end)
}

test('half a gigabyte without a line end needs no more memory than a record', async () => {
  for (const begin of ['email\n', 'email\n"', '{"email":"']) {
    const { grown, lines, last } = await growth(repeated(begin, 'x', 8192, `\n${begin.startsWith('{') ? '"ann@x.io"' : 'ann@x.io'}\n`))
    assert.is(lines, 2)
    assert.is(last?.email, 'ann@x.io')
    assert.ok(grown < 64, `grew by ${grown} MiB on ${begin}`)
  }
})

test('lines behind an open quote are not held for longer than a record', async () => {
  let chunks = 0
  const counted = async function* () {
    for await (const chunk of repeated('email,note\nann@x.io,"open\n', 'bob@x.io,a note of some length\n', 100, '')()) {
      chunks += 1
      yield chunk
    }
  }
  const lines = readLines({ bytes: counted() })
  assert.is((await lines.next()).value?.invalid, 'broken quote: it is opened here and not closed')
  assert.equal((await lines.next()).value, { line: 3, email: 'bob@x.io' })
  assert.ok(chunks <= 3, `${chunks} chunks were read before the first line came`)
})

test.run()

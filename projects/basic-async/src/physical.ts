import { isUtf8 } from 'node:buffer'
import { longestRecord, type Physical, tooLong, Unreadable } from './line.js'

const lineFeed = 0x0a
const mark = Buffer.from([0xef, 0xbb, 0xbf])
const utf16 = [Buffer.from([0xff, 0xfe]), Buffer.from([0xfe, 0xff])]

const startsWith = (bytes: Buffer, start: Buffer) => bytes.subarray(0, start.length).equals(start)

const decode = (line: number, raw: Buffer): Physical => {
  const bytes = line === 1 && startsWith(raw, mark) ? raw.subarray(mark.length) : raw
  if (line === 1 && utf16.some(start => startsWith(bytes, start))) throw new Unreadable('it is encoded as UTF-16; save it as UTF-8')
  const text = bytes.toString()
  return isUtf8(bytes) ? { line, text, bytes: bytes.length } : { line, text, bytes: bytes.length, invalid: `the line is not UTF-8: '${text}'` }
}

/** The lines of a file, as many at a time as a chunk brings. Holds one chunk and one line's beginning, however long the line. */
export async function* physicalLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<readonly Physical[]> {
  const begun = Buffer.alloc(longestRecord)
  let size = 0
  let line = 0

  const keep = (part: Buffer) => {
    part.copy(begun, size) // as much as fits
    size += part.length
  }
  const finish = (rest: Buffer): Physical => {
    line += 1
    if (size === 0 && rest.length <= longestRecord) return decode(line, rest)
    keep(rest)
    const whole = size
    size = 0
    return whole > longestRecord ? { line, text: '', bytes: whole, invalid: tooLong } : decode(line, begun.subarray(0, whole))
  }

  for await (const bytes of chunks) {
    const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const found: Physical[] = []
    let from = 0
    for (let to = chunk.indexOf(lineFeed); to >= 0; to = chunk.indexOf(lineFeed, from)) {
      found.push(finish(chunk.subarray(from, to)))
      from = to + 1
    }
    keep(chunk.subarray(from))
    if (found.length > 0) yield found
  }
  if (size > 0) yield [finish(Buffer.alloc(0))]
}

import { createReadStream, fstatSync, open } from 'node:fs'
import { Socket } from 'node:net'
import { basename, dirname, extname, resolve } from 'node:path'
import { addAbortSignal, type Readable } from 'node:stream'
import { promisify } from 'node:util'
import { Unreadable } from './line.js'
import type { Format } from './lines.js'

export const wanted = 'give a CSV or NDJSON file, or - for standard input'

export interface Source { readonly name: string; readonly bytes: AsyncIterable<Uint8Array>; readonly format?: Format | undefined }

const formats: { readonly [extension: string]: Format } = { '.csv': 'csv', '.ndjson': 'ndjson', '.jsonl': 'ndjson' }

const reasonOf = (error: unknown, path: string): string => {
  const { code, message } = error as NodeJS.ErrnoException
  return code === 'ENOENT' || code === 'ENOTDIR' ? `no such file (looked in ${dirname(path)})`
    : code === 'EISDIR' ? 'it is a directory'
    : code === 'EACCES' || code === 'EPERM' ? 'there is no permission to read it'
    : message
}

/** A stop calls the read off, which standard input and pipes would otherwise keep waiting. */
async function* bytesOf(opened: () => Promise<Readable>, path: string, stop: AbortSignal): AsyncGenerator<Uint8Array> {
  try {
    yield* addAbortSignal(stop, await opened())
  } catch (error) {
    if (!stop.aborted) throw new Unreadable(`${reasonOf(error, path)}; ${wanted}`, { cause: error })
  }
}

/** A pipe is read as a socket, for a read of a file cannot be called off. */
const openFile = async (path: string): Promise<Readable> => {
  const fd = await promisify(open)(path, 'r')
  return fstatSync(fd).isFIFO() ? new Socket({ fd, readable: true, writable: false }) : createReadStream(path, { fd })
}

export const fileSource = (path: string, stop: AbortSignal): Source => {
  const whole = resolve(path)
  return { name: `'${path}'`, format: formats[extname(basename(path)).toLowerCase()], bytes: bytesOf(() => openFile(whole), whole, stop) }
}

export const standardInput = (stdin: Readable, stop: AbortSignal): Source =>
  ({ name: 'standard input', bytes: bytesOf(async () => stdin, '', stop) })

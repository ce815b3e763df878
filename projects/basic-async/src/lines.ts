import { csv } from './csv.js'
import { isBlank, type Line, type Physical, type Reader } from './line.js'
import { ndjson } from './ndjson.js'
import { physicalLines } from './physical.js'

export type Format = 'csv' | 'ndjson'

const readers: { readonly [format in Format]: () => Reader } = { csv, ndjson }

const formatOf = ({ text }: Physical): Format => /^\s*[{[]/.test(text) ? 'ndjson' : 'csv'

/** The records of a file, as they come. Without a format, the first line that is not blank tells. A stop ends them between two records. */
export async function* readLines({ bytes, format, stop }: {
  readonly bytes: AsyncIterable<Uint8Array>
  readonly format?: Format | undefined
  readonly stop?: AbortSignal | undefined
}): AsyncGenerator<Line> {
  let reader = format && readers[format]()
  for await (const lines of physicalLines(bytes)) {
    const first = lines.find(line => !isBlank(line))
    reader ??= first && readers[formatOf(first)]()
    for (const line of reader?.take(lines) ?? []) {
      if (stop?.aborted) return
      yield line
    }
  }
  if (!stop?.aborted) yield* reader?.end() ?? []
}

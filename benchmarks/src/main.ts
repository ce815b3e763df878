import { nearest } from '@lowtide/run'
import { Misuse, asked, command as started } from './asked.js'
import { batching } from './batching.js'
import { command } from './command.js'
import { type Benchmark, full, quick } from './figure.js'
import { growth } from './growth.js'
import { abuse } from './http/abuse.js'
import { floor } from './http/floor.js'
import { mutation } from './http/mutation.js'
import { peers } from './peers.js'
import { postgres } from './postgres/index.js'
import { jsonLine, table } from './report.js'

const benchmarks: readonly Benchmark[] = [...command, ...batching, growth, ...peers, floor, mutation, abuse, ...postgres]
const called = 'npm run bench'

const main = async (): Promise<void> => {
  const given = asked({
    name: called, about: 'Measures figures, each against a baseline: those whose names begin with one of these, or all.', words: ' [name]…',
    options: { json: { about: 'a line of JSON a figure' }, quick: { about: 'seconds: shows that everything works, says nothing about speed' } },
    more: `figures: ${benchmarks.flatMap(b => b.names(full)).join(', ')}`,
  })
  if (given === undefined) return
  const { options: values, words: positionals } = given, effort = values.quick ? quick : full, known = benchmarks.flatMap(b => b.names(effort))
  const wanted = known.filter(name => positionals.length === 0 || positionals.some(prefix => name.startsWith(prefix)))
  if (wanted.length === 0) throw new Misuse(`no figure begins with ${positionals.map(p => `'${p}'`).join(' or ')}${nearest(positionals[0]!, known)}`)

  const { machine, head, line } = table(wanted)
  if (!values.json) console.log(`${machine()}\n\n${head()}`)
  const leftOut: string[] = [], notes = new Set<string>()
  for (const benchmark of benchmarks) {
    const names = new Set(benchmark.names(effort).filter(name => wanted.includes(name))), { extra } = benchmark
    if (names.size === 0) continue
    try {
      if (extra && !extra.installed()) {
        if (!positionals.some(prefix => prefix.startsWith(extra.name))) { leftOut.push(...names); continue }
        await extra.install()
      }
      for await (const f of benchmark.run(effort, names)) if (names.has(f.name)) console.log(values.json ? jsonLine(f) : line(f))
      for (const note of benchmark.notes ?? []) notes.add(note)
    } catch (error) {
      console.error(`${[...names].join(', ')}: ${error instanceof Error ? error.stack : String(error)}`)
      process.exitCode = 1
    }
  }
  if (values.json) return
  if (notes.size > 0) console.log(`\n${[...notes].join('\n')}`)
  if (leftOut.length > 0) console.log(`\nleft out, not installed: ${leftOut.join(', ')}; asked for by that name, they are installed first`)
}

await started(called, main)

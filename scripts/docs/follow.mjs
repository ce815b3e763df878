import { existsSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { root } from '../workspaces.mjs'
import { blocksOf, wrong } from './markdown.mjs'
import { comparable, matches } from './output.mjs'
import { freshClone } from './sandbox.mjs'
import { terminals } from './terminals.mjs'

/** In the clone, done before any test runs; a test that did it again would pull the floor from under the others. */
const done = ['npm ci', 'npm run build', 'npm test']
const installs = /\bnpm (i|install|ci|update)\b/
const yetToDo = (doc, line, text) => {
  const script = text.split('\n').map(each => each.split(' && ').filter(part => !done.includes(part.trim())).join(' && ')).join('\n')
  if (installs.test(script)) throw wrong(doc, line, `this would change what is installed in the clone, and other tests run on that; expected at most '${done[0]}', alone or before ' && '`)
  return script
}

/** Folders of the repository: what is named in them is ours; all other files of a doc are its reader's. */
const ours = /^(benchmarks|components|docs|functions|projects|scripts|shells)\//
const sources = ['ts', 'js', 'json']

const excerpt = async ({ doc, line, path, text }) => {
  const trimmed = source => source.split('\n').map(each => each.trim()).join('\n')
  if (!existsSync(join(root, path))) throw wrong(doc, line, `there is no file '${path}'`)
  if (!trimmed(await readFile(join(root, path), 'utf8')).includes(trimmed(text))) throw wrong(doc, line, `this is not how it stands in ${path}; copy it from there again`)
}

/** A diff is an instruction to the reader: these lines, which stand once in the file, become those. */
const changed = ({ doc, line, path, text }, before) => {
  const side = sign => text.split('\n').filter(each => each[0] === ' ' || each[0] === sign).map(each => each.slice(1)).join('\n')
  const odd = text.split('\n').find(each => !/^[ +-]/.test(each))
  if (odd !== undefined) throw wrong(doc, line, `a line of a diff begins with ' ', '+' or '-', found '${odd}'`)
  const parts = before.split(side('-'))
  if (parts.length !== 2) throw wrong(doc, line, `what shall be changed stands ${parts.length - 1} times in ${path} as the reader has it, expected once:\n${before}`)
  return parts.join(side('+'))
}

const named = ({ doc, line, path, told }) => {
  const shown = [`\`${path}\``, `(${path})`, `(../${path})`]
  if (path !== undefined && !shown.some(name => told.includes(name))) throw wrong(doc, line, `the text above does not tell the reader that this is '${path}'`)
}

/**
 * Does what a doc tells its reader to do, block by block:
 * - a source block named after a file in a folder of ours is an excerpt of it;
 * - another source block is a file that the reader writes, a `diff` one that the reader changes;
 * - `sh` is what the reader types, `text` behind it what the reader sees.
 * A mark above a block (`<!-- fails -->`) says more:
 * - `fails`: these commands do not end with 0;
 * - `serves`: the last of these commands is a server at port 4000, here at a free one. It serves until the next server or the end of the doc,
 *   and ends with 0 at SIGTERM;
 * - `listens`: a command that prints until the reader stops it; `heard` is a `text` of all that it has shown by then.
 * A hidden block (see `blocksOf`) is typed like `sh`, and what stands behind it is what the reader sees of the one before.
 * Whatever else a block is, nobody would notice that it rots: an error. `from`: where the reader stands, `lowtide` is the clone.
 */
export const follow = async (doc, { from = 'lowtide' } = {}) => {
  const blocks = blocksOf(doc), ofReader = ({ path }) => path !== undefined && !ours.test(path)
  const place = await freshClone(blocks.filter(ofReader).map(({ path }) => path.split('/')[0])), start = join(place, from)
  const { mapped, typed, serving, listening, heard, stopped } = terminals(doc, start)
  let written, last

  const write = async (block, make) => {
    const target = join(start, block.path)
    await mkdir(dirname(target), { recursive: true })
    await writeFile(target, `${make(existsSync(target) ? await readFile(target, 'utf8') : '').trimEnd()}\n`)
    written = block
  }
  const type = async block => {
    const text = from === 'lowtide' ? yetToDo(doc, block.line, block.text) : block.text
    written = undefined
    if (block.mark === 'serves') return { lang: 'sh', running: await serving(block, text) }
    if (block.mark === 'listens') return { lang: 'sh', running: await listening(block, text) }
    return { lang: 'sh', output: await typed(block, text) }
  }
  const see = async ({ line, text, mark }) => {
    const { running, output } = mark === 'heard' ? { running: heard() } : last?.lang === 'sh' ? last : {}
    if (!running && output === undefined) throw wrong(doc, line, mark === 'heard' ? 'no command listens' : 'no command stands before this output')
    const found = output ?? await running.seen(so => matches(text, so))
    if (!matches(text, found)) throw wrong(doc, line, `the reader sees something else than this.\n--- expected\n${comparable(text)}\n--- found\n${comparable(found)}`)
  }
  const step = async block => {
    const { line, lang, path, text } = block
    if (lang === 'sh') return type(block)
    if (lang === 'text') await see(block)
    else if (path === undefined) throw wrong(doc, line, `no test runs this block: expected 'sh', 'text', or one of ${sources.join(', ')}, diff with a file behind it; found '${lang}'`)
    else if (lang === 'diff') await write(block, before => changed(block, before))
    else if (!sources.includes(lang)) throw wrong(doc, line, `expected one of ${sources.join(', ')}, diff; found '${lang}'`)
    else if (ofReader(block)) await write(block, () => mapped(text))
    else await excerpt(block)
    return { lang }
  }
  try {
    for (const block of blocks) {
      named(block)
      const done = await step(block)
      if (!block.hidden) last = done
    }
    if (written) throw wrong(doc, written.line, `nothing is run after '${written.path}' was written: nobody knows whether it works`)
    await stopped()
  } finally {
    await stopped().catch(() => {})
    await rm(place, { recursive: true, force: true })
  }
}

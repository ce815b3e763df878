import { existsSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { root } from '../workspaces.mjs'
import { blocksOf, wrong } from './markdown.mjs'
import { comparable, matches } from './output.mjs'
import { freshClone, shell } from './sandbox.mjs'

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
 * Whatever else a block is, nobody would notice that it rots: an error. `from`: where the reader stands, `lowtide` is the clone.
 */
export const follow = async (doc, { from = 'lowtide' } = {}) => {
  const blocks = blocksOf(doc), ofReader = ({ path }) => path !== undefined && !ours.test(path)
  const place = await freshClone(blocks.filter(ofReader).map(({ path }) => path.split('/')[0])), start = join(place, from)
  let cwd = start, written, last

  const write = async (block, make) => {
    const target = join(start, block.path)
    await mkdir(dirname(target), { recursive: true })
    await writeFile(target, `${make(existsSync(target) ? await readFile(target, 'utf8') : '').trimEnd()}\n`)
    written = block
  }
  const type = async ({ line, text, fails }) => {
    const { code, output, cwd: end } = await shell(from === 'lowtide' ? yetToDo(doc, line, text) : text, cwd)
    if (fails === (code === 0)) throw wrong(doc, line, `expected these commands ${fails ? 'to fail' : 'to end with 0'}, found ${code}:\n${text}\n${output}`)
    cwd = end
    written = undefined
    return output
  }
  const see = ({ line, text }) => {
    if (last?.lang !== 'sh') throw wrong(doc, line, 'no command stands before this output')
    if (!matches(text, last.output)) throw wrong(doc, line, `the reader sees something else than this.\n--- expected\n${comparable(text)}\n--- found\n${comparable(last.output)}`)
  }
  const step = async block => {
    const { line, lang, path, text } = block
    if (lang === 'sh') return { lang, output: await type(block) }
    if (lang === 'text') see(block)
    else if (path === undefined) throw wrong(doc, line, `no test runs this block: expected 'sh', 'text', or one of ${sources.join(', ')}, diff with a file behind it; found '${lang}'`)
    else if (lang === 'diff') await write(block, before => changed(block, before))
    else if (!sources.includes(lang)) throw wrong(doc, line, `expected one of ${sources.join(', ')}, diff; found '${lang}'`)
    else if (ofReader(block)) await write(block, () => text)
    else await excerpt(block)
    return { lang }
  }
  try {
    for (const block of blocks) {
      named(block)
      last = await step(block)
    }
    if (written) throw wrong(doc, written.line, `nothing is run after '${written.path}' was written: nobody knows whether it works`)
  } finally { await rm(place, { recursive: true, force: true }) }
}

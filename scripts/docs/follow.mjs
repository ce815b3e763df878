import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { root } from '../workspaces.mjs'
import { blocksOf, wrong } from './markdown.mjs'

/** In the clone, done before any test runs; a test that did it again would pull the floor from under the others. */
const done = ['npm ci', 'npm run build', 'npm test']
const yetToDo = script => script.split('\n').map(line => line.split(' && ').filter(part => !done.includes(part.trim())).join(' && ')).join('\n')

/** Folders of the repository: what is named in them is ours; all other files of a doc are its reader's. */
const ours = /^(benchmarks|components|docs|functions|projects|scripts|shells)\//

/** A folder with what looks like a fresh clone, in which and beside which a reader may work: what is there already are links. */
const freshClone = async readers => {
  const place = await realpath(await mkdtemp(join(tmpdir(), 'lowtide-docs-')))
  await mkdir(join(place, 'lowtide'))
  for (const name of await readdir(root)) if (name !== '.git' && !readers.includes(name)) await symlink(join(root, name), join(place, 'lowtide', name))
  return place
}

/** As for somebody at a terminal of his own: not inside of `npm test`. */
const surroundings = () => ({
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_(?!config_)|^npm_config_local_prefix$|^INIT_CWD$|^NODE_OPTIONS$/i.test(name))),
  NO_COLOR: '1', npm_config_prefer_offline: 'true', npm_config_audit: 'false', npm_config_fund: 'false', npm_config_update_notifier: 'false',
})

const shell = (script, cwd) => new Promise(resolve => {
  // The folder in which it ends comes through a channel of its own.
  const child = spawn('bash', ['-c', `trap 'pwd >&3' EXIT\nset -e\n${script}`], { cwd, env: surroundings(), stdio: ['ignore', 'pipe', 'pipe', 'pipe'] })
  let output = '', end = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', text => { output += text })
  child.stdio[3].setEncoding('utf8').on('data', text => { end += text })
  child.on('close', code => resolve({ code, output, cwd: end.trim() || cwd }))
})

/** What a reader compares: not how long something took, what time it was, and what npm says of itself. */
const comparable = text => text.split('\n').filter(line => !/^npm (warn|notice)|^> /.test(line)).join('\n')
  .replace(/\b\d+(\.\d+)?(?= ?m?s\b)/g, 'N').replace(/\b\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME').replace(/[ \t]+$/gm, '').replace(/^\n+|\n+$/g, '')

const escaped = text => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
/** `…` stands for anything in its line; alone in a line, for any lines. */
export const matches = (expected, found) => new RegExp(`^${comparable(expected).split('\n')
  .map(line => line.trim() === '…' ? '(?:.*\n)*?' : `${line.split('…').map(escaped).join('.*?')}\n`).join('')}$`).test(`${comparable(found)}\n`)

const excerpt = async ({ doc, line, path, text }) => {
  const lines = source => source.split('\n').map(each => each.trim()).join('\n')
  if (!lines(await readFile(join(root, path), 'utf8')).includes(lines(text))) throw wrong(doc, line, `this is not how it stands in ${path}; copy it from there again`)
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

const sources = ['ts', 'js', 'json']

/**
 * Does what a doc tells its reader to do, block by block:
 * - a source block named after a file of the repository is an excerpt of it;
 * - another source block is a file that the reader writes, a `diff` one that he changes;
 * - `sh` is what he types, `text` behind it what he sees.
 * Whatever else a block is, nobody would notice that it rots: an error.
 */
export const follow = async (doc, { from = 'lowtide' } = {}) => {
  const blocks = blocksOf(doc), mine = ({ path }) => path !== undefined && !ours.test(path)
  const place = await freshClone(blocks.filter(mine).map(({ path }) => path.split('/')[0]))
  let cwd = join(place, from), last, idle
  const write = async (block, make) => {
    const target = join(place, from, block.path)
    await mkdir(dirname(target), { recursive: true })
    await writeFile(target, `${make(existsSync(target) ? await readFile(target, 'utf8') : '').trimEnd()}\n`)
    idle = block
  }
  const type = async ({ line, text, fails }) => {
    const { code, output, cwd: end } = await shell(from === 'lowtide' ? yetToDo(text) : text, cwd)
    if (fails === (code === 0)) throw wrong(doc, line, `expected these commands ${fails ? 'to fail' : 'to end with 0'}, found ${code}:\n${text}\n${output}`)
    cwd = end
    idle = undefined
    return output
  }
  try {
    for (const block of blocks) {
      const { line, lang, path, text, told } = block
      if (path !== undefined && !told.includes(`\`${path}\``) && !told.includes(`(${path})`) && !told.includes(`(../${path})`)) throw wrong(doc, line, `the text above does not tell the reader that this is '${path}'`)
      if (lang === 'text') {
        if (last?.lang !== 'sh') throw wrong(doc, line, 'no command stands before this output')
        if (!matches(text, last.output)) throw wrong(doc, line, `the reader sees something else than this.\n--- expected\n${comparable(text)}\n--- found\n${comparable(last.output)}`)
      } else if (lang === 'sh') block.output = await type(block)
      else if (path === undefined) throw wrong(doc, line, `no test runs this block: expected 'sh', 'text', or ${sources.join(', ')} or diff with a file behind it, found '${lang}'`)
      else if (lang === 'diff') await write(block, before => changed(block, before))
      else if (!sources.includes(lang)) throw wrong(doc, line, `expected one of ${sources.join(', ')}, found '${lang}'`)
      else if (!mine(block)) await excerpt(block)
      else await write(block, () => text)
      last = block
    }
    if (idle) throw wrong(doc, idle.line, `nothing is run after '${idle.path}' was written: nobody knows whether it works`)
  } finally { await rm(place, { recursive: true, force: true }) }
}

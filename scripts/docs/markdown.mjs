import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../workspaces.mjs'

/** The docs that promise something. Decisions are records: they tell what was, and nobody keeps them up to date. */
export const docs = () => ['README.md', ...readdirSync(join(root, 'docs')).filter(name => name.endsWith('.md')).toSorted().map(name => `docs/${name}`)]
export const records = () => existsSync(join(root, 'docs/decisions')) ? readdirSync(join(root, 'docs/decisions')).filter(name => name.endsWith('.md')).toSorted().map(name => `docs/decisions/${name}`) : []

export const read = doc => readFileSync(join(root, doc), 'utf8')

/** An error that says which doc and which line. */
export const wrong = (doc, line, message) => new Error(`${doc}:${line} ${message}`)

/**
 * The fenced blocks of a doc, in order. The words behind the fence are the language and a file; `mark` is the word of a comment on the
 * line above, as in `<!-- fails -->` (see `follow`). `told` is the text between the block before and this one.
 *
 * A comment that begins with `<!-- runs` and ends with a line `-->` is a block too, `hidden`: commands of the text beside it, which a reader
 * finds in a table or a sentence, and need not see again. `<!-- runs fails`: they do not end with 0.
 */
export const blocksOf = (doc, text = read(doc)) => {
  const blocks = []
  let open, told = []
  for (const [i, line] of text.split('\n').entries()) {
    const fence = /^```(.*)$/.exec(line)
    const hides = /^<!-- runs( fails)?$/.exec(line)
    if (open?.hidden ? line === '-->' : open && fence) {
      blocks.push({ ...open, text: open.lines.join('\n') })
      if (!open.hidden) told = []
      open = undefined
    } else if (open) open.lines.push(line)
    else if (hides) open = { doc, line: i + 1, lang: 'sh', mark: hides[1]?.trim(), told: '', hidden: true, lines: [] }
    else if (fence) {
      const [lang = '', path] = fence[1].trim().split(/\s+/)
      open = { doc, line: i + 1, lang, path, mark: /^<!-- (\S+) -->$/.exec(told.at(-1) ?? '')?.[1], told: told.join('\n'), lines: [] }
    } else told.push(line)
  }
  if (open) throw wrong(doc, open.line, 'this block is never closed')
  return blocks
}

/** The text without its fenced blocks; lines stay. */
export const proseOf = text => {
  let end
  return text.split('\n').map(line => {
    const inside = end !== undefined
    if (inside ? line.startsWith(end) : /^```|^<!-- runs( fails)?$/.test(line)) end = inside ? undefined : line.startsWith('```') ? '```' : '-->'
    return inside || end !== undefined ? '' : line
  }).join('\n')
}

const cellsOf = line => line.trim().replace(/^\||\|$/g, '').split(/(?<!\\)\|/).map(cell => cell.trim().replaceAll('\\|', '|'))

/** The tables of a doc: line, the heading above, the names of the columns, and the rows as `{ line, cells }`. */
export const tablesOf = (doc, text = read(doc)) => {
  const lines = proseOf(text).split('\n'), tables = []
  let heading = ''
  for (const [i, line] of lines.entries()) {
    heading = /^#+ (.+)$/.exec(line)?.[1] ?? heading
    if (!/^\|[ :|-]+\|$/.test(line)) continue
    const rows = []
    for (let n = i + 1; lines[n]?.startsWith('|'); n++) rows.push({ line: n + 1, cells: cellsOf(lines[n]) })
    tables.push({ doc, line: i, heading, columns: cellsOf(lines[i - 1]), rows })
  }
  return tables
}

/** The one table whose first column has this name. */
export const tableOf = (doc, first) => {
  const found = tablesOf(doc).filter(({ columns }) => columns[0] === first)
  if (found.length !== 1) throw wrong(doc, found[1]?.line ?? 1, `expected one table whose first column is '${first}', found ${found.length}`)
  return found[0]
}

/** A cell without the marks of code. */
export const plain = cell => cell.replaceAll('`', '')

/** Compares the first cells of a table's rows, in any order, with the names that the source has. */
export const sameNames = ({ doc, line, rows }, names, source) => {
  const told = rows.map(row => ({ ...row, name: plain(row.cells[0]) }))
  const faults = [
    ...names.filter(name => !told.some(row => row.name === name)).map(name => wrong(doc, line, `this table lacks '${name}', which ${source} has`)),
    ...told.filter(row => !names.includes(row.name)).map(row => wrong(doc, row.line, `'${row.name}' is told here, and ${source} does not have it; it has ${names.join(', ')}`)),
    ...told.filter((row, i) => told.findIndex(other => other.name === row.name) < i).map(row => wrong(doc, row.line, `'${row.name}' is told twice`)),
  ]
  if (faults.length > 0) throw new Error(faults.map(fault => fault.message).join('\n'))
}

/** The targets of links and pictures, with their lines. */
export const linksOf = text => proseOf(text).split('\n').flatMap((line, i) =>
  [...line.matchAll(/\]\(([^)\s]+)\)|(?:src|href)="([^"]+)"/g)].map(match => ({ line: i + 1, target: match[1] ?? match[2] })))

/** What a heading is called in a link. */
export const anchorsOf = text => [...proseOf(text).matchAll(/^#+ (.+)$/gm)]
  .map(match => match[1].toLowerCase().replace(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-'))

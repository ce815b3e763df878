import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { overStores } from '../../components/cli/dist/command.js'
import { verbs } from '../../shells/postgres/dist/schema/verbs.js'
import { root } from '../workspaces.mjs'
import { blocksOf, proseOf, read, wrong } from './markdown.mjs'

// Commands that stand in tables and sentences: each has to be among those that the doc's test types, in a block that the reader sees or in a hidden one.

const names = [...overStores, ...verbs({ url: 'postgres://nobody@127.0.0.1:1/nothing', schema: 'nothing', connections: 1, lockTimeout: 1, answerTimeout: 1 })].map(({ name }) => name)
/** How a command begins, and how exactly it must have been typed: `whole`, or what begins with it (a verb may need more), or what holds it. */
const kinds = [
  { as: 'whole', of: /^(?:[A-Z_]+=\S+ )*(?:npx \S+|npm|node|curl|bash) \S/ },
  { as: 'beginning', of: /^lowtide [a-z<-]/ }, { as: 'beginning', of: new RegExp(`^(?:${names.join('|')})(?: |$)`) },
  { as: 'part', of: /^--[a-z]/ },
  { as: 'request', of: /^(?:GET|POST) \// },
  { as: 'sql', of: /^(?:(?:select|with|update|vacuum|analyze|grant|revoke) \S+|(?:insert into|delete from) \S+|(?:drop|alter|create|truncate) (?:table|role|schema|database|index|view|function|trigger|user|system) \S)/i },
  { as: 'psql', of: /^\\[a-z]+/ },
]
/** What is typed in the clone before any doc is followed. */
const before = ['npm ci', 'npm run build', 'npm test']

/** `{ line, text, as }` of each. Several in one span are each on their own. */
export const inlineOf = (doc, text = read(doc)) => proseOf(text).split('\n').flatMap((line, i) => [...line.matchAll(/`([^`]+)`/g)].flatMap(([, span]) =>
  span.replaceAll('\\|', '|').split(' && ').flatMap(text => { const kind = kinds.find(({ of }) => of.test(text)); return kind ? [{ doc, line: i + 1, text, as: kind.as }] : [] })))

const wordsOf = text => text.trim().split(/\s+/)
/** Without what says where it runs: the name of the command, and the project. */
const bare = words => words.filter((word, i) => word !== 'npx' && word !== '--project' && words[i - 1] !== '--project')
/** Each command in the blocks that a reader types, as words. */
const typedIn = (doc, text) => blocksOf(doc, text).filter(({ lang }) => lang === 'sh').flatMap(({ text }) =>
  [...text.replaceAll('\\\n', ' ').matchAll(/(?<![\w./-])(?:[A-Z_]+=\S+ )*(?:npx|npm|node|curl|bash)\s[^|&;<>()\n]*/g)].map(([command]) => wordsOf(command.replace(/ 2$/, ''))))

/** `<id>`, `…` and `$id` stand for anything. */
const pattern = word => new RegExp(`^${word.split(/<[^>]+>…?|…/).map(part => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('.+')}$`)
const fits = (word, typed) => typed === word || typed.startsWith('$') && /[<…]/.test(word) || pattern(word).test(typed)
/** Words in their order, from the first on; flags anywhere behind, each with its value. */
const begins = (words, typed) => {
  const at = words.findIndex((word, i) => typed[i] === undefined || !fits(word, typed[i]))
  return at < 0 || (at > 0 && words[at].startsWith('--') && held(words.slice(at), typed.slice(at)))
}
const held = (words, typed) => typed.some((_, i) => words.every((word, n) => typed[i + n] !== undefined && fits(word, typed[i + n])))
const same = (words, typed) => words.length === typed.length && begins(words, typed)
const isTyped = {
  whole: (text, typed) => before.includes(text) || typed.some(each => same(bare(wordsOf(text)), bare(each))),
  beginning: (text, typed) => typed.some(each => begins(['lowtide', ...bare(wordsOf(text.replace(/^lowtide /, '')))], bare(each))),
  part: (text, typed) => typed.some(each => held(wordsOf(text), each)),
  request: (text, typed) => typed.some(each => each[0] === 'curl' && each.some(word => word.endsWith(text.split(' ')[1]))),
  sql: (text, _typed, sources) => new RegExp(wordsOf(text).map(word => pattern(word).source.slice(1, -1)).join('\\s+'), 'i').test(sources),
  psql: () => false,
}

/**
 * Faults of a doc: commands that nothing types. `elsewhere`: for a command, the test that types it, and a text of that test which does; or `why` nobody can here.
 * Who stands there and is typed in the doc, or is not in the doc any more, is a fault too. `besides`: docs to which this one leads its reader, and which have tests of their own.
 */
export const untyped = (doc, { elsewhere = {}, besides = [] } = {}, text = read(doc)) => {
  const typed = [...typedIn(doc, text), ...besides.flatMap(other => typedIn(other, read(other)))], sources = blocksOf(doc, text).filter(({ lang }) => lang !== 'text').map(({ text }) => text).join('\n'), all = inlineOf(doc, text)
  const left = all.filter(({ as, text }) => !isTyped[as](text, typed, sources))
  const says = ({ test, with: told }) => readFileSync(join(root, test), 'utf8').includes(told)
  return [
    ...left.filter(({ text }) => elsewhere[text] === undefined).map(({ line, text }) => wrong(doc, line, `nothing types '${text}': show it in an 'sh' block, or add it to a hidden one, '<!-- runs', where it belongs`)),
    ...Object.entries(elsewhere).flatMap(([text, given]) => !left.some(each => each.text === text) ? [wrong(doc, 1, `'${text}' need not be excused: it is typed, or not in the doc`)]
      : given.why === undefined && !says(given) ? [wrong(doc, 1, `'${text}' is said to be typed in ${given.test} by '${given.with}', which is not there`)] : []),
  ]
}
export const allTyped = (...given) => { const faults = untyped(...given); if (faults.length > 0) throw new Error(faults.map(({ message }) => message).join('\n')) }

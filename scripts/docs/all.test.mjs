import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { suite } from 'uvu'
import { files, root } from '../workspaces.mjs'
import { anchorsOf, blocksOf, docs, linksOf, proseOf, read, records, wrong } from './markdown.mjs'

const test = suite('all docs')
const holds = faults => { if (faults.length > 0) throw new Error(faults.map(fault => fault.message).join('\n')) }
const folders = ['benchmarks', 'components', 'functions', 'projects', 'shells'].flatMap(files).filter(path => path.endsWith('README.md'))
const all = [...docs(), ...records(), ...folders]

test('a doc with blocks has a test that follows it', () => {
  const tests = files('scripts/docs').filter(path => path.endsWith('.test.mjs')).map(path => readFileSync(join(root, path), 'utf8')).join('\n')
  holds(docs().flatMap(doc => {
    const followed = tests.includes(`follow('${doc}'`) || (tests.includes(`const doc = '${doc}'`) && tests.includes('follow(doc'))
    return followed ? [] : blocksOf(doc).slice(0, 1).map(({ line }) => wrong(doc, line, `no test in scripts/docs follows this doc, so nobody would notice that this block rots: add follow('${doc}')`))
  }))
})

test('every link leads somewhere', () => holds(all.flatMap(doc => linksOf(read(doc)).flatMap(({ line, target }) => {
  if (/^(https?|mailto):/.test(target)) return []
  const [path, anchor] = target.split('#'), file = path === '' ? doc : join(dirname(doc), path)
  if (!existsSync(join(root, file))) return [wrong(doc, line, `'${target}' leads to ${file}, which is not there`)]
  return anchor && file.endsWith('.md') && !anchorsOf(read(file)).includes(anchor) ? [wrong(doc, line, `${file} has no heading '#${anchor}'; it has ${anchorsOf(read(file)).join(', ')}`)] : []
}))))

test('every script that is named is there', () => {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  holds(all.flatMap(doc => proseOf(read(doc)).split('\n').flatMap((text, i) => [...text.matchAll(/`npm run ([\w:-]+)/g)]
    .filter(([, name]) => !(name in scripts)).map(([, name]) => wrong(doc, i + 1, `there is no script '${name}'; there are ${Object.keys(scripts).join(', ')}`)))))
})

test.run()

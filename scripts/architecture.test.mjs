import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { coreSize, imports, lock, named, ordered, pure, references, rules, short, testsRun, typed } from './architecture.mjs'
import { built, files, root, workspaces } from './workspaces.mjs'

const read = path => ({ path, text: readFileSync(join(root, path), 'utf8') })
const sources = () => workspaces().flatMap(({ dir }) => files(`${dir}/src`)).filter(path => path.endsWith('.ts')).map(read)
const scripts = () => files('scripts').filter(path => path.endsWith('.mjs')).map(read)

const holds = faults => {
  if (faults.length > 0) assert.unreachable(`the house rules are broken:\n${faults.map(f => `${f.path}:${f.line} ${f.message}`).join('\n')}`)
}

const house = suite('house rules')

house('there are sources to judge', () => assert.ok(sources().length > 5, 'the sources were not found'))
house('every source keeps them', () => holds(rules(workspaces()).flatMap(rule => sources().flatMap(rule))))
house('every script is short, and every test of one runs', () => holds(scripts().flatMap(file => [...short(file), ...testsRun(file)])))
house('core stays small', () => holds(coreSize(sources())))
house('every workspace is built after what it depends on', () => holds(references(workspaces(), built())))
house('the lock file installs anywhere', () => holds(lock(read('package-lock.json'))))

house.run()

// The rules are worth what they find: each is given what it must report, and its good neighbour.

const space = (dir, manifest = {}, told = []) => ({ dir, manifest: { name: `@lowtide/${dir.split('/').at(-1)}`, ...manifest }, references: told })
const all = [
  space('functions/customers', { dependencies: { '@lowtide/core': '', 'fp-ts': '', zod: '' }, devDependencies: { '@lowtide/testing': '', uvu: '' } }),
  space('components/core', { dependencies: { 'fp-ts': '' }, devDependencies: { uvu: '' } }),
  space('components/testing', { dependencies: { '@lowtide/core': '' } }),
  space('components/conformance', { dependencies: { '@lowtide/core': '', '@lowtide/testing': '', uvu: '' } }),
  space('components/run', { dependencies: { '@lowtide/core': '', '@lowtide/memory': '' } }),
  space('shells/memory', { dependencies: { '@lowtide/core': '', '@lowtide/postgres': '', '@lowtide/customers': '' }, devDependencies: { '@lowtide/conformance': '', uvu: '' } }),
  space('shells/postgres', { dependencies: { '@lowtide/core': '', pg: '' } }),
  space('projects/shop', { dependencies: { '@lowtide/core': '', '@lowtide/memory': '', '@lowtide/customers': '' } }),
]

const faults = (rule, path, text) => rule({ path, text }).map(f => `${f.line} ${f.message}`)
const reports = (rule, path, text, expected) => {
  const told = faults(rule, path, text)
  assert.is(told.length, 1, `expected one fault in ${JSON.stringify(text)}, found ${JSON.stringify(told)}`)
  assert.match(told[0], expected)
}
const accepts = (rule, path, text) => assert.equal(faults(rule, path, text), [], text)

const proof = suite('the rules themselves')
const arrows = imports(all)
const essential = 'functions/customers/src/invite.ts'
const essentialTest = 'functions/customers/src/invite.test.ts'
const core = 'components/core/src/port.ts'
const shell = 'shells/memory/src/store.ts'

for (const [path, specifier] of [
  [essential, '@lowtide/memory'], [essential, '@lowtide/testing'], [essential, 'node:fs'], [essential, 'pg'], [essential, 'uvu'], [essentialTest, 'node:fs'], [essentialTest, '@lowtide/memory'],
  [core, '@lowtide/testing'], [core, 'zod'], [core, 'node:fs'], ['components/core/src/port.test.ts', '@lowtide/testing'],
  ['components/run/src/start.ts', '@lowtide/memory'], ['components/testing/src/spec.ts', '@lowtide/conformance'],
  [shell, '@lowtide/postgres'], [shell, '@lowtide/customers'], [shell, '@lowtide/conformance'], ['shells/memory/src/store.test.ts', '@lowtide/customers'],
]) proof(`an arrow outward: ${path} imports ${specifier}`, () => reports(arrows, path, `\nimport { x } from '${specifier}'\n`, /^2 .*points outward/))

for (const [path, specifier] of [
  [essential, '@lowtide/core'], [essential, 'fp-ts/lib/Option.js'], [essential, 'zod'], [essential, './customer.js'], [essentialTest, '@lowtide/testing'], [essentialTest, 'uvu/assert'],
  [core, 'node:crypto'], [shell, '@lowtide/core'], [shell, 'node:timers'], ['shells/memory/src/store.test.ts', '@lowtide/conformance'], ['shells/memory/src/fixture.ts', '@lowtide/conformance'], ['shells/postgres/src/store.ts', 'pg'],
  ['projects/shop/src/main.ts', '@lowtide/memory'], ['projects/shop/src/main.ts', '@lowtide/customers'],
]) proof(`no arrow outward: ${path} imports ${specifier}`, () => accepts(arrows, path, `import { x } from '${specifier}'`))

proof('an arrow is found in every form of import', () => {
  for (const text of [`import type { A } from "pg"`, `import 'pg'`, `export * from 'pg'`, `const a = await import('pg')`, `type A = import('pg').A`, `import {\n  a,\n} from 'pg'`])
    assert.is(faults(arrows, shell, text).length, 1, text)
})
proof('words in comments and strings are no imports', () => {
  accepts(arrows, shell, `// import { a } from 'pg'\n/* import 'pg' */ const a = "import { b } from 'pg'"`)
  accepts(arrows, shell, `const quote = /['"]/ // from 'pg'`)
})
proof('a package that is not declared', () => reports(arrows, shell, `import pg from 'pg'`, /1 .*not among the run-time dependencies in shells\/memory\/package.json/))
proof('a package that only tests may use', () => reports(arrows, shell, `import { test } from 'uvu'`, /run-time dependencies/))
proof('a relative import that leaves its workspace', () => reports(arrows, shell, `import { a } from '../../postgres/src/a.js'`, /leaves its workspace/))
proof('a relative import inside its workspace', () => accepts(arrows, 'shells/memory/src/a/b.ts', `import { c } from '../c.js'`))
proof('fp-ts that crashes in Node', () => reports(arrows, core, `import * as E from 'fp-ts/Either'`, /fp-ts\/lib\/Either\.js/))
proof('fp-ts as a whole', () => reports(arrows, core, `import { either } from 'fp-ts'`, /fp-ts\/lib/))
proof('fp-ts without the ending of the file', () => reports(arrows, core, `import * as E from 'fp-ts/lib/Either'`, /fp-ts\/lib/))

proof('a test file that never runs', () => {
  reports(testsRun, 'a/src/a.test.ts', `import { test } from 'uvu'\ntest('a', () => {})`, /'test' is never run/)
  reports(testsRun, 'a/src/a.test.ts', `import { suite } from 'uvu'\nconst a = suite('a')\nconst b = suite('b')\na.run()`, /'b' is never run/)
  reports(testsRun, 'a/src/a.test.ts', `import { suite } from 'uvu'\nconst a = suite('a') // a.run()`, /'a' is never run/)
  reports(testsRun, 'a/src/a.test.ts', 'export {}', /has no '\.run\(\)'/)
  accepts(testsRun, 'a/src/a.test.ts', `import { test } from 'uvu'\ntest('a', () => {})\ntest.run()`)
  accepts(testsRun, 'a/src/a.test.ts', `conformance({ name: 'memory', make })`)
  accepts(testsRun, 'a/src/a.ts', 'export {}')
})

proof('clock, randomness and surroundings in core and functions', () => {
  for (const text of ['Date.now()', 'new Date()', 'new Date(0)', 'Math.random()', 'setTimeout(f)', 'setInterval(f)', 'setImmediate(f)', 'process.env', 'console.log(1)', 'randomUUID()', 'randomBytes(4)', '`${Date.now()}`']) {
    reports(pure, core, `const a = 1\n${text}`, /^2 .*reaches outside/)
    reports(pure, essential, text, /reaches outside/)
    accepts(pure, shell, text)
    accepts(pure, 'components/core/src/port.test.ts', text)
  }
  accepts(pure, core, `queueMicrotask(f) // Date.now()\nconst preprocess = { now: 'Date.now()' }`)
})

proof('types given up', () => {
  for (const text of ['const a: any = 1', 'a as any', 'f<any>(a)', 'f<string, any>(a)', 'a as unknown as B', 'type A = any\ntype B = 1', 'const a: any[] = []'])
    reports(typed, shell, text, /gives the types up/)
  accepts(typed, shell, `const a = z.any() // any\nconst many = 'any'\nconst b: unknown = a`)
  accepts(typed, 'shells/memory/src/store.test.ts', 'a as any')
  accepts(typed, core, 'type A<F extends (...args: any[]) => unknown> = F // constraint: any function')
  reports(typed, shell, 'type A<F extends (...args: any[]) => unknown> = F // constraint', /gives the types up/)
})

proof('a default export', () => {
  reports(named, shell, 'export default 1', /default export/)
  reports(named, shell, 'export { a as default }', /default export/)
  accepts(named, shell, `const a = 'export default' // export default`)
})

proof('a handler whose decision stands above what it looks up', () => {
  reports(ordered, essential, `commandHandler({\n  operate: (ctx, { data }) => [f(data)],\n  lookup: () => ({}),\n})`, /^2 /)
  reports(ordered, essential, `policy({ operate() { return 1 }, lookup() { return { a } } })`, /operate/)
  accepts(ordered, essential, `commandHandler({\n  lookup: () => ({}),\n  operate: () => 1,\n})\nqueryHandler({ lookup: () => 1 })`)
})

proof('files and a core that grow', () => {
  reports(short, shell, 'a\n'.repeat(251), /^251 has 251 lines/)
  accepts(short, shell, 'a\n'.repeat(250))
  const grown = text => coreSize([{ path: core, text }, { path: 'components/core/src/port.test.ts', text: 'a\n'.repeat(900) }])
  assert.is(grown('a\n'.repeat(900)).length, 1)
  assert.is(grown(`${'a\n'.repeat(899)}\n// a\n/* a\n a */\n`).length, 0)
})

proof('workspaces that are built in the wrong order', () => {
  const told = (space, list) => references([space, all[1]], list).filter(f => f.path.startsWith(space.dir)).map(f => f.message)
  const run = ours => space('components/run', { dependencies: { '@lowtide/core': '' } }, ours)
  assert.equal(told(run(['components/core']), ['components/run']), [])
  assert.match(told(run(['components/core']), [])[0], /root's tsconfig\.json/)
  assert.match(told(run([]), ['components/run'])[0], /does not refer/)
  assert.match(told(space('components/run', {}, ['components/core']), ['components/run'])[0], /does not depend/)
})

proof('a lock file with addresses', () => {
  reports(lock, 'package-lock.json', '{\n"resolved": "https://example.org/a.tgz" }', /^2 .*download addresses/)
  accepts(lock, 'package-lock.json', '{ "resolved": "components/core" }')
})

proof.run()

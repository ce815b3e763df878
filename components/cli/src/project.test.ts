// time limit: 120 s
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Ended, begun, mains, repository, root } from './operator/fixture.js'

const test = suite('projects')
const imports = `import { run, deployment } from '@lowtide/run'\nimport { memory } from '@lowtide/memory'\nconst d = deployment({ name: 'empty', functions: [], shell: memory(), processes: {} })\n`
const places: string[] = []
const repo = (projects: { readonly [name: string]: string }): string => {
  const place = repository(projects)
  places.push(place)
  return place
}
const status = (cwd: string, project = ''): Promise<Ended> => begun([...(project === '' ? [] : ['--project', project]), 'status'], { cwd }).ended
const well = { code: 0, stdout: 'the shelf stands well\n', stderr: '' }
test.after(() => { for (const place of places) rmSync(place, { recursive: true, force: true, maxRetries: 10 }) }) // a server may just be ending there

test('the only one is found, also from below, and from within', async () => {
  const place = repo({ shop: mains.shop })
  for (const cwd of [place, join(place, 'projects'), join(place, 'projects/shop/dist')]) assert.equal(await status(cwd), well, cwd)
})
test('of several, the one where we stand', async () => {
  const place = repo(mains)
  assert.equal(await status(join(place, 'projects/shop')), well)
  assert.is((await status(join(place, 'projects'))).code, 2)
})
test('a path to a main or to a folder, from where we stand', async () => {
  const place = repo(mains)
  for (const path of ['./projects/shop/dist/main.js', 'projects/shop', join(place, 'projects/shop/dist/main.js')]) assert.equal(await status(place, path), well, path)
  assert.equal(await status(join(place, 'projects/shop/dist'), 'main.js'), well)
  assert.equal(await status(join(place, 'projects/shop'), '.'), well)
  assert.equal(await status(join(place, 'projects/fleeting'), 'shop'), well)
})
test('package.json may name it', async () => {
  const place = repo(mains), manifest = join(place, 'package.json')
  writeFileSync(manifest, '{ "lowtide": { "project": "./projects/shop/dist/main.js" } }')
  assert.equal(await status(place), well)
  assert.equal(await status(join(place, 'projects')), well)
  assert.is((await status(join(place, 'projects/fleeting'))).code, 2, 'the nearest counts')
  writeFileSync(manifest, '{ "lowtide": "./projects/shop/dist/main.js" }')
  assert.match((await status(place)).stderr, /'lowtide' in .*package\.json must be as \{ "project": "\.\/dist\/main\.js" \}, found "\.\/projects/)
  writeFileSync(manifest, '{')
  const broken = await status(place)
  assert.is(broken.code, 1)
  assert.match(broken.stderr, /^lowtide: cannot read .*package\.json: /)
})
test('package.json may name it where there are no projects', async () => {
  const place = repo({}), dist = join(place, 'dist')
  mkdirSync(dist)
  writeFileSync(join(place, 'package.json'), '{ "type": "module", "lowtide": { "project": "dist/main.js" } }')
  writeFileSync(join(dist, 'main.js'), mains.shop)
  for (const cwd of [place, dist]) assert.equal(await status(cwd), well, cwd)
})
test('none at all, and one that is not built', async () => {
  const place = repo({ shop: '' })
  assert.equal(await status(place), { code: 2, stdout: '', stderr: "lowtide: the project 'shop' has no compiled main: expected projects/shop/dist/main.js, found none; build it first ('npm run build')\n" })
  rmSync(join(place, 'projects'), { recursive: true })
  const none = await status(place), help = await begun(['--help'], { cwd: place }).ended
  assert.is(none.code, 2)
  assert.match(none.stderr, /^lowtide: there is no project here: expected --project, "lowtide"/)
  assert.equal([help.code, help.stderr], [0, ''])
  assert.match(help.stdout, 'parked redrive')
})

for (const [what, main, expected] of [
  ['throws', `throw new Error('there is no ' + process.env.SHOP_URL)`, /it failed before it called run\(deployment\(…\)\):\nError: there is no postgres:\/\/keeper:\*\*\*@/],
  ['throws in an own turn', `setTimeout(() => { throw new Error('too late') }, 10); await new Promise(() => {})`, /it failed before it called run[^]*Error: too late/],
  ['rejects unseen', `void (async () => { throw new Error('unseen') })()`, /it failed before it called run[^]*Error: unseen/],
  ['does not parse', `const = 1`, /it failed before it called run[^]*SyntaxError/],
  ['is wired wrongly', `${imports}await run(deployment({ functions: [], shell: memory(), processes: {}, ports: { mail: {}, sms: {} } }))`, /called run\(deployment\(…\)\):\n\[lowtide\] this deployment cannot start:\n {2}- a binding is given for port 'mail'.*\n {2}- a binding is given for port 'sms'.*\n$/],
  ['ends without it', `export {}`, /it ended and never called run\(deployment\(…\)\); expected that once\n$/],
  ['waits for what never comes', `await new Promise(() => {})`, /it ended and never called run/],
  ['ends the process', `process.exit(0)`, /it ended the process before it called run\(deployment\(…\)\)\n$/],
  ['calls it twice', `${imports}void run(d)\nvoid run(d)`, /it called run more than once; expected one deployment/],
  ['gives something else', `import { run } from '@lowtide/run'\nawait run({ name: 'shop' })`, /what it gave to run is no deployment/],
  ['takes too long', `setInterval(() => {}, 1000)`, /it did not call run\(deployment\(…\)\) within 10 s/],
] as const) test(`a main that ${what}`, async () => {
  const place = repo({ shop: main }), { code, stdout, stderr } = await status(place)
  assert.match(stderr, expected)
  assert.match(stderr, new RegExp(`^lowtide: cannot read the project 'shop' \\(${place}/projects/shop/dist/main\\.js\\): `))
  assert.equal([code, stdout], [1, ''])
})

test('a main that cannot be read still has general help', async () => {
  const place = repo({ shop: `throw new Error('broken')` }), { code, stdout, stderr } = await begun(['--help'], { cwd: place }).ended
  assert.is(code, 0)
  assert.match(stdout, 'parked list')
  assert.match(stderr, /cannot read the project 'shop'[^]*Error: broken/)
  assert.is((await begun(['--project', 'shop', '--help'], { cwd: place }).ended).code, 1)
})

test('another copy of @lowtide/run', async () => {
  const place = repo({ shop: mains.shop }), copy = join(place, 'projects/shop/node_modules/@lowtide/run')
  mkdirSync(copy, { recursive: true })
  for (const part of ['package.json', 'dist']) cpSync(join(root, 'components/run', part), join(copy, part), { recursive: true })
  writeFileSync(join(copy, 'dist/index.js'), `console.error('a copy');\nexport * from './run.js'`)
  assert.equal(await status(place), { ...well, stderr: 'a copy\n' })
})

test('package.json may name a module that prepares what a main needs', async () => {
  const place = repo({ shop: `if (process.env.SHOP_PREPARED !== 'shop') throw new Error('nobody has prepared this')\n${mains.shop}` }), manifest = join(place, 'package.json'), module = join(place, 'prepare.mjs'), cannot = `lowtide: cannot prepare the project 'shop' by ${module}, as 'lowtide.prepare' of package.json says: `
  writeFileSync(manifest, '{ "lowtide": { "prepare": "./prepare.mjs" } }')
  assert.equal(await status(place), { code: 1, stdout: '', stderr: `${cannot}there is no such file\n` })
  writeFileSync(module, 'export const nothing = 1')
  assert.equal(await status(place), { code: 1, stdout: '', stderr: `${cannot}expected that it exports a function 'prepare'\n` })
  writeFileSync(module, `export const prepare = async () => { throw new Error('the cellar is locked: ' + process.env.SHOP_URL) }`)
  assert.match((await status(place)).stderr, `${cannot}the cellar is locked: postgres://keeper:***@`)
  writeFileSync(module, `export const prepare = async ({ name, main }) => { console.log('prepares', main.endsWith('dist/main.js')); process.env.SHOP_PREPARED = name }`)
  assert.equal(await status(place), { ...well, stderr: 'prepares true\n' })
  writeFileSync(manifest, '{ "lowtide": { "prepare": 1 } }')
  assert.match((await status(place)).stderr, /'lowtide' in .*package\.json must be as \{ "prepare": "\.\/prepare\.mjs" \}, found \{"prepare":1\}/)
})

const ended = async (command: string, args: readonly string[], cwd: string): Promise<Ended> => {
  const child = spawn(command, args, { cwd, env: { PATH: process.env['PATH'], HOME: process.env['HOME'], LOWTIDE_DATA: process.env['LOWTIDE_DATA'], npm_config_update_notifier: 'false' }, stdio: ['ignore', 'pipe', 'pipe'] }), said = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) child[name].setEncoding('utf8').on('data', (text: string) => { said[name] += text })
  const [code] = await once(child, 'close') as [number]
  return { code, ...said }
}
test('npx lowtide, in this repository', async () => {
  const { code, stdout } = await ended('npx', ['--no-install', 'lowtide', '--project', 'gql-async', '--help'], root)
  assert.is(code, 0)
  assert.match(stdout, /verbs of 'gql-async', whose shell is 'memory':\n {2}\(none: all its state ends with its process\)/)
})
test('npx lowtide status, in this repository, of a project that needs a database: it runs for the command', async () => {
  const place = repo({})
  chmodSync(place, 0o755)
  process.env['LOWTIDE_DATA'] = place
  const { code, stderr } = await ended('npx', ['--no-install', 'lowtide', '--project', 'gql-postgres', 'status'], root)
  assert.is(code, 1)
  assert.match(stderr, /PostgreSQL did not run: it runs for this command\.\nlowtide: \[postgres\] cannot tell the status of schema 'lowtide' at .*:\n- expected a schema 'lowtide', found none in this database; run 'lowtide migrate' for this project\n$/)
})
test('before the build it says so', async () => {
  const place = repo({})
  cpSync(join(root, 'components/cli/bin'), join(place, 'bin'), { recursive: true })
  assert.equal(await ended(process.execPath, [join(place, 'bin/lowtide.mjs'), 'status'], place), { code: 1, stdout: '', stderr: "lowtide: @lowtide/cli is not built: its folder 'dist' is missing; run 'npm run build' first\n" })
})

test.run()

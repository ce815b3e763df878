// time limit: 120 s
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { running, serving } from './terminal.mjs'
import { root } from './workspaces.mjs'

const test = suite('npm start')

const start = (args, { input = '', ...env } = {}) => {
  const { child, ended } = running(process.execPath, ['scripts/start.mjs', ...args], env)
  child.stdin.end(input)
  return ended
}

for (const signal of ['SIGINT', 'SIGTERM']) test(`serves GraphQL at its port until ${signal}, given to npm, and ends with 0`, async () => {
  const { child, ended, prints } = running('npm', ['start', 'gql-async'], { PORT: '0' })
  try {
    const [, url] = await prints(serving)
    const [, shown] = await prints(/curl (\S+) /)
    assert.is(shown, url)
    const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"query":"{ Customers { pageInfo { hasNextPage } } }"}' })
    assert.equal(await response.json(), { data: { Customers: { pageInfo: { hasNextPage: false } } } })
    child.kill(signal)
    assert.equal(await ended.then(({ code, stderr }) => ({ code, stderr: stderr.replace(/^npm warn .*\n/gm, '') })), { code: 0, stderr: '' })
  } finally { child.kill('SIGKILL') }
})

test('what it prints can be pasted', async () => {
  const { child, ended, prints } = running(process.execPath, ['scripts/start.mjs', 'gql-async'], { PORT: '0' })
  try {
    const [, call] = await prints(/ {2}(curl [^]*?)\n\n/)
    const { code, stdout } = await running('bash', ['-c', call], { CURL_HOME: join(root, 'scripts/docs') }).ended
    assert.is(code, 0)
    assert.match(stdout, /^\{"data":\{"InviteCustomer":\{"id":"[\w-]+","invited":true\}\}\}$/)
    await prints(/a mail/)
  } finally { child.kill('SIGTERM') }
  const { code, stdout } = await ended
  assert.is(code, 0)
  const [greeting, mail] = stdout.replaceAll(/:\d+\/graphql/g, ':4000/graphql').split(/(?<=Ctrl-C stops it\.\n)/)
  for (const text of [greeting, mail]) assert.ok(readFileSync(join(root, 'projects/gql-async/README.md'), 'utf8').includes(`\`\`\`\n${text}\`\`\``), `the project's README does not show this:\n${text}`)
})

test('a port that is in use, or none, is told in one line', async () => {
  const taken = createServer()
  await new Promise(resolve => { taken.listen(0, '127.0.0.1', resolve) })
  const { port } = taken.address()
  try {
    assert.equal(await start(['gql-async'], { PORT: String(port) }), { code: 1, stdout: '', stderr: `npm start: graphql: port ${port} on 127.0.0.1 is in use; give another one (PORT=0 takes a free one)\n` })
  } finally { taken.close() }
})

test('a project with arguments', async () => {
  const { code, stdout } = await start(['basic-async', 'projects/basic-async/sample.csv'])
  assert.match(stdout, /^6 invited, 1 already invited, 0 invalid /)
  assert.is(code, 0)
})

test('a project with standard input', async () => {
  const { code, stdout } = await start(['basic-async'], { input: 'ann@example.org\n' })
  assert.match(stdout, /^1 invited, /)
  assert.is(code, 0)
})

test('help', async () => {
  for (const args of [['--help'], ['-h'], ['gql-async', '--help'], ['--fresh', '-h']]) {
    const { code, stdout, stderr } = await start(args)
    assert.match(stdout, /^Runs a project[^]*npm start +gql-postgres[^]*npm start -- --fresh[^]*npm start -- --split[^]*npm start -- --only handlers[^]*DATABASE_URL=postgres[^]*npm start gql-async[^]*npm start basic-async -- customers\.csv[^]*projects: basic-async, gql-async, gql-postgres\n$/)
    assert.equal([code, stderr], [0, ''])
  }
})

for (const [args, expected] of [
  [['gql-asnyc'], `npm start: there is no project 'gql-asnyc'; the projects are: basic-async, gql-async, gql-postgres.\nDid you mean 'npm start gql-async'?\n`],
  [['package.json'], `npm start: there is no project 'package.json'; the projects are: basic-async, gql-async, gql-postgres.\nTo give the file to a project: npm start basic-async -- package.json\n`],
  [['--port', '5000'], `npm start: gql-postgres takes no arguments but --fresh, --split, --only <process> and --json, found '--port 5000'; its port is in the environment: PORT=5000 npm start\n`],
  [['gql-async', 'a.csv'], `npm start: gql-async takes no arguments, found 'a.csv'; its port is in the environment: PORT=5000 npm start gql-async\n`],
  [['--frehs'], `npm start: gql-postgres takes no arguments but --fresh, --split, --only <process> and --json, found '--frehs'; its port is in the environment: PORT=5000 npm start\nDid you mean 'npm start -- --fresh'?\n`],
  [['gql-postgres', '--fresh', '--hepl'], `npm start: gql-postgres takes no arguments but --fresh, --split, --only <process> and --json, found '--hepl'; its port is in the environment: PORT=5000 npm start\nDid you mean 'npm start -- --help'?\n`],
  [['--slpit'], `npm start: gql-postgres takes no arguments but --fresh, --split, --only <process> and --json, found '--slpit'; its port is in the environment: PORT=5000 npm start\nDid you mean 'npm start -- --split'?\n`],
  [['--only'], "npm start: --only: expected the name of a process, found none; as in: npm start -- --only handlers\n"],
  [['--split', '--only=front'], 'npm start: found --split, which starts all processes, and --only, which starts one of them; give one of the two\n'],
  [['--json'], 'npm start: --json tells of processes; give it with --split or --only, as in: npm start -- --split --json\n'],
  ...[['--split'], ['--only', 'handlers']].map(args => [['gql-async', ...args], "npm start: gql-async runs in one process only: what its shell 'memory' holds is in the memory of that one, where no other finds it (its guarantee 'scaleOut' is 'one process', expected 'processes'); start it as a whole\n"]),
  [['gql-async', '--fresh'], 'npm start: gql-async keeps no data that --fresh could empty\n'],
]) test(`npm start ${args.join(' ')}`, async () => assert.equal(await start(args), { code: 2, stdout: '', stderr: expected }))

test.run()

// time limit: 240 s
import { chmodSync, copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freshDatabase, postgres } from '@lowtide/servers'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { call, invite, lives, running, serving, until } from './terminal.mjs'
import { root } from './workspaces.mjs'

const test = suite('npm start, with a PostgreSQL of its own')
const asRoot = process.getuid?.() === 0
const places = [], children = new Set()
/** A folder for data, which another uid can enter. */
const place = () => {
  const folder = mkdtempSync(join(tmpdir(), 'lowtide-start-'))
  chmodSync(folder, 0o755)
  places.push(folder)
  return folder
}
let copied
/** This Node where any user can run it: that of a version manager may lie in a home folder. */
const reachable = () => {
  if (copied === undefined) {
    copied = join(place(), 'node')
    copyFileSync(process.execPath, copied)
    chmodSync(copied, 0o755)
  }
  return copied
}
const begun = (args, env, options) => {
  const p = running(options?.uid === undefined ? process.execPath : reachable(), args, { PORT: '0', ...env }, options)
  children.add(p.child)
  void p.ended.then(() => children.delete(p.child))
  return p
}
const start = (data, { args = [], ...env } = {}) => begun(['scripts/start.mjs', ...args], { LOWTIDE_DATA: data, ...env })
const lowtide = (data, ...args) => begun([join(root, 'node_modules/.bin/lowtide'), '--project', 'gql-postgres', ...args], { LOWTIDE_DATA: data })
const urlOf = async p => (await p.prints(serving))[1]
/** The server's first process, by the file that it keeps in its data. */
const serverOf = folder => Number(readFileSync(join(folder, 'data/postmaster.pid'), 'utf8').split('\n')[0])
const gone = pid => until(`the end of server ${pid}`, () => !lives(pid))
const ends = async (p, signal = 'SIGTERM') => {
  p.child.kill(signal)
  const { code, stderr } = await p.ended
  assert.is(code, 0, stderr)
}
const emails = async url => (await call(url, '{ Customers(first: 100) { edges { node { email } } } }')).data.Customers.edges.map(({ node }) => node.email).toSorted()

test.after(() => {
  for (const child of children) child.kill('SIGKILL')
  for (const folder of places) rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
})

test('data survive a stop and SIGKILL, a key its answer; --fresh empties them; each time no server is left', async () => {
  const data = place(), folder = join(data, 'gql-postgres'), key = { 'idempotency-key': 'ann-once' }
  const first = start(data), at = await urlOf(first), answer = await invite(at, 'ann@example.org', key), server = serverOf(folder)
  assert.is(first.said.stderr, 'Made the database: 2 tables.\n')
  assert.is(answer.data.InviteCustomer.email, 'ann@example.org')
  assert.ok(lives(server))
  const stream = await fetch(at, { method: 'POST', headers: { 'content-type': 'application/json', accept: 'text/event-stream' }, body: '{"query":"subscription { CustomerInvited { id } }"}' })
  first.child.kill('SIGINT')
  await ends(first, 'SIGINT') // as npm hands on Ctrl-C
  assert.not(lives(server), 'the server ends before the process does')
  await stream.text().catch(() => {})

  const second = start(data), url = await urlOf(second), pid = serverOf(folder)
  assert.is(second.said.stderr, '')
  assert.equal(await invite(url, 'ann@example.org', key), answer)
  await invite(url, 'bob@example.org')
  second.child.kill('SIGKILL')
  await second.ended
  await gone(pid)

  const third = start(data)
  assert.equal(await emails(await urlOf(third)), ['ann@example.org', 'bob@example.org'])
  assert.equal(await invite(await urlOf(third), 'ann@example.org', key), answer)
  assert.is((await invite(await urlOf(third), 'cyd@example.org')).data.InviteCustomer?.email, 'cyd@example.org')
  const refused = await start(data, { args: ['--fresh'] }).ended
  assert.is(refused.code, 1)
  assert.match(refused.stderr, /^npm start: cannot empty the data in .*: a server runs on them; stop the other 'npm start' first\n$/)
  await ends(third)

  const fresh = start(data, { args: ['--fresh'] })
  assert.equal(await emails(await urlOf(fresh)), [])
  assert.is(fresh.said.stderr, `Emptied the data in ${folder}.\nMade the database: 2 tables.\n`)
  await ends(fresh)
})

test('by npm, as the README of the project shows it, until Ctrl-C', async () => {
  const data = place(), p = running('npm', ['start', '--', '--fresh'], { LOWTIDE_DATA: data, PORT: '0' }), url = await urlOf(p)
  await p.prints(/Ctrl-C stops it\.\n/)
  const pid = serverOf(join(data, 'gql-postgres')), shown = p.said.stdout.slice(p.said.stdout.indexOf('Lowtide serves')).replaceAll(/:\d+\/graphql/g, ':4000/graphql')
  assert.ok(readFileSync(join(root, 'projects/gql-postgres/README.md'), 'utf8').includes(`\`\`\`\nMade the database: 2 tables.\n${shown}\`\`\``), `the project's README does not show this:\n${shown}`)
  await invite(url, 'ann@example.org')
  await ends(p, 'SIGINT')
  await gone(pid)
})

test('a second one shares the server, and runs it when the first has ended; lowtide reaches it, or runs it for a command', async () => {
  const data = place(), folder = join(data, 'gql-postgres'), alone = lowtide(data, 'migrate')
  const made = await alone.ended
  assert.is(made.code, 0, made.stderr)
  assert.match(made.stdout, /create table 'customers'/)
  assert.is(made.stderr, 'PostgreSQL did not run: it runs for this command.\n')

  const [a, b] = [start(data), start(data)], [atA, atB] = await Promise.all([urlOf(a), urlOf(b)]), shares = 'Shares the PostgreSQL that runs already.\n'
  const [owner, other, atOther] = a.said.stderr === '' ? [a, b, atB] : [b, a, atA], server = serverOf(folder)
  assert.equal([owner.said.stderr, other.said.stderr], ['', shares])
  await invite(atA, 'ann@example.org')
  assert.is((await invite(atB, 'ann@example.org')).errors[0].extensions.code, 'already-invited')
  for (const [verb, expected] of [[['status'], /Consumers/], [['parked', 'list'], /./]]) {
    const { code, stdout, stderr } = await lowtide(data, ...verb).ended
    assert.equal([code, stderr], [0, ''])
    assert.match(stdout, expected)
  }
  await ends(owner)
  await gone(server)
  await other.prints(/Runs the PostgreSQL from now on/, 'stderr')
  await until('an invitation', async () => { try { return (await invite(atOther, 'bob@example.org')).data?.InviteCustomer } catch { return false } })
  assert.equal(await emails(atOther), ['ann@example.org', 'bob@example.org'])
  const last = serverOf(folder)
  await ends(other, 'SIGINT')
  await gone(last)
})

test('a signal while it starts ends it with 0, and leaves no server', async () => {
  const data = place(), folder = join(data, 'gql-postgres')
  const early = start(data)
  await until('its folder', () => existsSync(folder))
  await ends(early)
  const late = start(data)
  await late.prints(/Made the database/, 'stderr')
  const pid = serverOf(folder)
  await ends(late, 'SIGINT')
  await gone(pid)
  assert.not(existsSync(join(folder, 'data/postmaster.pid')))
})

test('a port in use, or none, is told in one line before a server is started', async () => {
  const data = place(), taken = createServer()
  await new Promise(resolve => { taken.listen(0, '127.0.0.1', resolve) })
  const { port } = taken.address(), { code, stdout, stderr } = await start(data, { PORT: String(port) }).ended
  taken.close()
  assert.equal({ code, stdout, stderr }, { code: 1, stdout: '', stderr: `npm start: port ${port} on 127.0.0.1 is in use; give another one (PORT=0 takes a free one)\n` })
  assert.equal(await start(data, { PORT: 'http' }).ended, { code: 1, stdout: '', stderr: "npm start: PORT: expected a whole number from 0 to 65535, found 'http'\n" })
  assert.not(existsSync(join(data, 'gql-postgres')))
})

test('DATABASE_URL: that database is used, and neither migrated nor emptied unasked', async () => {
  const data = place(), server = await postgres()
  try {
    const { url: DATABASE_URL } = await freshDatabase(server.url), bare = await start(data, { DATABASE_URL }).ended
    assert.equal([bare.code, bare.stdout], [1, ''])
    assert.match(bare.stderr, /^npm start: \[gql-postgres\] the shell 'postgres' cannot start: .*\n- expected a schema 'lowtide', found none in this database; run 'lowtide migrate' for this project\nHere that is: npx lowtide migrate --project gql-postgres\n$/)
    const lost = await start(data, { DATABASE_URL: 'postgres://ann:pl4nted-s3cret@127.0.0.1:1/nowhere' }).ended
    assert.equal([lost.code, lost.stdout, lost.stderr.includes('pl4nted-s3cret')], [1, '', false])
    assert.match(lost.stderr, /^npm start: .* at ann@127\.0\.0\.1:1\/nowhere: expected a server at 127\.0\.0\.1:1, found nobody who listens there; start it, or see to host and port\n$/)
    const { code, stderr } = await start(data, { DATABASE_URL, args: ['--fresh'] }).ended
    assert.is(code, 1)
    assert.match(stderr, 'DATABASE_URL names a database of yours, which it leaves alone')
    const migrated = await begun([join(root, 'node_modules/.bin/lowtide'), 'migrate', '--project', 'gql-postgres'], { DATABASE_URL }).ended
    assert.equal([migrated.code, migrated.stderr], [0, ''])
    const p = start(data, { DATABASE_URL })
    await invite(await urlOf(p), 'ann@example.org')
    await ends(p)
    assert.is(p.said.stderr, '')
    assert.not(existsSync(join(data, 'gql-postgres')))
  } finally { await server.stop() }
})

if (asRoot) {
  const elsewhere = /^The data are in (\/var\/tmp\/lowtide-\d+-[\da-f]{12}\/gql-postgres), for (.*)\.\n/
  /** A checkout in a folder; its own data, not these of ours. */
  const checkout = folder => {
    const copy = join(folder, 'lowtide')
    mkdirSync(copy)
    for (const name of ['scripts', 'package.json', 'tsconfig.json']) cpSync(join(root, name), join(copy, name), { recursive: true, preserveTimestamps: true })
    for (const name of ['functions', 'components', 'shells', 'projects', 'benchmarks']) cpSync(join(root, name), join(copy, name), { recursive: true, preserveTimestamps: true, filter: path => !path.endsWith('/.data') })
    symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'))
    return copy
  }
  const twice = async (cwd, uid, why) => {
    let home
    try {
      for (const expected of [[], ['ann@example.org']]) {
        const p = begun(['scripts/start.mjs'], {}, { cwd, ...(uid === undefined ? {} : { uid, gid: uid }) }), url = await urlOf(p), [, folder, told] = elsewhere.exec(p.said.stderr) ?? []
        assert.match(told ?? p.said.stderr, why)
        home = join(folder, '..')
        assert.is(statSync(home).uid, uid ?? 0)
        assert.equal(await emails(url), expected)
        await invite(url, 'ann@example.org')
        await ends(p)
      }
      if (uid !== undefined) return
      chmodSync(home, 0o777)
      const refused = await begun(['scripts/start.mjs'], {}, { cwd }).ended
      assert.is(refused.code, 1)
      assert.match(refused.stderr, /was not made by this user: expected a folder of uid \d+ that only it may write to; remove it, or name a folder with LOWTIDE_DATA/)
    } finally { if (home) rmSync(home, { recursive: true, force: true }) }
  }
  test('as root below a folder that the server cannot enter, the data are elsewhere, and durable; a folder that others may write to is not used', async () => {
    const home = place(), copy = checkout(home)
    chmodSync(home, 0o700)
    await twice(copy, undefined, new RegExp(`^uid 65534, as which root's server runs, may not enter '${home}'$`))
  })
  test('in the checkout of somebody else as well', async () => {
    const home = place(), copy = checkout(home)
    await twice(copy, 1, /^this user may not write to '.*gql-postgres'$/)
  })
}

test.run()

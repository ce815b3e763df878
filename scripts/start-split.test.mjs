// time limit: 180 s
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { running as runningOn } from '@lowtide/servers'
import pg from 'pg'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { call, invite, lives, running, serving, until } from './terminal.mjs'
import { root } from './workspaces.mjs'

const test = suite('npm start, each process by itself')
const places = [], children = new Set()
/** A folder for data, which another uid can enter. */
const place = () => {
  const folder = mkdtempSync(join(tmpdir(), 'lowtide-split-'))
  chmodSync(folder, 0o755)
  places.push(folder)
  return folder
}
/** In a group of its own, as at a terminal, whose Ctrl-C reaches all of them. */
const begun = (command, args, data) => {
  const p = running(command, args, { PORT: '0', LOWTIDE_DATA: data }, { detached: true })
  children.add(p.child)
  return p
}
const start = (data, ...args) => begun(process.execPath, ['scripts/start.mjs', ...args], data)
const signal = ({ child }, name) => process.kill(-child.pid, name)
const serverOf = data => Number(readFileSync(join(data, 'gql-postgres/data/postmaster.pid'), 'utf8').split('\n')[0])
const commandOf = pid => readFileSync(`/proc/${pid}/cmdline`, 'utf8')
const allGone = pids => until(`the end of ${pids.join(', ')}`, () => pids.every(pid => !lives(pid)))
/** What it told of processes: the last of each name. */
const told = p => new Map(p.said.stdout.split('\n').slice(0, -1).map(line => JSON.parse(line)).map(one => [one.process, one]))
const toldOf = async (p, count = 3) => { await until('the processes', () => p.child.exitCode !== null || told(p).size >= count); return told(p) }
const rows = async (data, query) => {
  const client = new pg.Client({ connectionString: await runningOn(join(data, 'gql-postgres')) })
  await client.connect()
  try { return (await client.query(query)).rows } finally { await client.end() }
}

test.after(() => {
  for (const { pid } of children) try { process.kill(-pid, 'SIGKILL') } catch { /* it has ended */ }
  for (const folder of places) rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
})

test('tells of them in a table, as the README of the project shows it, until Ctrl-C, which ends them all; one by hand shares the server and the work', async () => {
  const data = place(), byHand = start(data, '--only', 'handlers')
  await byHand.prints(new RegExp(`^process +pid +port +handlers\n[- ]+\nhandlers +${byHand.child.pid} +invite-customer, welcome$`, 'm'))
  const p = begun('npm', ['start', '--', '--split'], data)
  const [table] = await p.prints(/process +pid +port +handlers\n[- ]+\nfront +\d+ +\d+\nhandlers +\d+ +invite-customer, welcome\nprojector +\d+ +customer-view\n/), [, url] = serving.exec(p.said.stdout)
  const plain = text => text.replaceAll(/\b\d+\b/g, 'N').replaceAll(/-+/g, '-').replaceAll(/ +/g, ' ')
  const shown = /```\n(process [^]*?)```/.exec(readFileSync(join(root, 'projects/gql-postgres/README.md'), 'utf8'))?.[1] ?? ''
  assert.is(plain(shown), plain(table))
  assert.is(Number(/^front +\d+ +(\d+)$/m.exec(table)[1]), Number(new URL(url).port))
  const pids = [...table.matchAll(/^(?:front|handlers|projector) +(\d+)/gm)].map(([, pid]) => Number(pid)), server = serverOf(data)
  assert.ok([...pids, server].every(lives))
  assert.equal((await call(url, 'mutation { InviteCustomer(email: "ann@example.org") { email invited } }')).data, { InviteCustomer: { email: 'ann@example.org', invited: true } })
  await until('a mail of the one by hand', async () => { await invite(url, `${Math.random()}@example.org`); return byHand.said.stdout.includes("a mail 'welcome'") })
  // One is in flight when Ctrl-C comes: the front ends first, and the others when it has been answered.
  const projector = pids[2], inFlight = (process.kill(projector, 'SIGSTOP'), invite(url, 'bob@example.org'))
  await until('its decision', async () => (await rows(data, "select from lowtide.customers where email = 'bob@example.org'")).length === 1)
  signal(p, 'SIGINT')
  await until('that the front takes nothing more', () => fetch(url).then(() => false, () => true))
  process.kill(projector, 'SIGCONT')
  assert.is((await inFlight).data?.InviteCustomer?.email, 'bob@example.org')
  const { code, stderr } = await p.ended
  assert.equal([code, stderr.replaceAll(/^npm warn .*\n/gm, '')], [0, 'Shares the PostgreSQL that runs already.\n'])
  assert.not(pids.some(lives), 'nobody is left when it has ended')

  byHand.child.kill('SIGTERM')
  const ended = await byHand.ended
  assert.equal([ended.code, ended.stderr], [0, 'Made the database: 2 tables.\n'])
  assert.not(lives(server))
})

test('handlers and projector are killed under load: each command is answered in the end, once, and queries meanwhile; --json tells of each new one; killed itself, it leaves nobody', async () => {
  const data = place(), p = start(data, '--split', '--json'), first = await toldOf(p), { port } = first.get('front'), url = `http://127.0.0.1:${port}/graphql`
  assert.equal([...first.values()].map(({ process: name, port: at, handlers }) => [name, at, handlers]), [['front', port, []], ['handlers', null, ['invite-customer', 'welcome']], ['projector', null, ['customer-view']]])
  const { password } = new URL(await runningOn(join(data, 'gql-postgres')))
  for (const pid of [p.child.pid, ...[...first.values()].map(one => one.pid)]) assert.not.ok(commandOf(pid).includes(password), 'no secret is on a command line')

  const count = 36, lines = 3, again = ['unavailable', 'timeout'], answers = []
  let next = 0, done = false, asked = 0
  const client = async () => {
    for (let n = next++; n < count; n = next++) {
      const email = `e${n}@example.org`
      for (;;) {
        const { data: answered, errors } = await invite(url, email, { 'idempotency-key': `key-${n}` })
        if (errors && again.includes(errors[0].extensions.code)) continue
        assert.is(errors, undefined, JSON.stringify(errors))
        answers.push(answered.InviteCustomer)
        break
      }
    }
  }
  const reader = async () => {
    for (; !done; asked++) assert.is((await call(url, '{ Customers(first: 1) { pageInfo { hasNextPage } } }')).errors, undefined)
  }
  const killer = async () => {
    for (const [nth, name] of [[8, 'handlers'], [16, 'projector']]) {
      await until(`answer ${nth}`, () => answers.length >= nth)
      const { pid } = told(p).get(name)
      process.kill(pid, 'SIGKILL')
      await until('another process', () => told(p).get(name).pid !== pid)
      assert.match(p.said.stderr, `'${name}' (pid ${pid}) ended with SIGKILL`)
      assert.match(p.said.stderr, `'${name}' runs again, pid ${told(p).get(name).pid}\n`)
    }
  }
  const reading = reader()
  await Promise.all([killer(), ...Array.from({ length: lines }, client)]).finally(() => { done = true })
  await reading
  assert.ok(asked > 0)
  const emails = Array.from({ length: count }, (_, n) => `e${n}@example.org`).toSorted()
  assert.equal(answers.map(({ email }) => email).toSorted(), emails)
  for (const table of ['customers', 'customer_views']) assert.equal((await rows(data, `select email from lowtide.${table} order by email collate "C"`)).map(({ email }) => email), emails)
  assert.equal((await rows(data, 'select id from lowtide.customers')).map(({ id }) => id).toSorted(), answers.map(({ id }) => id).toSorted())
  assert.is(p.said.stderr.match(/a mail 'welcome'/g).length >= count, true)

  const front = told(p).get('front').pid
  process.kill(front, 'SIGKILL')
  await until('another front', () => told(p).get('front').pid !== front)
  assert.is(told(p).get('front').port, port, 'whoever knows its URL finds it again')
  assert.is((await invite(url, 'e0@example.org')).errors[0].extensions.code, 'already-invited')
  const pids = [...told(p).values()].map(one => one.pid), server = serverOf(data)
  assert.ok([...pids, server].every(lives))
  p.child.kill('SIGKILL')
  await allGone([...pids, server])
})

test('what cannot start is told once, and nothing is left', async () => {
  const data = place(), lost = running(process.execPath, ['scripts/start.mjs', '--split'], { PORT: '0', LOWTIDE_DATA: data, DATABASE_URL: 'postgres://ann:pl4nted-s3cret@127.0.0.1:1/nowhere' })
  const { code, stdout, stderr } = await lost.ended
  assert.equal([code, stdout, stderr.includes('pl4nted-s3cret')], [1, '', false])
  assert.match(stderr, /^npm start: '(front|handlers|projector)' cannot start: \[gql-postgres\] .*found nobody who listens there; start it, or see to host and port\n$/)
  const typo = await start(data, '--only', 'handlres').ended
  assert.equal(typo, { code: 2, stdout: '', stderr: "npm start: gql-postgres has no process 'handlres'; nearest: 'handlers'; known: front, handlers, projector\n" })
  assert.not(existsSync(join(data, 'gql-postgres')))
})

test.run()

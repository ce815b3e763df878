import { until, within } from '@lowtide/testing'
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { folders, refused, rows, starter, value } from './fixture.js'
import { postgres, running } from './index.js'
import { isAlive, serves } from './process.js'

/** The parent of a server's first process. */
const guardOf = (pid: number): number => existsSync('/proc/self/stat')
  ? Number(/\) \S (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1])
  : Number(execFileSync('ps', ['-o', 'ppid=', '-p', String(pid)], { encoding: 'utf8' }))

const test = suite('the guard of a server')
const { make, remove } = folders()
test.after.each(remove)

for (const [what, victim] of [['process', (pid: number) => pid], ['process group', (pid: number) => -pid]] as const) {
  test(`whose ${what} is killed, a server ends, and its temporary folder goes`, async () => {
    const child = starter({})
    const { pid, data } = await within(60_000, 'a server', child.told)
    assert.ok(serves(pid) && existsSync(data))
    process.kill(victim(child.pid), 'SIGKILL')
    await until('the end of the server', 20_000, () => !isAlive(pid))
    await until('the end of its folder', 20_000, () => !existsSync(dirname(data)))
  })
}

test('whose process is killed, a durable folder stays and serves the next one', async () => {
  const folder = make(), child = starter({ folder })
  const { pid, url } = await within(60_000, 'a server', child.told)
  await rows(url, 'create table kept (id int); insert into kept values (7)')
  process.kill(-child.pid, 'SIGKILL')
  await until('the end of the server', 20_000, () => !isAlive(pid))
  const next = await postgres({ folder })
  try { assert.is(await value(next.url, 'select id from kept'), 7) } finally { await next.stop() }
})

test('a process that is killed in initdb leaves a half folder, which the next one makes anew', async () => {
  const folder = make(), child = starter({ folder })
  const drafts = () => readdirSync(folder).filter(name => name.startsWith('data.new.'))
  await until('a half folder', 30_000, () => drafts().some(name => existsSync(join(folder, name, 'PG_VERSION'))))
  process.kill(-child.pid, 'SIGKILL')
  await until('the end of initdb', 20_000, () => drafts().every(name => !isAlive(Number(name.split('.')[2]))))
  assert.not(existsSync(join(folder, 'data')))
  assert.is(drafts().length, 1)
  const server = await postgres({ folder })
  try {
    assert.is(await value(server.url, 'select 1'), 1)
    assert.equal(drafts(), [])
  } finally { await server.stop() }
})

test('the server goes with a guard that is killed itself', async () => {
  const server = await postgres(), { pid } = server
  const data = String(await value(server.url, 'show data_directory'))
  process.kill(guardOf(pid), 'SIGKILL')
  await until('the end of the server', 20_000, () => !serves(pid))
  await within(20_000, 'the stop', () => server.stop())
  assert.not(existsSync(dirname(data)))
})

test(`a lock of a killed server whose number is another process now ${existsSync('/proc/self/stat') ? 'does not stop the next one' : 'is told, where a process has no name'}`, async () => {
  const folder = make(), first = await postgres({ folder })
  const sleeper = starter({}), { pid } = await within(60_000, 'a second server', sleeper.told)
  try {
    await first.kill()
    // The sleeper's guard, which is no server, and lives.
    const lock = join(folder, 'data', 'postmaster.pid')
    writeFileSync(lock, readFileSync(lock, 'utf8').replace(/^\d+/, String(guardOf(pid))))
    assert.is(await running(folder), undefined)
    if (existsSync('/proc/self/stat')) {
      await first.restart()
      assert.is(await value(first.url, 'select 1'), 1)
    } else assert.match(await refused(first.restart()), 'expected a folder that no server uses')
  } finally {
    await first.stop()
    sleeper.stop()
    await sleeper.exited
  }
})

test('what ends before it serves leaves no folder', async () => {
  const message = await refused(postgres({ settings: { shared_buffers: 'lots' } }))
  const folder = /in '([^']+)'/.exec(message)?.[1] ?? ''
  assert.match(folder, 'lowtide-postgres-')
  assert.not(existsSync(folder))
})

test('a folder for temporary files that is not there is told', async () => {
  const before = process.env['TMPDIR']
  process.env['TMPDIR'] = '/not/there'
  try { assert.match(await refused(postgres()), "expected to make a folder in '/not/there'") } finally {
    if (before === undefined) delete process.env['TMPDIR']
    else process.env['TMPDIR'] = before
  }
})

test.run()

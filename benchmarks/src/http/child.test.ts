import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { child } from './child.js'
import { contest } from './contest.js'

const test = suite('processes of a contest')
const effort = { rounds: 1, warmUp: 0, commands: 20, ahead: 0, rows: [] }
const faultOf = (task: Promise<unknown>): Promise<string> => task.then(() => 'none', (e: unknown) => e instanceof Error ? e.message : '')
const listens = (port: number): Promise<boolean> => new Promise(resolve => {
  const socket = connect(port, '127.0.0.1', () => { socket.destroy(); resolve(true) }).on('error', () => resolve(false))
})

test('a server goes when it is closed, and when the process that started it is killed', async () => {
  const { ask, close } = child('graphql-js.child.js'), port = await ask<number>('port')
  assert.ok(await listens(port))
  await close()
  assert.not(await listens(port))

  const program = `const { child } = await import(${JSON.stringify(new URL('child.js', import.meta.url).href)}); console.log(await child('graphql-js.child.js').ask('port'))`
  const parent = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = await once(parent.stdout, 'data') as [Buffer], orphan = Number(line)
  assert.ok(await listens(orphan))
  parent.kill('SIGKILL')
  for (let tries = 0; tries < 100 && await listens(orphan); tries++) await new Promise(resolve => { setTimeout(resolve, 20) })
  assert.not(await listens(orphan))
})

test('a process that cannot start is a fault', async () => {
  assert.match(await faultOf(contest(effort, 'constant.js', [['none.child.js']])), /ended with 1$/)
})

test('a server that answers otherwise is a fault', async () => {
  assert.match(await faultOf(contest(effort, 'other.fixture.js', [['graphql-js.child.js']])), /^10 of 10 answers of graphql-js\.child\.js are wrong, the first of them:\nHTTP\/1\.1 200 OK/)
})

test.run()

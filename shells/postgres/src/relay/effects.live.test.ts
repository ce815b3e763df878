import { type ChildProcess, fork } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { httpEffect } from '@lowtide/http-effect'
import { deployment, run } from '@lowtide/run'
import { testServer } from '@lowtide/servers'
import { right, until, within } from '@lowtide/testing'
import * as E from 'fp-ts/lib/Either.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { postgres } from '../postgres.js'
import { inPlace, options } from './fixture.js'
import { Note, note, ring } from './functions/fixture.js'

const server = await testServer(), test = suite('effects over HTTP')
test.after(() => server.stop())
const keys = 8, each = 15

test('are each applied once by their key, in order, by a sink that fails by chance and is killed', inPlace(() => server.url, async place => {
  const folder = mkdtempSync(join(tmpdir(), 'lowtide-sink-')), file = join(folder, 'ledger')
  let port = 0, sink: ChildProcess | undefined
  const begin = async (): Promise<void> => {
    sink = fork(new URL('sink/fixture.js', import.meta.url), [JSON.stringify({ file, port })], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
    port = await new Promise<number>((resolve, reject) => { sink!.once('message', told => resolve(told as number)).once('exit', () => reject(new Error('the sink ended before it listened'))) })
  }
  const kill = (): Promise<void> => new Promise(resolve => { sink!.once('exit', () => resolve()); sink!.kill('SIGKILL') })
  const applied = (): readonly { readonly id: string; readonly data: { readonly key: string; readonly n: number } }[] => existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n').map(line => JSON.parse(line) as ReturnType<typeof applied>[number]) : []
  await begin()
  const app = await run(deployment({
    name: 'ringing', functions: [{ note, ring }], shell: postgres({ url: place.url, connections: 4 }), processes: { all: [note, ring] }, options,
    ports: { bell: httpEffect({ url: `http://127.0.0.1:${port}/welcome`, timeout: 1_000 }) },
  }), { signals: false })
  try {
    const sending = Promise.all(Array.from({ length: keys }, async (_, k) => { for (let n = 0; n < each; n++) await right(app.send(Note({ key: `k${k}`, n }))) }))
    for (const some of [10, 40, 80]) {
      await until(`${some} of them`, 20_000, () => applied().length >= some)
      await kill()
      await begin()
    }
    await sending
    await until('all of them', 20_000, () => applied().length >= keys * each)
    const expected = (await place.sql(`select message ->> 'id' as id from lowtide.lowtide_log where channel = 'effect-bell' order by 1`)).map(row => row['id'])
    assert.equal(applied().map(({ id }) => id).toSorted(), expected)
    for (let k = 0; k < keys; k++) assert.equal(applied().filter(({ data }) => data.key === `k${k}`).map(({ data }) => data.n), Array.from({ length: each }, (_, n) => n))
    assert.is((await place.sql('select from lowtide.lowtide_parked')).length, 0)
  } finally {
    await app.close()
    await kill()
    rmSync(folder, { recursive: true, force: true })
  }
}))

test('are left to the next start by a process that closes while the outside is away', inPlace(() => server.url, async place => {
  const rung: number[] = [], grace = 60_000
  let asked = 0, away = true
  const begin = () => run(deployment({
    name: 'ringing', functions: [{ note, ring }], shell: postgres({ url: place.url, connections: 4 }), processes: { all: [note, ring] }, options: { ...options, grace, backoffBase: grace, backoffCap: grace },
    ports: { bell: { effect: ({ n }: { readonly n: number }) => async () => { asked++; return away ? E.left({ failure: 'away', retry: true, unavailable: true }) : E.right(void rung.push(n)) } } },
  }), { signals: false })
  const first = await begin()
  for (const n of [0, 1, 2]) await right(first.send(Note({ key: 'k', n })))
  await until('an attempt', 20_000, () => asked > 0)
  await within(20_000, 'close', () => first.close())
  away = false
  const next = await begin()
  try {
    await until('all of them', 20_000, () => rung.length === 3)
    assert.equal(rung, [0, 1, 2])
  } finally { await next.close() }
}))

test.run()

import { chmodSync, chownSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { within } from '@lowtide/testing'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { folders, refused, starter, value } from './fixture.js'
import { barred, isServed, postgres } from './index.js'

// Which of them run is said by their names: root tries both, others can be themselves only.
const test = suite('the user of a server')
const { make, remove } = folders()
test.after.each(remove)
const root = process.getuid?.() === 0
/** initdb wants a user with a name; this uid has one on every system. */
const ann = 1

const owns = async (uid: number | undefined, child: ReturnType<typeof starter>): Promise<void> => {
  const told = await within(60_000, 'a server', child.told)
  assert.is(await value(told.url, 'select 1'), 1)
  assert.is(statSync(told.data).uid, uid)
  child.stop()
  await child.exited
}

if (!root) test('is the one who starts it, who is not root', () => owns(process.getuid?.(), starter({})))

if (root) {
  test('is uid 65534 when root starts it', () => owns(65_534, starter({})))

  test('is the one who starts it, uid 1', () => owns(ann, starter({}, { uid: ann })))

  test('must have a name, which is told', async () => {
    const child = starter({}, { uid: 54_321 })
    await child.exited
    assert.match(child.output(), 'could not look up effective user ID 54321: user does not exist; start as a user with a name in /etc/passwd')
  })

  test('is the owner of the folder in which root starts it', async () => {
    const folder = make()
    chownSync(folder, ann, ann)
    chmodSync(folder, 0o700)
    await owns(ann, starter({ folder: join(folder, 'postgres') }))
    await owns(ann, starter({ folder: join(folder, 'postgres') }))
  })

  test('cannot be another one below a folder that only root enters, which is told', async () => {
    const home = make(), folder = join(home, 'postgres')
    chmodSync(home, 0o700)
    assert.is(await refused(postgres({ folder })), `[servers] cannot run PostgreSQL in '${folder}': as root it runs as uid 65534, which must enter all folders above, and found '${home}' with mode 700; `
      + `choose a folder outside of '${home}' (TMPDIR for temporary ones), or start as an unprivileged user`)
  })

  test('is told beforehand that it may not, where that folder is not there yet', async () => {
    const home = make(), folder = join(home, 'shop/postgres')
    assert.is(await barred(folder), undefined)
    chmodSync(home, 0o700)
    assert.is(await barred(folder), `uid 65534, as which root's server runs, may not enter '${home}'`)
    chownSync(home, ann, ann)
    assert.is(await barred(folder), undefined, 'the server would run as the owner')
  })

  test('a folder of somebody else is refused, with its path', async () => {
    const home = make(), folder = join(home, 'postgres')
    await postgres({ folder }).then(server => server.stop())
    const child = starter({ folder }, { uid: ann })
    await child.exited
    assert.match(child.output(), `[servers] cannot start PostgreSQL in '${folder}': expected a folder that this user may use, found EACCES`)
  })

  test('is given an empty folder that only root could enter, and uses it again', async () => {
    const folder = make()
    chmodSync(folder, 0o700)
    for (const _ of [1, 2]) await owns(65_534, starter({ folder }))
    assert.equal(readdirSync(folder).toSorted(), ['data', 'password', 'postgres.log'])
  })
}

test('a folder is served as long as a server lives on it', async () => {
  const folder = join(make(), 'postgres')
  assert.is(isServed(folder), false)
  const server = await postgres({ folder })
  assert.is(isServed(folder), true)
  assert.is(await barred(folder), undefined)
  await server.stop()
  assert.is(isServed(folder), false)
})

test.run()

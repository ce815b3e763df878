import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Counts, importCustomers, type Invitation } from './import.js'
import type { Line } from './line.js'

const turn = () => new Promise<void>(resolve => { setImmediate(resolve) })
const until = async (holds: () => boolean) => {
  while (!holds()) await turn()
}

/** Lines with the numbers 1 to `count`; every seventh is invalid when `broken`. Counts what was taken. */
const numbered = (count: number, { broken = false } = {}) => {
  const state = { taken: 0, closed: false }
  const lines = async function* (): AsyncGenerator<Line> {
    try {
      for (let line = 1; line <= count; line++) {
        state.taken = line
        yield broken && line % 7 === 0 ? { line, invalid: 'broken' } : { line, email: `c${line}@x.io` }
      }
    } finally {
      state.closed = true
    }
  }
  return { state, lines: lines() }
}

/** Answers when it is told to. */
const asked = () => {
  const open = new Map<string, { answer(invitation: Invitation): void; fail(error: Error): void }>()
  return { open, invite: (email: string) => new Promise<Invitation>((resolve, reject) => {
    const done = () => open.delete(email)
    open.set(email, { answer: invitation => { done(); resolve(invitation) }, fail: error => { done(); reject(error) } })
  }) }
}
const noted = (slow?: () => Promise<void> | undefined) => {
  const printed: string[] = []
  const seen: Counts[] = []
  return { printed, seen, progress: {
    invalid: (line: number, reason: string) => { printed.push(`${line}: ${reason}`); return slow?.() },
    counted: (counts: Counts) => { seen.push({ ...counts }) },
  } }
}

test('counts what became of each line', async () => {
  const { printed, seen, progress } = noted()
  const emails = ['ann@x.io', 'bob@x.io', 'ann@x.io', 'nobody']
  const lines = async function* (): AsyncGenerator<Line> {
    for (const [i, email] of emails.entries()) yield { line: i + 2, email }
    yield { line: 6, invalid: 'broken quote' }
  }
  const known = new Set<string>()
  const invite = async (email: string): Promise<Invitation> => {
    if (!email.includes('@')) return { invalid: 'Invalid email address' }
    if (known.has(email)) return 'already-invited'
    known.add(email)
    return 'invited'
  }
  const counts = { lines: 5, invited: 2, alreadyInvited: 1, invalid: 2 }
  assert.equal(await importCustomers({ lines: lines(), invite, progress }), { counts, failed: undefined })
  assert.equal(printed, ["5: Invalid email address: 'nobody'", '6: broken quote'])
  assert.equal(seen.at(-1), counts)
})

test('no lines are no failure', async () => {
  const { counts, failed } = await importCustomers({ lines: numbered(0).lines, invite: async () => 'invited', progress: noted().progress })
  assert.equal(counts, { lines: 0, invited: 0, alreadyInvited: 0, invalid: 0 })
  assert.is(failed, undefined)
})

test('64 invitations are under way at once, never more, also when the answers come in any order', async () => {
  const { state, lines } = numbered(1000)
  const { open, invite } = asked()
  const importing = importCustomers({ lines, invite, progress: noted().progress })
  let most = 0
  for (let answered = 0; answered < 1000; answered++) {
    await until(() => open.size === Math.min(64, 1000 - answered))
    most = Math.max(most, open.size)
    assert.ok(state.taken <= answered + 64, `line ${state.taken} was taken after ${answered} answers`)
    const emails = [...open.keys()]
    open.get(emails[(answered * 31) % emails.length] ?? '')?.answer('invited')
  }
  assert.is((await importing).counts.invited, 1000)
  assert.is(most, 64)
})

test('invalid lines are told in the order of the file, each once', async () => {
  const { lines } = numbered(500, { broken: true })
  const { open, invite } = asked()
  const { printed, progress } = noted()
  let ended = false
  const importing = importCustomers({ lines, invite, progress }).finally(() => { ended = true })
  let turns = 0
  await until(() => {
    const emails = [...open.keys()]
    const email = emails[(turns++ * 13) % Math.max(emails.length, 1)]
    if (email) open.get(email)?.answer(/[05]@/.test(email) ? { invalid: 'no' } : 'invited')
    return ended
  })
  const { counts } = await importing
  const expected = Array.from({ length: 500 }, (_, i) => i + 1).flatMap(line => line % 7 === 0 ? [`${line}: broken`] : line % 5 === 0 ? [`${line}: no: 'c${line}@x.io'`] : [])
  assert.equal(printed, expected)
  assert.equal(counts, { lines: 500, invited: 500 - expected.length, alreadyInvited: 0, invalid: expected.length })
})

test('one slow answer holds the others up only when a thousand lines wait behind it', async () => {
  const { state, lines } = numbered(5000)
  const { progress, seen } = noted()
  let answer = (_: Invitation) => {}
  const importing = importCustomers({
    lines, progress,
    invite: email => email === 'c1@x.io' ? new Promise(resolve => { answer = resolve }) : Promise.resolve('invited'),
  })
  await until(() => seen.at(-1)?.lines === 1023)
  for (let i = 0; i < 50; i++) await turn()
  assert.is(state.taken, 1024)
  answer('invited')
  assert.is((await importing).counts.invited, 5000)
})

test('a slow reader of the invalid lines holds the intake up', async () => {
  const { state, lines } = numbered(5000, { broken: true })
  let release = () => {}
  const { printed, progress } = noted(() => new Promise<void>(resolve => { release = resolve }))
  const importing = importCustomers({ lines, progress, invite: async () => 'invited' })
  await until(() => printed.length > 0)
  for (let i = 0; i < 50; i++) await turn()
  assert.ok(state.taken < 100, `line ${state.taken} was taken`)
  let ended = false
  void importing.finally(() => { ended = true })
  await until(() => { release(); return ended })
  assert.is((await importing).counts.invalid, 714)
})

test('a failure ends the intake; what is under way ends and counts', async () => {
  const { state, lines } = numbered(1000)
  const { open, invite } = asked()
  let ended = false
  const importing = importCustomers({ lines, invite, progress: noted().progress }).finally(() => { ended = true })
  await until(() => open.size === 64)
  const error = new Error('the store is gone')
  open.get('c10@x.io')?.fail(error)
  await until(() => state.closed)
  assert.is(ended, false)
  open.get('c11@x.io')?.fail(new Error('and so is this one'))
  for (const { answer } of open.values()) answer('invited')
  const { counts, failed } = await importing
  assert.equal(failed, { line: 10, error })
  assert.equal(counts, { lines: 62, invited: 62, alreadyInvited: 0, invalid: 0 })
})

test('lines that end in an error end the import likewise', async () => {
  const error = new Error('the disk is gone')
  const lines = async function* (): AsyncGenerator<Line> {
    yield { line: 1, email: 'ann@x.io' }
    throw error
  }
  const { counts, failed } = await importCustomers({ lines: lines(), invite: async () => { await turn(); return 'invited' }, progress: noted().progress })
  assert.equal(failed, { error })
  assert.is(counts.invited, 1)
})

test.run()

// time limit: 180 s
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Ended, begun, mains, repository } from './operator/fixture.js'

const test = suite('lowtide')
const place = repository(mains), journal = join(place, 'journal')
test.before.each(() => rmSync(journal, { force: true }))
test.after(() => rmSync(place, { recursive: true, force: true }))
const lowtide = (args: string, env: { readonly [name: string]: string } = {}): Promise<Ended> => begun(args === '' ? [] : args.split(' '), { cwd: place, SHOP_JOURNAL: journal, ...env }).ended
const ofShop = (args: string, env = {}) => lowtide(`--project shop ${args}`, env)
interface One { readonly id: string; readonly consumer: string; readonly key: string; readonly state: string }
interface Listed { readonly parked: One[] }
const list = async (flags = ''): Promise<Listed['parked']> => (JSON.parse((await ofShop(`parked list --json${flags}`)).stdout) as Listed).parked
const journaled = (): string[] => existsSync(journal) ? readFileSync(journal, 'utf8').trim().split('\n') : []

test('lists what is parked in columns, with a line for each', async () => {
  const { code, stdout, stderr } = await ofShop('parked list', { COLUMNS: '110' })
  assert.equal([code, stderr], [0, ''])
  assert.is(stdout.replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, 'an id of thirty-six letters and signs').replaceAll(/\d+ s /g, '0 s '), `id                                    consumer  key           state    attempts  age  reason
an id of thirty-six letters and signs  book      bob           parked   1         0 s  cannot book 'unreadable…
an id of thirty-six letters and signs  book      bob           waiting  0         0 s  waits behind a parked m…
an id of thirty-six letters and signs  order     joe           failed   1         0 s  the till is jammed
an id of thirty-six letters and signs  book      eve\\u001b[2J  parked   1         0 s  cannot book 'unreadable…
`)
})

test('lists as one JSON document, without messages', async () => {
  const { code, stdout, stderr } = await ofShop('parked list --json'), { parked } = JSON.parse(stdout) as Listed
  assert.equal([code, stderr], [0, ''])
  assert.equal(parked.map(({ consumer, key, state }) => `${consumer} ${key} ${state}`), ['book bob parked', 'book bob waiting', 'order joe failed', 'book eve\u001b[2J parked'])
  assert.equal(Object.keys(parked[0]!).toSorted(), ['attempts', 'channel', 'consumer', 'id', 'key', 'partition', 'reason', 'state', 'time'])
})

test('lists by handler, channel, key and state', async () => {
  for (const [flags, keys] of [['--consumer book', 'bob bob eve'], ['--channel=orders', 'joe'], ['--key bob --state waiting', 'bob'], ['--state failed', 'joe'], ['--state redrive', '']] as const)
    assert.is((await list(` ${flags}`)).map(({ key }) => key.slice(0, 3)).join(' '), keys, flags)
  assert.is((await ofShop('parked list --state redrive')).stdout, 'nothing is parked\n')
})

test('shows one: the reason, the envelope, the data', async () => {
  const [{ id }] = await list() as [One]
  const { code, stdout } = await ofShop(`parked show ${id}`)
  assert.is(code, 0)
  assert.match(stdout, new RegExp(`^id +${id}\nconsumer +book\nchannel +ordered\n[^]*\nreason\ncannot book 'unreadable' with \\*\\*\\*: the ink[^]*\nenvelope\n\\{\n[^]*"type": "Ordered"[^]*\ndata\n\\{\n {2}"customer": "bob",\n {2}"note": "unreadable"\n\\}\n$`))
  const { parked } = JSON.parse((await ofShop(`parked show ${id} --json`)).stdout) as { parked: { message: { data: unknown } } }
  assert.equal(parked.message.data, { customer: 'bob', note: 'unreadable' })
})

test('redrives by ids, and closes what it opened', async () => {
  const [first, , third] = await list() as [One, One, One]
  rmSync(journal)
  const { code, stdout, stderr } = await ofShop(`parked redrive ${first.id} ${third.id} ${first.id}`)
  assert.equal([code, stderr], [0, ''])
  assert.match(stdout, /^redriven: 2; they run as soon as a process of this deployment does\n$/)
  assert.equal(journaled(), ['opens', 'opened', `redrive ${first.id}`, `redrive ${third.id}`, 'closed'])
  assert.equal((await list(' --state redrive')).map(({ id }) => id), [first.id, third.id])
})

test('redrives all that fit', async () => {
  const { stdout } = await ofShop('parked redrive --all --consumer book --json'), { redriven } = JSON.parse(stdout) as { redriven: readonly string[] }
  const now = await list()
  assert.equal(now.map(({ consumer, state }) => `${consumer} ${state}`), ['book redrive', 'book waiting', 'order failed', 'book redrive'])
  assert.equal(redriven, now.filter(({ state }) => state === 'redrive').map(({ id }) => id))
  assert.match((await ofShop('parked redrive --all')).stdout, /^redriven: 1;/)
  assert.is((await ofShop('parked redrive --all')).stdout, 'redriven: 0\n')
})

test('discards with --yes; without a terminal it is needed', async () => {
  const [{ id }, { id: behind }] = await list() as [One, One]
  const unsure = await ofShop(`parked discard ${id}`)
  assert.is(unsure.code, 2)
  assert.match(unsure.stderr, new RegExp(`${id}[^]*nothing was discarded; add --yes`))
  assert.is((await list()).length, 4)
  assert.equal(await ofShop(`parked discard --yes ${id}`), { code: 0, stdout: 'discarded: 1\n', stderr: '' })
  assert.equal((await list(' --key bob')).map(p => [p.id, p.state]), [[behind, 'redrive']])
})

test('an id that is unknown stops it before anything is done', async () => {
  const [{ id }] = await list() as [One]
  for (const verb of ['show', 'redrive', 'discard --yes']) {
    const { code, stdout, stderr } = await ofShop(`parked ${verb}${verb === 'show' ? '' : ` ${id}`} nobody`)
    assert.equal([code, stdout], [1, ''])
    assert.match(stderr, /^lowtide: cannot find the parked message 'nobody'; .* nothing was done; 'lowtide parked list'/)
  }
  assert.is((await list(' --state redrive')).length, 0)
})

test('what is refused is told, and stops nobody else', async () => {
  const [first, waits] = await list() as [One, One]
  const { code, stdout, stderr } = await ofShop(`parked redrive ${waits.id} ${first.id} --json`)
  assert.is(code, 1)
  assert.match(stderr, /^lowtide: .*waits behind .*\n1 of 2 were redriven\n$/)
  const told = JSON.parse(stdout) as { redriven: unknown; refused: { id: string }[]; error: { code: string; exit: number } }
  assert.equal([told.redriven, told.refused.map(({ id }) => id), told.error.code, told.error.exit], [[first.id], [waits.id], 'failed', 1])
})

test('runs the verbs of the shell over the whole plan, with their flags as the shell names them', async () => {
  const { code, stdout, stderr } = await ofShop('migrate --dry --json')
  assert.equal([code, stderr], [0, ''])
  assert.equal(JSON.parse(stdout), { flags: ['--dry'], tables: ['books'], channels: ['effect-mail', 'ordered', 'orders'], consumers: ['book', 'effect-mail', 'order', 'thank'] })
  assert.is((await ofShop('migrate --adopt --dry')).stdout, 'migrated --dry --adopt\n')
  assert.equal(journaled(), [], 'a verb opens for itself')
})

test('a report that asks for attention ends with 1', async () => {
  assert.equal(await ofShop('status'), { code: 0, stdout: 'the shelf stands well\n', stderr: '' })
  assert.equal(await ofShop('status', { SHOP_MOOD: 'askew' }), { code: 1, stdout: 'the shelf stands askew\n', stderr: '' })
  assert.equal(JSON.parse((await ofShop('status --json', { SHOP_MOOD: 'askew' })).stdout), { mood: 'askew' })
})

test("a verb of a shell may have two words, and flags with a value; how far it has come is for a terminal alone", async () => {
  assert.equal(await ofShop('boards count --of=ann --all'), { code: 0, stdout: 'counted of=ann all\n', stderr: '' })
  assert.equal(await ofShop('boards count'), { code: 0, stdout: 'counted \n', stderr: '' })
  assert.match((await ofShop('boards count --help')).stdout, /^lowtide boards count \[flags\]\n[^]*--of <name> +whose boards\n +--all +the broken ones too/)
  assert.match((await ofShop('boards count --of')).stderr, "the flag '--of' needs a value")
  assert.match((await ofShop('boards')).stderr, "'boards' needs one more word")
})

test('what is away ends with 3, what is refused with 1; secrets are not told', async () => {
  for (const verb of ['status', 'parked list']) {
    const { code, stdout, stderr } = await ofShop(`${verb} --json`, { SHOP_MOOD: 'away' })
    assert.is(code, 3)
    assert.match(stderr, /^lowtide: \[shelf\] cannot reach postgres:\/\/keeper:\*\*\*@shelf\.example/)
    const { error } = JSON.parse(stdout) as { error: { code: string; exit: number; message: string } }
    assert.equal([error.code, error.exit], ['unavailable', 3])
    assert.match(error.message, 'cannot reach')
  }
  assert.equal(await ofShop('parked list', { SHOP_MOOD: 'refuses' }), { code: 1, stdout: '', stderr: "lowtide: [shelf] expected 3 boards, found 2; run 'lowtide migrate'\n" })
  const broken = await ofShop('parked list', { SHOP_MOOD: 'throws' })
  assert.is(broken.code, 1)
  assert.match(broken.stderr, /the shelf fell/)
  assert.is(journaled().at(-1), 'closed')
})

test('an error that nobody awaits is told, and what was opened is closed', async () => {
  const { code, stderr } = await ofShop('parked list', { SHOP_MOOD: 'crashes' })
  assert.is(code, 1)
  assert.match(stderr, /^lowtide: Error: the wire to postgres:\/\/keeper:\*\*\*@[^]* is cut\n/)
  assert.is(journaled().at(-1), 'closed')
})

test('a store that goes away in between: what was done is told', async () => {
  const { code, stdout, stderr } = await ofShop('parked redrive --all --json', { SHOP_MOOD: 'goes away' })
  assert.is(code, 3)
  assert.is(stderr, 'lowtide: [shelf] gone; 1 of 3 were redriven\n')
  assert.is((JSON.parse(stdout) as { redriven: unknown[] }).redriven.length, 1)
  assert.is(journaled().at(-1), 'closed')
})

for (const [signal, mood, code] of [['SIGINT', 'hangs', 130], ['SIGTERM', 'hangs', 143], ['SIGINT', 'opens slowly', 130]] as const) test(`${signal} while it ${mood} closes what was opened`, async () => {
  const { child, ended } = begun(['--project', 'shop', 'parked', 'list'], { cwd: place, SHOP_JOURNAL: journal, SHOP_MOOD: mood })
  const awaited = mood === 'hangs' ? 'opened' : 'opens'
  for (const until = Date.now() + 20_000; !journaled().includes(awaited) && Date.now() < until;) await new Promise(resolve => { setTimeout(resolve, 10) })
  child.kill(signal)
  child.kill(signal)
  assert.equal(await ended, { code, stdout: '', stderr: `lowtide: interrupted by ${signal}\n` })
  assert.equal(journaled(), ['opens', 'opened', 'closed'])
})

test('help tells every verb, of the project that is found', async () => {
  const { code, stdout, stderr } = await ofShop('--help')
  assert.equal([code, stderr], [0, ''])
  for (const name of ['migrate', 'status', 'parked list', 'parked show <id>', 'parked redrive <id>… | --all', 'parked discard <id>…', '--project', '--json', 'exit codes', "verbs of 'shop', whose shell is 'shelf'"]) assert.ok(stdout.includes(name), name)
  const general = await lowtide('-h')
  assert.is(general.code, 0)
  assert.match(general.stdout, /verbs where state outlives a process:\n {2}parked list[^]*--project <name> --help/)
  assert.match((await ofShop('migrate --help')).stdout, /^lowtide migrate \[flags\]\n\n {2}brings the shelf up to date\n\n {2}--dry +only tells[^\n]*\n {2}--adopt +takes over/)
  const parked = await lowtide('parked --help')
  assert.match(parked.stdout, /parked list[^]*parked show[^]*may be private[^]*parked redrive[^]*parked discard/)
  assert.not.match((await lowtide('parked show --help')).stdout, 'parked discard')
  assert.match((JSON.parse((await lowtide('--help --json')).stdout) as { help: string }).help, 'exit codes')
})

for (const [args, expected] of [
  ['--project shop statsu', /^lowtide: there is no verb 'statsu'; nearest: 'status'; known: boards, consumers, migrate, parked, status; 'lowtide --help' tells more\n$/],
  ['', /^lowtide: expected a verb, found none/],
  ['--project shop', /^lowtide: expected a verb, found none/],
  ['--project shop status now', /^lowtide: 'status' takes no arguments, found 'now'\n$/],
  ['--project shop migrate --dyr', /^lowtide: 'migrate' has no flag '--dyr'; nearest: '--dry'; known: --adopt, --dry, --help, --json, --project\n$/],
  ['--project shop migrate --dry=1', /^lowtide: 'migrate': the flag '--dry' takes no value, found '1'\n$/],
  ['--project shop status --constructor', /^lowtide: 'status' has no flag '--constructor'/],
  ['parked', /^lowtide: 'parked' needs one more word; .*known: discard, list, redrive, show/],
  ['parked lits', /^lowtide: 'parked' has no 'lits'; nearest: 'list'/],
  ['parked list --state open', /^lowtide: 'parked list': the flag '--state' cannot be 'open'; .*known: failed, parked, redrive, waiting\n$/],
  ['parked list --consumer', /^lowtide: 'parked list': the flag '--consumer' needs a value, found none; write --consumer=<handler>\n$/],
  ['parked list --consumer --json', /^lowtide: 'parked list': the flag '--consumer' needs a value, found '--json'/],
  ['parked show', /^lowtide: 'parked show' needs an id, found none/],
  ['parked show a b', /^lowtide: 'parked show' takes one id, found 2: a b\n$/],
  ['parked redrive', /^lowtide: 'parked redrive' needs an id, or several, or --all, found none/],
  ['parked redrive a --all', /^lowtide: 'parked redrive' takes ids or --all, found both\n$/],
  ['parked redrive --state waiting --all', /^lowtide: 'parked redrive': the flag '--state' cannot be 'waiting'/],
  ['parked discard --all', /^lowtide: 'parked discard' has no flag '--all'/],
  ['--project shop parked redrive a --consumer book', /^lowtide: 'parked redrive': the flag '--consumer' chooses among all; expected --all/],
  ['--project shop parked list --consumer bok', /^lowtide: nothing is parked, and there is no handler 'bok'; nearest: 'book'; known: book, effect-mail, order, thank\n$/],
  ['--project shop parked list --channel order', /^lowtide: nothing is parked, and there is no channel 'order'; nearest: 'orders'/],
  ['--project shpo status', /^lowtide: there is no project 'shpo' below \/.*projects; nearest: 'shop'; known: fleeting, shop; a path to/],
  ['--project ./nowhere.js status', /^lowtide: the project '\.\/nowhere\.js' has no compiled main: expected nowhere\.js, found none; build it first/],
  ['status', /^lowtide: which project\? expected --project <name>, found several: fleeting, shop\n$/],
  ['--project fleeting parked list', /^lowtide: there is no verb 'parked': the shell 'memory' of 'fleeting' has no verbs, because all its state ends with its process \(durability: 'process'\)/],
] as const) test(`wrong usage: lowtide ${args}`, async () => {
  const { code, stdout, stderr } = await lowtide(args)
  assert.match(stderr, expected)
  assert.equal([code, stdout.startsWith('{') === args.includes('--json')], [2, true])
})

test('wrong usage is JSON too', async () => {
  const { code, stdout, stderr } = await lowtide('parked lits --json'), { error } = JSON.parse(stdout) as { error: { code: string; exit: number; message: string } }
  assert.equal([code, error.code, error.exit], [2, 'usage', 2])
  assert.is(stderr, `lowtide: ${error.message}\n`)
})

test('rebuilds what a handler keeps, or says why not; unknown handlers are told with their like', async () => {
  for (const [args, code, text] of [
    ['rebuild book', 1, /^lowtide: rebuilding books stopped: 'book' cannot write 'Ordered' [0-9a-f-]+ \(key 'bob', ordered\/0\/2\): .*; the old rows serve on\n$/s],
    ['rebuild order', 1, /^lowtide: nothing to rebuild: these handlers write no tables\n$/],
    ['rebuild bok', 2, /^lowtide: there is no handler 'bok'; .*'book'/], ['rebuild', 2, /takes one handler, found none/],
    ['reset book', 2, /needs --to start, --to end or --to <position>, found none/], ['reset order --to end', 2, /expected a projector or a policy, found 'order'/],
    ['reset book --to start --yes', 2, /the shell 'shelf' cannot do this from outside of its processes/],
  ] as const) {
    const ended = await ofShop(`consumers ${args}`)
    assert.is(ended.code, code, ended.stderr)
    assert.match(ended.stderr, text)
  }
})

test.run()

import { type Shell, accept, channel, command, commandHandler, event, int, policy, port, projector, query, resolver, table, text } from '@lowtide/core'
import * as TE from 'fp-ts/lib/TaskEither.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { z } from 'zod'
import type { Front } from './front.js'
import { deployment } from './deployment.js'
import { relay, relayed } from './relay.js'
import { groupsOf, nearest } from './wiring.js'

const test = suite('wiring')
const shell: Shell = {
  name: 'nowhere', open: () => TE.left({ failure: 'this shell opens nothing', retry: false }),
  guarantees: { ordering: 'per key', delivery: 'effects once', durability: 'process', scope: 'global', references: 'checked', parkedKey: 'held', replay: 'none', scaleOut: 'one process', unitLimit: 10 },
}
const commands = channel('commands'), events = channel('events'), away = channel('away', { external: true })
const data = z.object({ id: z.string() }), key = (d: { readonly id: string }): string => d.id
const Open = command('Open', { channel: commands, key, schema: data })
const Opened = event('Opened', { channel: events, key, schema: data })
const Left = event('Left', { channel: away, key, schema: data })
const accounts = table('accounts', { columns: { id: text, n: int }, key: 'id' })
const views = table('views', { columns: { id: text }, key: 'id' })
const open = commandHandler({ meta: { name: 'open', in: Open, out: [Opened], uses: [accounts] }, operate: (_c, { data: d }) => accept(Opened(d)), write: { Opened: ({ data: d }) => [accounts.insert({ id: d.id, n: 0 })] } })
const view = projector({ meta: { name: 'view', in: [Opened], uses: [views] }, write: { Opened: ({ data: d }) => [views.put({ id: d.id })] } })
const opened = resolver({ meta: { of: Open, from: [Opened], after: view, uses: [views] }, lookup: ({ Opened: [e] }) => ({ view: views.get(e.data.id) }), answer: ({ view: v }) => v })

/** The faults of a deployment that the compiler would let nobody write: what it says, line by line. */
const faults = (d: object): string => {
  try {
    deployment({ shell, processes: {}, functions: [], ...d } as never)
    return ''
  } catch (e) { return e instanceof Error ? e.message : String(e) }
}
const all = { functions: [{ open, view, opened }], processes: { p: [open, view] } }

test('a right deployment has none', () => assert.is(faults(all), ''))

test('all are reported at once, with the name of the deployment', () => {
  const text_ = faults({ ...all, name: 'shop', processes: { p: [open] }, ports: { mail: {} } })
  assert.match(text_, /^\[shop\] this deployment cannot start:\n/)
  assert.match(text_, "no process runs 'view'")
  assert.match(text_, "a binding is given for port 'mail', which no function uses")
})

test('names stand once', () => assert.match(faults({ ...all, functions: [{ open, view, opened, again: { ...view } }] }), "the handler 'view' stands twice"))

test('a command has one handler', () => {
  const second = commandHandler({ meta: { name: 'second', in: Open }, operate: () => accept() })
  assert.match(faults({ functions: [{ open, view, second }], processes: { p: [open, view, second] } }), "the command 'Open' has 2 handlers: 'open' and 'second'; expected one")
  const Close = command('Close', { channel: commands, key, schema: data })
  const closing = policy({ meta: { name: 'closing', in: Opened, out: [Close] }, operate: () => accept() })
  assert.match(faults({ functions: [{ open, view, closing }], processes: { p: [open, view, closing] } }), "'closing' needs the command 'Close', which no handler takes; nearest: 'Open'")
})

test('a channel has writers and readers, unless it is external', () => {
  assert.match(faults({ functions: [{ view }], processes: { p: [view] } }), "'view' reads 'Opened' on channel 'events', which nobody writes")
  assert.match(faults({ functions: [{ open }], processes: { p: [open] } }), "'open' writes 'Opened' to channel 'events', which nobody reads")
  const leave = commandHandler({ meta: { name: 'leave', in: Open, out: [Left] }, operate: () => accept(), write: { Left: () => [] } })
  const follow = policy({ meta: { name: 'follow', in: Left }, operate: () => accept() })
  assert.is(faults({ functions: [{ leave }], processes: { p: [leave] } }), '')
  assert.is(faults({ functions: [{ follow }], processes: { p: [follow] } }), '')
})

test('a resolver waits for what can come', () => {
  const never = resolver({ meta: { of: Open, from: [Left], uses: [views] }, lookup: () => ({}), answer: () => 1 })
  assert.match(faults({ ...all, functions: [{ open, view, never }] }), "the resolver of 'Open' waits for 'Left', which its handler never makes; nearest: 'Opened'")
  const other = projector({ meta: { name: 'other', in: [Left], uses: [views] }, write: { Left: () => [] } })
  const late = resolver({ meta: { of: Open, after: other, uses: [views] }, lookup: () => ({}), answer: () => 1 })
  assert.match(faults({ functions: [{ open, view, other, late }], processes: { p: [open, view, other] } }), "waits for the projector 'other', which takes none of its events (Opened)")
  assert.match(faults({ ...all, functions: [{ open, view, late }] }), "waits for the projector 'other', which is not among the functions; nearest: 'view'")
})

test('a table has one owner, and one declaration', () => {
  const both = projector({ meta: { name: 'both', in: [Opened], uses: [accounts] }, write: { Opened: () => [] } })
  assert.match(faults({ functions: [{ open, both }], processes: { p: [open, both] } }), "the table 'accounts' has two owners: decisions (open) and projections (both)")
  const q = query({ meta: { name: 'Q', args: data, uses: [views] }, lookup: ({ id }) => ({ v: views.get(id) }), answer: ({ v }) => v })
  assert.match(faults({ functions: [{ open, q }], processes: { p: [open] } }), "nobody writes the table 'views' (used by 'Q'); nearest: 'accounts'")
  const twin = query({ meta: { name: 'T', args: data, uses: [table('views', { columns: { id: text }, key: 'id' })] }, lookup: () => ({}), answer: () => 1 })
  assert.match(faults({ ...all, functions: [{ open, view, twin }] }), "two tables are named 'views'")
})

test('ports are bound, whole, and no others', () => {
  const mail = port('mail', { effect: data }), rate = port('rate', { ask: { args: data, answer: data } })
  const send = policy({ meta: { name: 'send', in: Opened, uses: [rate], effects: [mail] }, operate: () => accept() })
  const d = { functions: [{ open, send }], processes: { p: [open, send] } }
  assert.match(faults({ ...d, ports: { rat: { ask: () => TE.right({ id: '' }) } } }), "the port 'mail' (of 'send') has no binding; nearest: 'rat'")
  assert.match(faults({ ...d, ports: { mail: {}, rate: {} } }), "the binding of port 'mail' has no 'effect'")
  assert.match(faults({ ...d, ports: { mail: { effect: () => TE.right(undefined) }, rate: { ask: () => TE.right({ id: '' }) }, sms: {} } }), "a binding is given for port 'sms', which no function uses")
})

test('schemas are synchronous', () => {
  const slow = { '~standard': { version: 1 as const, vendor: 'slow', validate: async (value: unknown) => ({ value }), types: undefined } }
  const Slow = { ...Opened, type: 'Slow', schema: slow }
  assert.match(faults({ functions: [{ open, view, s: { ...view, name: 's', in: [Slow] } }], processes: { p: [open, view] } }), "the schema of 'Slow' is asynchronous")
})

test('needs are met by the shell', () => {
  const needy = commandHandler({ meta: { name: 'needy', in: Open, needs: { oneAtATime: true } }, operate: () => accept() })
  const loose: Shell = { ...shell, guarantees: { ...shell.guarantees, ordering: 'none', references: 'unchecked' } }
  assert.match(faults({ shell: loose, functions: [{ needy }], processes: { p: [needy] } }), "'needy' needs oneAtATime; the shell 'nowhere' does not order per key")
  const owned = table('owned', { columns: { id: text, owner: text }, key: 'id', references: { owner: accounts } })
  const own = commandHandler({ meta: { name: 'open', in: Open, out: [Opened], uses: [accounts, owned] }, operate: () => accept(), write: { Opened: () => [] } })
  assert.match(faults({ ...all, shell: loose, functions: [{ own, view }], processes: { p: [own, view] } }), "the table 'owned' of 'open' has references, which the shell 'nowhere' does not check")
  const everywhere = { ...view, settings: { each: 'instance' as const } }
  assert.match(faults({ functions: [{ open, everywhere }], processes: { p: [open, everywhere] } }), "'view' runs at each instance: expected a policy without tables")
})

test('processes run functions, and fronts add their own faults', () => {
  const stranger = { ...view, name: 'viev' }
  assert.match(faults({ ...all, processes: { p: [open, view, stranger] } }), "process 'p' runs 'viev', which is not among the functions; nearest: 'view'")
  const front: Front = { front: 'http', faults: functions => [`this front sees ${functions.length} functions`], start: async () => ({ close: async () => {} }) }
  assert.match(faults({ ...all, processes: { p: [open, view, front] } }), 'this front sees 3 functions')
})

test('handlers that share tables, or refer to each other\'s, are one group', () => {
  const owned = table('owned', { columns: { id: text, owner: text }, key: 'id', references: { owner: accounts } })
  const adopt = commandHandler({ meta: { name: 'adopt', in: Open, out: [Opened], uses: [owned] }, operate: () => accept(), write: { Opened: () => [] } })
  assert.equal(groupsOf([open, view, adopt]).map(g => g.map(h => h.name)), [['view'], ['open', 'adopt']])
})

test('a relay carries what the shell keeps an outbox for, and nobody else does', () => {
  const published = { ...shell, outbox: ['away', 'effect-mail'] }, one = relay({ name: 'one', channels: [away], publish: () => TE.of(undefined) })
  const leave = commandHandler({ meta: { name: 'leave', in: Open, out: [Left] }, operate: () => accept(), write: { Left: () => [] } }), whole = { functions: [{ leave }], shell: published }
  assert.is(faults({ ...whole, processes: { p: [leave], r: [one], s: [one] } }), '')
  assert.match(faults({ ...whole, shell, processes: { p: [leave, one] } }), "the relay 'one' in process 'p' carries the channel 'away', for which the shell 'nowhere' keeps no outbox; none is known; name it in the shell's option outbox")
  assert.match(faults({ ...whole, processes: { p: [leave], r: [relay({ ...one, name: 'two', channels: [events] })] } }), "keeps no outbox; nearest: 'away'; known: away, effect-mail")
  assert.match(faults({ ...whole, processes: { p: [leave], r: [relay({ ...one, name: 'two', channels: [] })] } }), "the relay 'two' in process 'r' has no channels")
  for (const batch of [0, -1, 1.5, NaN, Infinity]) assert.match(faults({ ...whole, processes: { p: [leave], r: [relay({ ...one, name: 'two', batch })] } }), `the relay 'two' in process 'r' has a batch of ${batch}; expected a whole number, at least 1`)
  assert.match(faults({ ...whole, processes: { p: [leave], r: [one, relay({ ...one, name: 'two' })] } }), "the channel 'away' has 2 relays: 'one' and 'two'")
  assert.match(faults({ ...whole, processes: { p: [leave], r: [one, relay({ ...one, name: 'one' })] } }), "the relay 'one' stands twice")
  assert.match(faults({ functions: [{ leave: { ...leave, name: 'relay-x' } }], processes: {} }), "the handler 'relay-x' has a name that begins with 'relay-'")
})

test('the effects of a port are performed here, or leave', () => {
  const mail = port('mail', { effect: data }), send = policy({ meta: { name: 'send', in: Opened, effects: [mail] }, operate: (_c, { data: d }) => accept(mail.effect(d)) })
  const whole = { functions: [{ open, view, opened, send }], processes: { p: [open, view, send] } }, leaves = { ...shell, outbox: ['effect-mail'] }, bound = { effect: () => TE.of(undefined) }
  assert.is(faults({ ...whole, ports: { mail: bound } }), '')
  assert.is(faults({ ...whole, shell: leaves, ports: { mail: relayed } }), '')
  assert.match(faults({ ...whole, shell: leaves, ports: { mail: bound } }), "the effects of port 'mail' leave by the outbox of the shell, and a binding would perform them here as well")
  assert.match(faults({ ...whole, ports: { mail: relayed } }), "the port 'mail' is bound to 'relayed', and its effects do not leave by the outbox of the shell 'nowhere'")
})

test('the nearest name comes first', () => assert.is(nearest('custmer', ['orders', 'customer']), "; nearest: 'customer'; known: customer, orders"))

test.run()

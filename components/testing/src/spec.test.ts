import { createHash, randomUUID } from 'node:crypto'
import { accept, andThen, channel, command, commandHandler, event, int, nothing, optional, policy, port, projector, query, reject, resolver, table, text } from '@lowtide/core'
import * as O from 'fp-ts/lib/Option.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { z } from 'zod'
import { message } from './message.js'
import { spec } from './spec.js'

const commands = channel('commands'), events = channel('events')
const Open = command('Open', { channel: commands, key: d => d.id, rejections: ['taken', 'over-limit'], schema: z.object({ id: z.string(), owner: z.string().trim(), tags: z.array(z.string()).default([]) }) })
const Opened = event('Opened', { channel: events, key: d => d.id, version: 1, schema: z.object({ id: z.string(), owner: z.string().max(20), at: z.string().optional() }) })
const Closed = event('Closed', { channel: events, key: d => d.id, version: 1, schema: z.object({ id: z.string() }) })
const owners = table('owners', { columns: { id: text, name: text }, key: 'id', unique: ['name'] })
const accounts = table('accounts', { columns: { id: text, owner: text, balance: int }, key: 'id', unique: ['owner'], references: { owner: owners } })
const views = table('views', { columns: { id: text, owner: text, closed: optional(text) }, key: 'id' })
const limits = port('limits', { ask: { args: z.object({ owner: z.string().min(1) }), answer: z.object({ most: z.int() }) } })
const mail = port('mail', { effect: z.object({ to: z.string().min(1) }) })

type Ctx = Parameters<typeof open.operate>[0]
type Data = Parameters<typeof open.operate>[2]
type Opening = Parameters<typeof open.operate>[1]
const open = commandHandler({
  meta: { name: 'open', in: Open, out: [Opened, Closed], uses: [accounts, owners, limits], allow: ctx => ctx.actor !== 'eve' },
  lookup: ({ data }) => andThen({ same: accounts.get(data.id), limit: limits.ask({ owner: data.owner }) }, ({ same }) => ({
    owner: O.isSome(same) ? nothing : owners.get(data.owner),
  })),
  operate: (ctx, { data }, { same, limit }) => O.isSome(same) ? reject('taken', 'This account exists', { id: data.id })
    : limit.most < 1 ? reject('over-limit', 'Not so many')
    : accept(Opened({ id: data.id, owner: data.owner, at: ctx.now })),
  write: {
    Opened: ({ data }) => [accounts.insert({ id: data.id, owner: data.owner, balance: 0 })],
    Closed: ({ data }) => [accounts.remove(data.id)],
  },
})
const ports = { limits: () => ({ most: 1 }) }
const bob = owners.insert({ id: 'bob', name: 'Bob' })
const when = Open({ id: 'a', owner: 'bob' })
const opened = accept(Opened({ id: 'a', owner: 'bob', at: '2020-01-01T00:00:00.000Z' }))

/** A handler with one part replaced: a crime, mostly. */
type Loose = { lookup?: unknown; operate?: unknown; write?: unknown }
const but = (part: Loose) => ({ ...open, ...part }) as typeof open
const projecting = (Opened: () => readonly unknown[]) => ({ ...view, write: { Opened } }) as unknown as typeof view
const operating = (operate: (ctx: Ctx, message: Opening, data: Data) => unknown) => but({ operate })
const writing = (Opened: unknown) => but({ write: { ...open.write, Opened } })
const errorOf = (run: () => void): string => {
  try { run() } catch (e) { return (e as Error).message }
  throw new Error('the crime was not caught')
}
const crime = (handler: typeof open, more: { given?: [typeof bob]; then?: typeof opened } = {}) => errorOf(() => spec(handler, { given: [bob], when, then: opened, ports, ...more }))

const right = suite('examples that hold')

right('a decision to go ahead', () => spec(open, { given: [bob], when, then: opened, ports }))

right('a decision made of the context', () => spec(open, { given: [bob], when, then: ctx => accept(Opened({ id: 'a', owner: 'bob', at: ctx.now })), ports }))

right('a rejection, whole or by its code', () => {
  const given = [bob, Opened({ id: 'a', owner: 'bob' })] as const
  spec(open, { given, when, then: reject('taken', 'This account exists', { id: 'a' }), ports })
  spec(open, { given, when, then: 'taken', ports })
  spec(open, { given, when, then: () => 'taken' as const, ports })
})

right('given events and changes, in their order', () => {
  spec(open, { given: [bob, Opened({ id: 'a', owner: 'bob' }), Closed({ id: 'a' })], when, then: opened, ports })
  spec(open, { given: [accounts.insert({ id: 'a', owner: 'bob', balance: 1 }), bob], when, then: 'taken', ports })
})

right('answers of ports', () => {
  const asked: string[] = []
  spec(open, { when: Open({ id: 'a', owner: ' bob' }), then: 'over-limit', ports: { limits: ({ owner }) => { asked.push(owner); return { most: 0 } } } })
  assert.equal(asked, ['bob', 'bob'])
})

right('a message with its own envelope', () => {
  const later = message(Open, { id: 'a', owner: 'bob' }, { time: '2021-01-01T00:00:00.000Z' })
  spec(open, { given: [bob], when: later, then: accept(Opened({ id: 'a', owner: 'bob', at: '2021-01-01T00:00:00.000Z' })), ports })
})

right('what no lookup foresaw, and a constraint forbids', () => spec(open, { when, then: 'constraint', ports }))

right('a policy', () => {
  const greet = policy({
    meta: { name: 'greet', in: [Opened], out: [Open, Closed], effects: [mail] },
    operate: (ctx, { data }) => accept(mail.effect({ to: data.owner }, { key: data.id }), Open({ id: ctx.id('second'), owner: data.owner }), Closed({ id: data.id })),
    write: { Closed: () => [] },
  })
  spec(greet, {
    when: Opened({ id: 'a', owner: 'bob' }),
    then: ctx => accept(mail.effect({ to: 'bob' }, { key: 'a' }), Open({ id: ctx.id('second'), owner: 'bob' }), Closed({ id: 'a' })),
  })
})

const view = projector({
  meta: { name: 'view', in: [Opened, Closed], uses: [views, owners] },
  write: {
    Opened: ({ data }) => [views.put({ id: data.id, owner: data.owner, closed: null })],
    Closed: ({ data, time }) => [views.update(data.id, { closed: time })],
  },
})

right('a projector: one event, or several in order', () => {
  spec(view, { when: Opened({ id: 'a', owner: 'bob' }), then: { views: [{ id: 'a', owner: 'bob', closed: null }] } })
  spec(view, {
    given: [bob, Opened({ id: 'b', owner: 'bob' })],
    when: [Opened({ id: 'a', owner: 'ann' }), Closed({ id: 'b' })],
    then: { views: [{ id: 'b', owner: 'bob', closed: '2020-01-01T00:00:00.000Z' }, { id: 'a', owner: 'ann', closed: null }] },
  })
  spec(view, { given: [Opened({ id: 'b', owner: 'bob' })], when: Closed({ id: 'a' }), then: {} })
})

const account = query({
  meta: { name: 'Account', args: z.object({ id: z.string().trim() }), uses: [views, limits], allow: ctx => ctx.actor !== 'eve' },
  lookup: ({ id }, ctx) => ({ found: views.get(ctx.actor ?? id), limit: limits.ask({ owner: 'bob' }) }),
  answer: ({ found, limit }) => ({ name: O.isSome(found) ? found.value.owner : '', most: limit.most }),
})
const openedView = resolver({
  meta: { of: Open, from: [Opened], after: view, uses: [views] },
  lookup: ({ Opened: [first] }, { data }) => ({ view: views.get(data.id === first.data.id ? first.data.id : '') }),
  answer: ({ view }) => view,
})
const row = { id: 'a', owner: 'bob', closed: null }

right('a query and a resolver', () => {
  spec(account, { given: [views.insert(row)], when: { id: ' a' }, then: { name: 'bob', most: 1 }, ports })
  spec(account, { given: [views.insert(row)], when: { id: 'z' }, then: { name: 'bob', most: 1 }, ports, ctx: { actor: 'a' } })
  spec(openedView, { given: [views.insert(row)], when: { command: when, events: [Opened({ id: 'a', owner: 'bob' })] }, then: O.some(row) })
  spec(openedView, { given: [views.insert(row)], when: { command: when, events: [] }, then: undefined })
})

right('a date that is given is a value, not a clock', () => {
  const soon = operating(({ now }) => accept(Opened({ id: 'a', owner: 'bob', at: new Date(Date.parse(now) + 60_000).toISOString() })))
  spec(soon, { given: [bob], when, then: accept(Opened({ id: 'a', owner: 'bob', at: '2020-01-01T00:01:00.000Z' })), ports })
})

right.run()

const wrong = suite('examples that do not hold')

wrong('the message names handler, given, when, and shows what was expected beside what was found', () => {
  const said = errorOf(() => spec(open, { given: [bob], when, then: accept(Opened({ id: 'a', owner: 'ann' })), ports }))
  assert.is(said, `[spec] handler 'open': not as expected
  given owners {"at":"bob","op":"insert","row":{"id":"bob","name":"Bob"}}
  when  Open {"id":"a","owner":"bob"}
  - expected
  + found
    {
      "accepted": [
        {
          "data": {
  +         "at": "2020-01-01T00:00:00.000Z",
            "id": "a",
  -         "owner": "ann"
  +         "owner": "bob"
          },
          "kind": "event",
          "type": "Opened"
        }
      ]
    }`)
})

wrong('accepted instead of rejected, and the other way round', () => {
  assert.match(errorOf(() => spec(open, { given: [bob], when, then: 'taken', ports })), '-   "rejected": "taken"')
  assert.match(errorOf(() => spec(open, { given: [bob], when, then: 'constraint', ports })), '-   "rejected": "constraint"')
  assert.match(errorOf(() => spec(open, { given: [bob, Opened({ id: 'a', owner: 'bob' })], when, then: opened, ports })), '"code": "taken"')
})

wrong('another code, another text of a whole rejection', () => {
  const given = [bob, Opened({ id: 'a', owner: 'bob' })] as const
  assert.match(errorOf(() => spec(open, { given, when, then: 'over-limit', ports })), '+   "rejected": "taken"')
  assert.match(errorOf(() => spec(open, { given, when, then: reject('taken', 'Another text', { id: 'a' }), ports })), '"message": "Another text"')
})

wrong('rows that differ, rows too many, a table that should not have changed', () => {
  const opening = Opened({ id: 'a', owner: 'bob' })
  assert.match(errorOf(() => spec(view, { when: opening, then: { views: [{ ...row, owner: 'ann' }] } })), '"owner": "ann"')
  assert.match(errorOf(() => spec(view, { given: [views.put({ ...row, id: 'z' })], when: opening, then: { views: [row] } })), '"id": "z"')
  assert.match(errorOf(() => spec(view, { when: opening, then: {} })), '+       "id": "a"')
})

wrong('another answer', () => {
  assert.match(errorOf(() => spec(account, { when: { id: 'a' }, then: { name: 'bob', most: 1 }, ports })), '-   "name": "bob"')
  assert.match(errorOf(() => spec(openedView, { when: { command: when, events: [] }, then: O.none })), '+ undefined')
})

wrong('an example that is itself at fault', () => {
  assert.match(errorOf(() => spec(open, { given: [bob, bob], when, then: opened, ports })), "given breaks 'owners.id'")
  assert.match(errorOf(() => spec(open, { given: [Opened({ id: 'b', owner: 'bob' })], when, then: opened, ports })), "given breaks 'accounts.owner'")
  assert.match(errorOf(() => spec(open, { when: Open({ id: 'a', owner: 1 } as never), then: opened, ports })), "no message 'Open' can be made")
  assert.match(errorOf(() => spec(open, { when: Closed({ id: 'a' }) as never, then: opened, ports })), 'does not take Closed; it takes Open')
  assert.match(errorOf(() => spec(open, { when, then: opened, ports: {} as never })), 'the example needs ports: { limits: args => answer }')
  assert.match(errorOf(() => spec(open, { when, then: opened, ports: { limits: () => ({ most: 0.5 }) } })), "the answer of the port 'limits' does not fit its schema")
  assert.match(errorOf(() => spec(open, { when: message(Open, { id: 'a', owner: 'bob' }, { actor: 'eve' }), then: opened, ports })), 'allow refuses it')
  assert.match(errorOf(() => spec(account, { when: { id: 'a' }, then: { name: '', most: 1 }, ports, ctx: { actor: 'eve' } })), 'allow refuses it')
  assert.match(errorOf(() => spec(account, { when: { id: 1 } as never, then: { name: '', most: 1 }, ports })), 'the arguments do not fit')
})

wrong.run()

const impure = suite('impure handlers')
const result = (at: string) => accept(Opened({ id: 'a', owner: 'bob', at }))

const culprits: { readonly [culprit: string]: () => unknown } = {
  'Date.now()': () => Date.now(), 'new Date()': () => new Date(), 'Date()': () => Date(), 'performance.now()': () => performance.now(),
  'process.hrtime()': () => process.hrtime.bigint(),
  'Math.random()': () => Math.random(), 'crypto.randomUUID()': () => crypto.randomUUID(), 'crypto.getRandomValues()': () => crypto.getRandomValues(new Uint8Array(1)),
  'setTimeout()': () => setTimeout(() => {}, 1), 'setInterval()': () => setInterval(() => {}, 1), 'setImmediate()': () => setImmediate(() => {}),
  'fetch()': () => fetch('http://localhost'),
}
for (const [culprit, use] of Object.entries(culprits)) {
  impure(`${culprit} is named, with what to use instead`, () => {
    const said = crime(operating(() => { use(); return result('') }))
    assert.ok(said.includes(`[spec] handler 'open': operate: it used ${culprit}; a handler is pure: `), said)
    assert.match(said, /: (use ctx\.(now|id\(label\))|return what follows now|ask a port)/)
  })
}

impure('a function of node:crypto that was imported by name', () => {
  assert.match(crime(operating(() => result(randomUUID()))), 'it used crypto.randomUUID(); a handler is pure: use ctx.id(label)')
})

impure('a use whose error was caught', () => {
  assert.match(crime(operating(() => { try { Date.now() } catch { /* hidden */ } return result('') })), 'it used Date.now()')
})

impure('in lookup, in its second stage, in write, in allow, in an answer', () => {
  assert.match(crime(but({ lookup: () => ({ same: accounts.get(String(Math.random())) }) })), 'lookup: it used Math.random()')
  assert.match(crime(but({ lookup: () => andThen({}, () => ({ same: accounts.get(String(Math.random())) })) })), 'andThen of lookup: it used Math.random()')
  assert.match(crime(writing(() => [accounts.remove(String(Date.now()))])), "write of 'Opened': it used Date.now()")
  assert.match(crime({ ...open, allow: () => Date.now() > 0 }), 'allow: it used Date.now()')
  assert.match(errorOf(() => spec({ ...account, answer: () => Date.now() } as unknown as typeof account, { when: { id: 'a' }, then: { name: '', most: 1 }, ports })), 'answer: it used Date.now()')
  assert.match(errorOf(() => spec(projecting(() => [views.remove(String(Date.now()))]), { when: Opened({ id: 'a', owner: 'bob' }), then: {} })), "write of 'Opened': it used Date.now()")
})

impure('state kept between runs', () => {
  let runs = 0
  const said = crime(operating(() => result(String(++runs))))
  assert.match(said, 'two runs on the same input differ')
  assert.match(said, '- first run')
  let rows = 0
  assert.match(crime(writing(() => [accounts.remove(String(++rows))])), 'two runs on the same input differ')
  let looks = 0
  assert.match(crime(but({ lookup: () => ({ same: accounts.get(String(++looks)), limit: limits.ask({ owner: 'bob' }) }) })), 'two runs on the same input differ')
})

impure('a change of the message, of its data, of what was looked up, of the context', () => {
  const given = [bob, accounts.insert({ id: 'a', owner: 'bob', balance: 1 })] as const
  const changing = (change: (ctx: Ctx, message: Opening, data: Data) => void) =>
    errorOf(() => spec(operating((ctx, message, data) => { change(ctx, message, data); return reject('taken', '') }), { given, when, then: 'taken', ports }))
  const caught = /operate: Cannot .*; what a handler is given is frozen, return results and changes instead/
  const loose = (value: unknown) => value as Record<string, string>
  assert.match(changing((_ctx, message) => { loose(message)['id'] = '' }), caught)
  assert.match(changing((_ctx, message) => { loose(message.data)['owner'] = '' }), caught)
  assert.match(changing((_ctx, message) => { (message.data.tags as string[]).push('') }), caught)
  assert.match(changing((_ctx, message) => { delete loose(message.data)['owner'] }), caught)
  assert.match(changing((_ctx, _message, data) => { loose(data)['same'] = '' }), caught)
  assert.match(changing((_ctx, _message, { same }) => { if (O.isSome(same)) loose(same.value)['owner'] = '' }), caught)
  assert.match(changing((_ctx, _message, { limit }) => { loose(limit)['most'] = '' }), caught)
  assert.match(changing(ctx => { loose(ctx)['now'] = '' }), caught)
})

impure('time, chance and timers are back afterwards, also when the handler throws', async () => {
  const doors = () => [Date, Date.now, Math.random, performance.now, crypto.randomUUID, crypto.getRandomValues, setTimeout, setInterval, setImmediate, fetch, process.hrtime, randomUUID]
  const before = doors()
  spec(open, { given: [bob], when, then: opened, ports })
  assert.equal(doors().map((door, i) => door === before[i]), before.map(() => true))
  crime(operating(() => { throw new Error('out of order') }))
  crime(operating(() => Date.now()))
  assert.equal(doors().map((door, i) => door === before[i]), before.map(() => true))
  assert.ok(new Date().getTime() > Date.parse('2024-01-01') && Date.now() > 0 && performance.now() > 0 && Math.random() < 1 && crypto.randomUUID() !== randomUUID())
  assert.not(Object.hasOwn(performance, 'now') || Object.hasOwn(crypto, 'randomUUID'))
  await new Promise(resume => setTimeout(resume, 1))
})

impure('an error of the handler is passed on, with its cause', () => {
  const broken = new Error('out of order')
  try { spec(operating(() => { throw broken }), { given: [bob], when, then: opened, ports }) } catch (e) {
    assert.match((e as Error).message, "[spec] handler 'open': operate: out of order")
    assert.is((e as Error).cause, broken)
    return
  }
  assert.unreachable()
})

impure('what computes without time and chance may do so', () => {
  const hashing = operating((_ctx, { data }) => accept(Opened({ id: 'a', owner: 'bob', at: createHash('sha256').update(data.id).digest('hex') })))
  assert.match(crime(hashing), 'not as expected')
})

impure.run()

const undeclared = suite('results that are not declared or do not fit')

undeclared('a code that the command does not declare', () => {
  assert.match(crime(operating(() => reject('no-such-code', ''))), "operate rejected with 'no-such-code', which is not declared; Open has 'taken', 'over-limit'")
})

undeclared('a code of another command of the same handler', () => {
  const Shut = command('Shut', { channel: commands, key: d => d.id, rejections: ['shut'], schema: z.object({ id: z.string() }) })
  const both = commandHandler({ meta: { name: 'both', in: [Open, Shut], out: [] }, operate: () => reject('shut', '') })
  spec(both, { when: Shut({ id: 'a' }), then: 'shut' })
  assert.match(errorOf(() => spec(both, { when, then: 'shut' })), "operate rejected with 'shut', which is not declared; Open has 'taken', 'over-limit'")
})

undeclared('a result outside out and effects', () => {
  const Stranger = event('Stranger', { channel: events, version: 1, key: () => '', schema: z.object({}) })
  assert.match(crime(operating(() => accept(Stranger({})))), "operate returned the event 'Stranger'; out has Opened, Closed, effects nothing")
  assert.match(crime(operating(() => accept(when))), "operate returned the command 'Open'")
  assert.match(crime(operating(() => accept(mail.effect({ to: 'bob' })))), "operate returned the effect 'mail'")
})

undeclared('data outside the schema of an event', () => {
  const said = crime(operating(() => accept(Opened({ id: 'a', owner: 'x'.repeat(21) }))))
  assert.match(said, "operate returned 'Opened' with data outside its schema")
  assert.match(said, '"path": "owner"')
  assert.match(crime(operating(() => accept({ ...Opened({ id: 'a', owner: 'bob' }), data: { id: 'a', owner: 'bob', nmae: '' } }))), 'data outside its schema, which changes it')
})

undeclared('data outside the schema of an effect or a command', () => {
  const greet = (result: typeof opened) => policy({ meta: { name: 'greet', in: [Closed], out: [Open], effects: [mail] }, operate: () => result as never })
  assert.match(errorOf(() => spec(greet(accept(mail.effect({ to: '' })) as never), { when: Closed({ id: 'a' }), then: accept() })), "operate returned 'mail' with data outside its schema")
  assert.match(errorOf(() => spec(greet(accept(Open({ id: 1 } as never)) as never), { when: Closed({ id: 'a' }), then: accept() })), "operate returned 'Open' with data outside its schema")
})

undeclared('what no store can keep', () => {
  assert.match(crime(operating(() => result('a\u0000'))), 'found a NUL character')
  assert.match(crime(operating(() => accept(Opened({ id: 'a', owner: 'bob', at: new Map() as never })))), 'found an object of class Map')
  assert.match(crime(operating(() => result('x'.repeat(300_000)))), 'is too large')
  assert.match(crime(operating(() => reject('taken', '', { at: new Date(0) }))), 'found an object of class Date')
})

undeclared('a promise, or no decision at all', () => {
  assert.match(crime(operating(async () => opened)), 'operate returned a promise; it returns accept(…) or reject(…), at once')
  assert.match(crime(operating(() => undefined)), 'operate returned undefined')
  assert.match(crime(operating(() => ({ right: [] }))), 'operate returned {"right":[]}')
})

undeclared('a port that was not in uses, a table that was not in uses', () => {
  assert.match(crime(but({ lookup: () => ({ same: port('sms', { ask: { args: z.string(), answer: z.string() } }).ask('') }) })), "asks the port 'sms', which is not in uses")
  assert.match(crime(but({ lookup: () => ({ same: views.get('a') }) })), "no table 'views' here; there is 'accounts', 'owners'")
  assert.match(crime(writing(() => [views.remove('a')])), "no table 'views' here")
})

undeclared('arguments that the schema of a port refuses', () => {
  assert.match(crime(but({ lookup: () => ({ same: limits.ask({ owner: '' }) }) })), "asks the port 'limits' with arguments that do not fit its schema")
})

undeclared('a write that is missing, or does not fit the columns', () => {
  assert.match(crime(writing(undefined)), "write has no entry for 'Opened'")
  assert.match(crime(writing(() => [accounts.insert({ id: 'a', owner: 'bob', balance: 0.5 })])), "column 'accounts.balance': expected int, found another number")
  assert.match(crime(writing(() => [accounts.insert({ id: 'a', owner: 'bob', balance: Number.NaN })])), 'found the number NaN')
  assert.match(crime(writing(() => [accounts.update('a', { nmae: '' } as never)])), "table 'accounts' has no column 'nmae'")
})

undeclared('a write that breaks a unique index, an insert of what exists, a reference', () => {
  const taken = [bob, accounts.insert({ id: 'z', owner: 'bob', balance: 0 })] as const
  assert.match(errorOf(() => spec(open, { given: taken, when, then: opened, ports })), "write breaks 'accounts.owner', which no lookup foresaw")
  assert.match(crime(writing(() => [owners.insert({ id: 'bob', name: 'Another' })])), "write breaks 'owners.id'")
  assert.match(errorOf(() => spec(open, { when, then: opened, ports })), "write breaks 'accounts.owner'")
  assert.match(errorOf(() => spec(projecting(() => [owners.insert({ id: 'z', name: 'Bob' })]), { given: [bob], when: Opened({ id: 'a', owner: 'bob' }), then: {} })), "write of 'Opened' breaks 'owners.name', so the event would park")
})

undeclared.run()

import { type Failure, type Store, accept, channel, command, commandHandler, event, policy, port, projector, query, resolver, table, text } from '@lowtide/core'
import { type Front, type NotHandled, deployment, run } from '@lowtide/run'
import { left, right, until, within } from '@lowtide/testing'
import * as E from 'fp-ts/lib/Either.js'
import * as TE from 'fp-ts/lib/TaskEither.js'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { z } from 'zod'
import { memory } from './memory.js'

const schema = z.object({ k: z.string() }), gates: (() => void)[] = []
const Do = command('Do', { channel: channel('commands'), key: d => d.k, schema }), Done = event('Done', { channel: channel('events'), key: d => d.k, schema })
const gate = port('gate', { ask: { args: z.object({}), answer: z.boolean() } }), views = table('views', { columns: { k: text }, key: 'k' })
const slow = commandHandler({ meta: { name: 'do', in: Do, uses: [gate] }, lookup: () => ({ g: gate.ask({}) }), operate: () => accept() })
const quick = commandHandler({ meta: { name: 'do', in: Do, out: [Done] }, operate: (_, { data }) => accept(Done(data)), write: { Done: () => [] } })
const held = { gate: { ask: (): TE.TaskEither<Failure, boolean> => TE.fromTask(() => new Promise(resolve => { gates.push(() => resolve(true)) })) } }
const poison = projector({ meta: { name: 'view', in: [Done], uses: [views] }, write: { Done: () => { throw { failure: 'poison', retry: false } satisfies Failure } } })
const notHandled = async (sent: TE.TaskEither<NotHandled, unknown>): Promise<string> => (await left(sent)).notHandled
/** A shell whose store answers otherwise. */
const amended = (amend: (store: Store) => Partial<Store>) => {
  const shell = memory()
  return { ...shell, open: (plan: Parameters<typeof shell.open>[0]) => TE.map((o: { readonly store: Store }) => ({ ...o, store: { ...o.store, ...amend(o.store) } }))(shell.open(plan)) as ReturnType<typeof shell.open> }
}

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void, heap = (): number => { collect(); collect(); return process.memoryUsage().heapUsed }

const test = suite('callers who give up')
test.after.each(() => { gates.length = 0 })

test('in the queue of a full process, thousands of them: nothing is left, and those who wait are answered', async () => {
  const app = await run(deployment({ functions: [{ slow }], shell: memory(), processes: { all: [slow] }, ports: held }), { signals: false })
  const waiting = Array.from({ length: 1024 }, (_, i) => app.send(Do({ k: `k${i}` }))())
  const gone = await Promise.all(Array.from({ length: 12_000 }, (_, i) => notHandled(app.send(Do({ k: `g${i}` }), { timeout: 20 }))))
  assert.equal([...new Set(gone)], ['busy'])
  let over = false
  void (async () => { while (!over) { for (const open of gates.splice(0)) open(); await new Promise(resolve => { setImmediate(resolve) }) } })()
  assert.ok((await within(10_000, 'the answers', () => Promise.all(waiting))).every(E.isRight))
  over = true
  await app.close()
})

test('before a full channel: their messages are let go, and the channel serves the next ones once it has room', async () => {
  const stuck = policy({ meta: { name: 'stuck', in: [Done], uses: [gate] }, lookup: () => ({ g: gate.ask({}) }), operate: () => accept() })
  const app = await run(deployment({ functions: [{ quick, stuck }], shell: memory(), processes: { all: [quick, stuck] }, ports: held, options: { buffer: 8, grace: 100 } }), { signals: false })
  for (let i = 0; E.isRight(await app.send(Do({ k: `k${i}` }), { timeout: 50 })()); i++) assert.ok(i < 1000)
  const giveUp = async (many: number): Promise<void> => { for (let n = 0; n < many; n += 8) await Promise.all(Array.from({ length: 8 }, (_, i) => notHandled(app.send(Do({ k: `${n + i}`.padEnd(8_000, 'd') }), { timeout: 1 })))) }
  await giveUp(400)
  const before = heap()
  await giveUp(4_000)
  assert.ok(heap() - before < 8_000_000, `4,000 callers of 8,000 bytes each left ${heap() - before}`)
  const waits = app.send(Do({ k: 'patient' }), { timeout: 20_000 })()
  let over = false
  void (async () => { while (!over) { for (const open of gates.splice(0)) open(); await new Promise(resolve => { setImmediate(resolve) }) } })()
  assert.ok(E.isRight(await within(10_000, 'the patient one', () => waits)))
  over = true
  await app.close()
})

const answers = suite('answers when something fails')

answers('a projection is not told to stand where the store cannot say what is parked', async () => {
  let fails = true
  const shell = amended(store => ({ parked: filter => fails && filter.consumer === 'view' && filter.channel === undefined ? TE.left({ failure: 'connection lost', retry: true }) : store.parked(filter) }))
  const told = resolver({ meta: { of: Do, from: [Done], after: poison, uses: [views] }, lookup: ({ Done: [e] }) => ({ row: views.get(e.data.k) }), answer: ({ row }) => row })
  const app = await run(deployment({ functions: [{ quick, poison, told }], shell, processes: { all: [quick, poison] }, options: { poll: 20 } }), { signals: false })
  assert.is(await notHandled(app.answer(told, Do({ k: 'a' }), { id: 'x', timeout: 300 })), 'timeout')
  fails = false
  assert.is(await notHandled(app.answer(told, Do({ k: 'a' }), { id: 'x', timeout: 5_000 })), 'projection-parked')
  await app.close()
})

answers('who still waits when the process is closed is told so at once', async () => {
  const down = { ...poison, write: { Done: () => { throw { failure: 'down', retry: true } satisfies Failure } } }
  const app = await run(deployment({ functions: [{ quick, down }], shell: memory(), processes: { all: [quick, down] }, options: { grace: 100, retries: 1000 } }), { signals: false })
  const waits = left(app.send(Do({ k: 'a' }), { wait: 'projected', timeout: 30_000 }))
  await until('the event to be handled', 2_000, async () => (await right(app.parked.list({}))).length === 0)
  await app.close()
  assert.is((await within(1_000, 'the answer', () => waits)).notHandled, 'unavailable')
})

answers('what throws where nothing should is an answer: failed', async () => {
  const strict = { ...quick, allow: () => { throw new TypeError('no actor') } }
  const odd = query({ meta: { name: 'Odd', args: schema, uses: [views], allow: () => { throw new TypeError('no actor') } }, lookup: ({ k }) => ({ row: views.get(k) }), answer: ({ row }) => row })
  const view = projector({ meta: { name: 'view', in: [Done], uses: [views] }, write: { Done: ({ data }) => [views.put(data)] } })
  const app = await run(deployment({ functions: [{ strict, odd, view }], shell: memory(), processes: { all: [strict, view] } }), { signals: false })
  assert.is(await notHandled(app.send(Do({ k: 'a' }))), 'failed')
  assert.is(await notHandled(app.query(odd, { k: 'a' })), 'failed')
  await app.close()
})

answers('a front that cannot close keeps nothing else open', async () => {
  let closed = false
  const shell = memory(), watched = { ...shell, open: (plan: Parameters<typeof shell.open>[0]) => TE.map((o: { close(): Promise<void> }) => ({ ...o, close: () => { closed = true; return o.close() } }))(shell.open(plan)) as ReturnType<typeof shell.open> }
  const front: Front = { front: 'broken', faults: () => [], start: async () => ({ close: () => Promise.reject(new Error('no')) }) }
  const logged: string[] = [], { system } = await import('@lowtide/run')
  const app = await run(deployment({ functions: [{ slow }], shell: watched, processes: { all: [front, slow] }, ports: held }), { signals: false, runtime: { ...system, log: (_, said) => { logged.push(said) } } })
  await app.close()
  assert.ok(closed)
  assert.match(logged.join(), /a front could not close: Error: no/)
})

test('in a transaction of their own are told that there is none here to take part in', async () => {
  const app = await run(deployment({ functions: [{ slow }], shell: memory(), processes: { all: [slow] }, ports: held }), { signals: false })
  const refused = await left(app.send(Do({ k: 'k' }), { transaction: { query: () => Promise.resolve(), escapeLiteral: text => text } }))
  assert.equal([refused.notHandled, refused.message], ['invalid', "the shell 'memory' cannot take part in a transaction of yours; send the command without it"])
  await app.close()
})

test.run()
answers.run()

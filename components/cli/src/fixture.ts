import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { type Shell, type Store, accept, channel, command, commandHandler, event, policy, port, projector, table, text } from '@lowtide/core'
import { guarantees, memory, memoryWorld } from '@lowtide/memory'
import { deployment, start, system } from '@lowtide/run'
import * as E from 'fp-ts/lib/Either.js'
import * as TE from 'fp-ts/lib/TaskEither.js'
import { z } from 'zod'

// A shop whose state lies on a shelf: memory, filled anew in each process by handlers that fail, and a journal on disk of what operators did to it.

const orders = channel('orders'), ordered = channel('ordered')
const data = z.object({ customer: z.string(), note: z.string() })
const Order = command('Order', { channel: orders, key: d => d.customer, schema: data })
const Ordered = event('Ordered', { channel: ordered, key: d => d.customer, schema: data })
const books = table('books', { columns: { id: text, note: text }, key: 'id' })
const mail = port('mail', { effect: z.object({ to: z.string() }) })
const broken = (text: string): never => { throw new Error(text) }

const order = commandHandler({
  meta: { name: 'order', in: Order, out: [Ordered], retry: { times: 0 } },
  operate: (_ctx, { data }) => data.note === 'refused by the machine' ? broken(`the till is jammed\nat ${env('SHOP_URL')}`) : accept(Ordered(data)),
  write: { Ordered: () => [] },
})
const book = projector({
  meta: { name: 'book', in: [Ordered], uses: [books], retry: { times: 0 } },
  write: { Ordered: ({ id, data }) => data.note.startsWith('unreadable') ? broken(`cannot book '${data.note}' with ${env('SHOP_PASSWORD')}: ${'the ink has run out, '.repeat(8)}at last`) : [books.put({ id, note: data.note })] },
})
const thank = policy({ meta: { name: 'thank', in: [Ordered], effects: [mail] }, operate: () => accept() })
const functions = { order, book, thank }

/** Set by each test. */
const env = (name: string): string => process.env[name] ?? ''
const ordersOfTheDay = [['ann', 'fine'], ['bob', 'unreadable'], ['bob', 'fine'], ['joe', 'refused by the machine'], ['eve\u001b[2J', 'unreadable too']] as const

const filled = async () => {
  const world = memoryWorld({ partitions: 1 })
  const app = await start(deployment({ functions: [functions], shell: memory({ world }), processes: { all: [order, book, thank] }, ports: { mail: { effect: () => TE.right(undefined) } } }), { ...system, log: () => {} })
  for (const [i, [customer, note]] of ordersOfTheDay.entries()) {
    await app.send(Order({ customer, note }), { id: `order-${i}`, wait: 'handled' })()
    for (let all = 0; all < i; await new Promise(resolve => { setTimeout(resolve, 5) })) all = E.getOrElse(() => [] as readonly unknown[])(await app.parked.list()()).length // all but the first one is parked
  }
  await app.close()
  return world
}

/** How the shelf behaves: `away`, `refuses`, `hangs`, `crashes`, `throws`, `goes away`, `opens slowly`, or as it should. */
const mood = (): string => env('SHOP_MOOD')
const noted = (line: string): void => { if (env('SHOP_JOURNAL') !== '') appendFileSync(env('SHOP_JOURNAL'), `${line}\n`) }
const deeds = (): readonly string[][] => existsSync(env('SHOP_JOURNAL')) ? readFileSync(env('SHOP_JOURNAL'), 'utf8').split('\n').filter(line => /^(redrive|discard) /.test(line)).map(line => line.split(' ')) : []

const shelf = (inner: Shell): Shell => ({
  name: 'shelf', guarantees: { ...guarantees, durability: 'disk' },
  verbs: [
    { name: 'migrate', about: 'brings the shelf up to date', flags: { '--dry': 'only tells what it would do', '--adopt': 'takes over boards that stand there' }, run: ({ tables, channels, consumers }, flags) => TE.right({
      text: `migrated ${[...flags].join(' ')}`, data: { flags: [...flags], tables: tables.map(({ name }) => name), channels: channels.map(({ channel }) => channel).toSorted(), consumers: consumers.map(({ name }) => name).toSorted() },
    }) },
    { name: 'boards count', about: 'counts the boards', flags: { 'of <name>': 'whose boards', all: 'the broken ones too' }, run: ({ runtime }, flags) => { runtime.log('info', 'one, two'); return TE.right({ text: `counted ${[...flags].join(' ')}`, data: [...flags] }) } },
    { name: 'status', about: 'how the shelf stands', flags: {}, run: () => mood() === 'away' ? TE.left({ failure: `[shelf] cannot reach ${env('SHOP_URL')}`, retry: true, unavailable: true }) : TE.right({ text: `the shelf stands ${mood() || 'well'}`, data: { mood: mood() }, alarm: mood() !== '' }) },
  ],
  open: plan => async () => {
    noted('opens')
    if (mood() === 'opens slowly') await new Promise(resolve => { setTimeout(resolve, 500) })
    if (mood() === 'away') return E.left({ failure: `[shelf] cannot reach ${env('SHOP_URL')} with ${env('SHOP_PASSWORD')}`, retry: false, unavailable: true })
    if (mood() === 'refuses') return E.left({ failure: "[shelf] expected 3 boards, found 2; run 'lowtide migrate'", retry: false })
    if (plan.consumers.length > 0) return E.left({ failure: '[shelf] expected no consumers', retry: false })
    const opened = await inner.open(plan)()
    if (E.isLeft(opened)) return opened
    const { store } = opened.right
    for (const [how, id] of deeds()) await store.unpark(id!, how as 'redrive')()
    console.log('the shelf creaks') // as some client may
    noted('opened')
    const shelved: Store = {
      ...store,
      parked: filter => mood() === 'crashes' ? () => new Promise(() => { setTimeout(() => broken(`the wire to ${env('SHOP_URL')} is cut`), 10) }) : mood() === 'hangs' ? () => new Promise(resolve => { setTimeout(resolve, 60_000, E.right([])) }) : mood() === 'throws' ? broken('the shelf fell') : store.parked(filter),
      unpark: (id, how) => async () => {
        const result = mood() === 'goes away' && deeds().length > 0 ? E.left({ failure: '[shelf] gone', retry: true }) : await store.unpark(id, how)()
        if (E.isRight(result)) noted(`${how} ${id}`)
        return result
      },
    }
    return E.right({ ...opened.right, store: shelved, close: async () => { await opened.right.close(); noted('closed') } })
  },
})

/** The deployment that the mains of tests run: on the shelf, or in memory alone. */
export const shop = async (kept = true) => {
  const world = await filled()
  return deployment({ name: 'shop', functions: [functions], shell: kept ? shelf(memory({ world })) : memory({ world }), processes: { front: [order], back: [book, thank] }, ports: { mail: { effect: () => TE.right(undefined) } } })
}

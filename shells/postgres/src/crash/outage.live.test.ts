// time limit: 180 s
import { type Postgres, postgres } from '@lowtide/servers'
import { until } from '@lowtide/testing'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type CrashApp, type Place, inPlace } from './fixture.js'
import { Note } from './functions/fixture.js'

let server: Postgres | undefined
const test = suite('under load'), patience = 30_000, lists = 20, told = ['accepted', 'unavailable'], timeout = 5_000, late = 1_500
test.before.each(async () => { server = await postgres() })
test.after.each(async () => { await server?.stop() })

/** Callers that send one item after the other to a list, and the same id again until it is answered. */
const load = (app: CrashApp, by: string) => {
  const items = new Map<string, string[]>(), kinds = new Map<string, number>(), slow: number[] = []
  let on = true
  const caller = async (list: string): Promise<void> => {
    const mine: string[] = []
    items.set(list, mine)
    for (let n = 0; on; n++) {
      const item = `${by}${n}`
      for (let answered = false; !answered;) {
        const begun = performance.now(), answer = await app.send(Note({ list, item }), { id: `${list} ${item}`, timeout })(), kind = answer._tag === 'Left' ? answer.left.notHandled : 'accepted'
        kinds.set(kind, (kinds.get(kind) ?? 0) + 1)
        slow.push(performance.now() - begun)
        answered = answer._tag === 'Right'
        if (!answered) await new Promise(resolve => { setTimeout(resolve, 20) })
      }
      mine.push(item)
    }
  }
  const all = Array.from({ length: lists }, (_, i) => caller(`${by}-l${i}`))
  return { items, kinds, sent: (): number => [...items.values()].reduce((sum, list) => sum + list.length, 0), end: async () => { on = false; await Promise.all(all); return { slowest: Math.max(...slow) } } }
}
/** What there is to know when something does not come to an end. */
const standing = (place: Place) => Promise.all([
  'select consumer, state, count(*)::int as n, min(reason) as reason from lowtide.lowtide_parked group by 1, 2',
  'select c.*, (select count(*)::int from lowtide.lowtide_log l where l.channel = c.channel and l.partition = c.partition and (l.tx, l.n) > (c.tx, c.n)) as behind from lowtide.lowtide_consumers c',
  'select *, until > clock_timestamp() as alive from lowtide.lowtide_instances', 'select pg_current_snapshot()::text as snapshot',
  `select state, wait_event, backend_xmin, backend_xid, left(query, 60) as query from pg_stat_activity where application_name = 'lowtide' and state <> 'idle'`,
].map(text => place.sql(text)))
const books = async (place: Place, loads: readonly ReturnType<typeof load>[]): Promise<void> => {
  const expected = loads.flatMap(l => [...l.items]).toSorted(([a], [b]) => a < b ? -1 : 1), rows = async (table: string) => (await place.sql(`select list, items from lowtide.${table} order by list collate "C"`)).map(row => [row['list'], row['items']])
  await until('the journals', patience, async () => JSON.stringify(await rows('journals')) === JSON.stringify(expected)).catch(async (e: unknown) => {
    for (const table of ['lists', 'journals']) assert.equal(await rows(table), expected, table)
    throw new Error(`${String(e)}; ${JSON.stringify(await standing(place))}`)
  })
  assert.equal(await rows('lists'), expected)
  assert.equal((await place.sql('select sum(n)::int as n from lowtide.tallies'))[0]!['n'], expected.reduce((sum, [, items]) => sum + items.length, 0))
  assert.equal((await place.sql(`select consumer, state, reason from lowtide.lowtide_parked where state <> 'failed'`)), [])
}
const on = (test: (place: Place, server: Postgres) => Promise<void>) => () => inPlace(() => server!.url, place => test(place, server!))()

test('all sessions are ended, again and again: no answer is wrong, and all recover', on(async place => {
  const app = await place.app(), front = await place.app({ process: 'front' }), loads = [load(app, 's'), load(front, 'p')]
  for (let n = 0; n < 8; n++) {
    const before = loads.map(l => l.sent())
    await until('some answers of each', patience, () => loads.every((l, i) => l.sent() > before[i]! + lists))
    await place.sql(`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'lowtide' and datname = current_database()`)
  }
  for (const l of loads) await l.end()
  for (const { kinds } of loads) assert.equal([...kinds.keys()].filter(kind => !told.includes(kind)), [])
  await until('ready', patience, () => app.state() === 'ready' && front.state() === 'ready')
  await books(place, loads)
}))

test('the server is killed and comes back: calls are answered in time, and the state says so', on(async (place, db) => {
  const app = await place.app(), front = await place.app({ process: 'front' }), loads = [load(app, 's'), load(front, 'p')]
  await until('some answers of each', patience, () => loads.every(l => l.sent() > lists))
  await db.kill()
  await until('unavailable', patience, () => app.state() === 'unavailable' && front.state() === 'unavailable')
  await until('callers who are told', patience, () => loads.every(l => (l.kinds.get('unavailable') ?? 0) + (l.kinds.get('timeout') ?? 0) > 0))
  await db.restart({ how: 'kill' })
  await until('ready', patience, () => app.state() === 'ready' && front.state() === 'ready')
  const before = loads.map(l => l.sent())
  await until('answers again', patience, () => loads.every((l, i) => l.sent() > before[i]! + lists))
  for (const l of loads) assert.ok((await l.end()).slowest < timeout + late)
  for (const { kinds } of loads) assert.equal([...kinds.keys()].filter(kind => !told.includes(kind)), [])
  await books(place, loads)
}))

test.run()

import { keyOf } from '@lowtide/core'
import { type Flight, proxy, testServer } from '@lowtide/servers'
import { right, until } from '@lowtide/testing'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { compare, partitionOf, placeOf, start } from '../log/position.js'
import { locking } from '../store/locks.js'
import { type Place, compared, inPlace, marked, needless, projected } from './fixture.js'
import { Add, summing } from './functions/fixture.js'

const test = suite('marks beside a rebuild')
const server = await testServer()
test.after(() => server.stop())
/** Keys of one partition. */
const [a, b, c] = Array.from({ length: 50 }, (_, i) => `k${i}`).filter(key => partitionOf(key, 4) === 0) as [string, string, string]
type App = Awaited<ReturnType<Place['app']>>
const inDatabase = (run: (place: Place, app: App, send: (key: string, n: number) => Promise<unknown>) => Promise<void>) => inPlace(() => server.url, async place => {
  const app = await place.app('adder')
  await run(place, app, (key, n) => right(app.send(Add({ key, n, entry: `${key}/${n}` }), { wait: 'handled' })))
  await projected(place)
  for (const [table, [rows, log]] of Object.entries(await compared(place))) assert.equal(rows, log, table)
})
const moves = (flight: Flight): boolean => flight.some(({ text }) => text.includes('lowtide_consumers x set tx'))

test('are left for what is handled behind a message that waits in vain, and for nothing else; a process that begins there finds them', inDatabase(async (place, _app, send) => {
  const unneeded = await needless(place), projector = await place.child('projector', { LOCK: '200' })
  await send(a, 1)
  await projected(place)
  const row = locking('lowtide')()
  row.exclusive(keyOf('sums', a))
  const release = await place.holding(row.script()) // as a rebuild that holds the tables, but for one row; it takes no transaction id, which would hold all readers back
  await send(a, 2)
  await send(a, 3)
  for (const n of [1, 2]) await send(b, n)
  await until('the other key to be handled', 20_000, async () => (await place.sql('select n::int from lowtide.sums where key = $1', [b]))[0]?.['n'] === 3)
  assert.equal([await marked(place), await unneeded()], [[`${b}/1`, `${b}/2`], []])
  await projector.kill()
  await release()
  await place.child('projector')
  await projected(place)
  await send(c, 1)
  await projected(place)
  assert.equal([await marked(place), await unneeded()], [[`${b}/1`, `${b}/2`], []], 'the gap is closed')
}))

test('are not left because what was in hand at the swap shares a key with what came behind it', inDatabase(async (place, app, send) => {
  let read = start
  const way = await proxy(place.url, flight => {
    for (const { text, params: [, parts, txs, ns] } of flight) {
      if (!text.includes('left join lateral (select r.tx, r.n')) continue
      const [ps, xs, ms] = [parts, txs, ns].map(list => list!.slice(1, -1).split(',').map(Number)) as [number[], number[], number[]], nth = ps.indexOf(0)
      if (nth >= 0) read = { tx: xs[nth]!, n: ms[nth]! }
    }
  })
  /** The projector has it in hand: it reads on behind it. */
  const inHand = (entry: string): Promise<unknown> => until(`${entry} to be read`, 20_000, async () => {
    const [at] = await place.sql(`select tx || '.' || n as at from lowtide.lowtide_log where channel = 'sum-events' and message #>> '{data,entry}' = $1`, [entry])
    return compare(read, placeOf(String(at!['at']))) >= 0
  })
  const owned = async () => (await place.sql(`select owner, fence::int as fence from lowtide.lowtide_consumers where consumer = 'summing' and channel = 'sum-events' and partition = 0`))[0] as { owner: string | null; fence: number }
  try {
    const unneeded = await needless(place), projector = await place.child('projector', { LEASE: '20000' }, way.url)
    await send(a, 1)
    await projected(place)
    const { fence } = await owned(), caught = way.seize(moves, 'held')
    await send(a, 2)
    const { release } = await caught
    await send(b, 1)
    await inHand(`${b}/1`)
    assert.is(await right(app.rebuild(summing)), 3)
    await until('the projector to have the partition again', 20_000, async () => { const now = await owned(); return now.owner !== null && now.fence > fence + 1 })
    await send(b, 2)
    await send(c, 1)
    await inHand(`${c}/1`)
    release() // then one unit has them all: of before the swap, and of behind it
    await projected(place)
    assert.equal([await marked(place), await unneeded()], [[], []])
    await projector.kill()
  } finally { await way.close() }
}))

test.run()

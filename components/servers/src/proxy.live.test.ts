import { Client } from 'pg'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { value } from './fixture.js'
import { type Fate, type Flight, freshDatabase, proxy, testServer } from './index.js'

const server = await testServer(), test = suite('a proxy')
test.after(() => server.stop())

/** A client by way of a proxy, over a table `t`, and how many rows others see in it. */
const through = (run: (client: Client, seize: (fate: Fate) => ReturnType<Awaited<ReturnType<typeof proxy>>['seize']>, rows: () => Promise<unknown>, met: readonly Flight[]) => Promise<void>) => async (): Promise<void> => {
  const fresh = await freshDatabase(server.url), met: Flight[] = [], way = await proxy(fresh.url, flight => { met.push(flight) }), client = new Client({ connectionString: way.url })
  client.on('error', () => {})
  try {
    await client.connect()
    await client.query('create table t (a int, b text)')
    await run(client, fate => way.seize(flight => flight.some(({ text }) => text.startsWith('insert')), fate), () => value(fresh.url, 'select count(*)::int from t'), met)
  } finally {
    await client.end()
    await way.close()
    await way.close()
    await fresh.drop()
  }
}
const insert = (client: Client) => client.query({ name: 'insert', text: 'insert into t values ($1::int, $2::text)', values: [1, null] })

test('shows the statements that pass, with their parameters', through(async (client, _, rows, met) => {
  await insert(client)
  assert.is(await rows(), 1)
  assert.equal(met.at(-1), [{ text: 'insert into t values ($1::int, $2::text)', params: ['1', null] }])
}))

for (const [fate, standing] of [['held', 0], [{ upTo: 1 }, 0], ['uncommitted', 0], ['unanswered', 1]] as const) test(`lets go on what was ${JSON.stringify(fate)}`, through(async (client, seize, rows) => {
  const seizing = seize(fate), inserting = insert(client), { release, pid } = await seizing
  assert.ok(pid > 0)
  assert.is(await rows(), standing)
  release()
  release()
  assert.is((await inserting).rowCount, 1)
  assert.is(await rows(), 1)
}))

test('breaks the line at its end', through(async (client, seize, rows) => {
  const seizing = seize('uncommitted'), inserting = insert(client).then(() => 'answered', () => 'broken')
  await seizing
  await client.end()
  assert.is(await inserting, 'broken')
  assert.is(await rows(), 0)
}))

test.run()

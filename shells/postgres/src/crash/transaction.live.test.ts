// time limit: 240 s
import type { Outcome } from '@lowtide/core'
import type { NotHandled, Sending } from '@lowtide/run'
import { freshDatabase, testServer } from '@lowtide/servers'
import { until } from '@lowtide/testing'
import * as E from 'fp-ts/lib/Either.js'
import pg from 'pg'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Place, appOf, expected, inPlace, seized, settles, written } from './fixture.js'
import { Burn, Note, Shelve } from './functions/fixture.js'

const server = await testServer(), patience = 15_000
const test = suite('a command in a transaction of its caller')
test.after(() => server.stop())

/** A connection of the caller's, beside a table of his. */
const connected = async <A>(url: string, run: (client: pg.Client) => Promise<A>): Promise<A> => {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  try { return await run(client) } finally { await client.end().catch(() => {}) }
}
const at = (run: (place: Place, client: pg.Client) => Promise<void>) => inPlace(() => server.url, async place => {
  await place.sql('create table public.mine (note text)')
  await connected(place.url, client => run(place, client))
})
type Answer = E.Either<NotHandled, Outcome>
const verdict = (a: Answer): string => E.isLeft(a) ? a.left.notHandled : a.right.rejection?.code ?? 'accepted'
const count = async ({ sql }: Place, from: string): Promise<number> => Number((await sql(`select count(*)::int as n from ${from}`))[0]!['n'])
/** All that a command leaves: nothing, but for what others have written. */
const traces = async (place: Place, id: string): Promise<number> => await count(place, `lowtide.lowtide_inbox where id = '${id}'`) + await count(place, `lowtide.lowtide_log where message ->> 'causationid' = '${id}'`) + await count(place, 'lowtide.entries') + await count(place, 'lowtide.lists') + await count(place, 'lowtide.lowtide_parked')
const journaled = (place: Place, list: string, n: number) => until('the journal', patience, async () => (await written(place, list)).journaled === n)
const note = (item: string, list = 'l') => Note({ list, item })

test('is committed with it, and nobody sees it before', at(async (place, client) => {
  const app = await place.app()
  await client.query('begin')
  const answer = await app.send(note('a'), { id: '1', transaction: client })()
  assert.is(verdict(answer), 'accepted', JSON.stringify(answer))
  await client.query(`insert into public.mine values ('with it')`)
  assert.is(await traces(place, '1'), 0)
  await client.query('commit')
  await journaled(place, 'l', 1)
  assert.equal([await written(place, 'l'), await count(place, 'public.mine')], [expected('a'), 1])
  assert.equal(await app.send(note('a'), { id: '1' })(), answer, 'the outcome stands')
  assert.is(verdict(await app.send(note('b'), { id: '1' })()), 'id-reused')
  assert.is(verdict(await app.send(note('b'))()), 'accepted')
  await journaled(place, 'l', 2)
}))

test('is rolled back with it: nothing remains, and the id is free', at(async (place, client) => {
  const app = await place.app(), send = (text: string, id: string) => app.send(note(text), { id, transaction: client })()
  await client.query('begin')
  assert.is(verdict(await send('a', '1')), 'accepted')
  await client.query('rollback')
  assert.is(await traces(place, '1'), 0)
  await client.query('begin; savepoint of_the_caller')
  assert.is(verdict(await send('b', '1')), 'accepted', 'another body under the same id')
  await client.query('rollback to savepoint of_the_caller; commit')
  assert.is(await traces(place, '1'), 0)
  await client.query('begin')
  assert.is(verdict(await send('c', '1')), 'accepted')
  await client.query('commit')
  assert.is(verdict(await app.send(note('c'), { id: '1' })()), 'accepted')
  await journaled(place, 'l', 1)
  assert.equal(await written(place, 'l'), expected('c'))
}))

test('is refused once the transaction has an id, and leaves it as it was', at(async (place, client) => {
  const app = await place.app(), send = () => app.send(note('a'), { transaction: client })()
  const refused = async (text: string): Promise<void> => {
    const answer = await send()
    assert.is(verdict(answer), 'invalid', text)
    assert.match((answer as E.Left<NotHandled>).left.message, text)
  }
  await client.query(`begin; insert into public.mine values ('before')`)
  await refused('expected one without an id')
  await client.query('commit')
  assert.is(await count(place, 'public.mine'), 1, 'it goes on')
  await client.query('begin; select from public.mine for update')
  await refused('locked rows')
  await client.query('rollback; begin')
  assert.is(verdict(await send()), 'accepted')
  await refused('one in a transaction')
  await client.query('commit')
  assert.is(await count(place, 'lowtide.entries'), 1)
  await refused('found none; begin it first')
  for (const [begin, text] of [['begin isolation level repeatable read', `found 'repeatable read'`], ['begin isolation level serializable', `found 'serializable'`], ['begin read only', 'found a read only one']] as const) {
    await client.query(begin)
    await refused(text)
    assert.is((await client.query('commit')).command, 'COMMIT')
  }
  await client.query('begin')
  await client.query('select 1 / 0').catch(() => {})
  await refused('that an error has ended')
  await client.query('rollback')
}))

test('is refused where it could not be decided so', at(async (place, client) => {
  const app = await place.app(), front = await place.app({ process: 'front' }), pool = new pg.Pool({ connectionString: place.url }), other = await freshDatabase(server.url)
  const why = async (by: typeof app, o: Sending): Promise<string> => { const answer = await by.send(note('a'), o)(); return E.isLeft(answer) ? `${answer.left.notHandled}: ${answer.left.message}` : 'accepted' }
  try {
    await client.query('begin')
    assert.match(await why(app, { transaction: client, wait: 'projected' }), /^invalid: nothing is projected before/)
    assert.match(await why(front, { transaction: client }), /^invalid: 'note' does not run in this process/)
    // @ts-expect-error a pool is no connection
    assert.match(await why(app, { transaction: pool }), /^invalid: .*expected a client of 'pg'/)
    await connected(other.url, async far => {
      await far.query('begin')
      const strange = await why(app, { transaction: far })
      assert.match(strange, /^invalid: .*found another database or server/, strange)
      assert.is((await far.query('commit')).command, 'COMMIT')
    })
    assert.is(await why(app, { transaction: client }), 'accepted')
    await client.query('rollback')
  } finally { await pool.end(); await other.drop() }
}))

test('leaves the session as it was: settings, prepared statements, savepoints', at(async (place, client) => {
  const app = await place.app(), state = async () => [(await client.query(`select name, setting from pg_settings where name not like 'lowtide.%' and name <> 'transaction_isolation' order by name`)).rows, (await client.query('select name from pg_prepared_statements')).rows]
  await client.query(`set timezone = 'Asia/Tokyo'; set datestyle = 'German'; set extra_float_digits = -3; set array_nulls = off; set search_path = public, pg_catalog`)
  await client.query(`begin; set statement_timeout = '3min'; set local lock_timeout = '2s'; set constraints all deferred`)
  const before = await state()
  assert.is(verdict(await app.send(note('a'), { id: '1', transaction: client })()), 'accepted')
  assert.equal(await state(), before)
  assert.match(await client.query('release savepoint lowtide').then(() => '', (e: Error) => e.message), 'does not exist')
  await client.query('rollback; begin; set constraints all immediate; set local lock_timeout = \'2s\'')
  assert.is(verdict(await app.send(Shelve({ id: 'a', on: 'nowhere' }), { transaction: client })()), 'constraint')
  assert.is((await client.query('show lock_timeout')).rows[0].lock_timeout, '2s')
  await client.query('commit')
  const after = await client.query('show timezone')
  assert.is(after.rows[0].TimeZone, 'Asia/Tokyo')
}))

test('answers what the database forbids, and the transaction goes on', at(async (place, client) => {
  const app = await place.app()
  for (const draft of [Shelve({ id: 'board' }), Shelve({ id: 'book', on: 'board' })]) assert.is(verdict(await app.send(draft)()), 'accepted')
  await client.query('begin')
  const burnt = await app.send(Burn({ id: 'board' }), { id: 'burn', transaction: client })()
  assert.is(verdict(burnt), 'constraint')
  await client.query(`insert into public.mine values ('all the same')`)
  assert.is((await client.query('commit')).command, 'COMMIT')
  assert.equal(await app.send(Burn({ id: 'board' }), { id: 'burn' })(), burnt, 'a rejection is an outcome too')
  await client.query('begin')
  const shelved = await app.send(Shelve({ id: 'book' }), { id: 'again', transaction: client })()
  assert.is(verdict(shelved), 'shelved')
  await client.query('rollback')
  assert.is(await count(place, `lowtide.lowtide_inbox where id = 'again'`), 0)
  assert.is(await count(place, 'public.mine'), 1)
}))

test('of others on the same keys, here and in other processes: the log has them in the order of the key', at(async (place, client) => {
  const app = await place.app({ connections: 6 }), children = await Promise.all([place.child({}), place.child({})]), lists = ['x', 'y', 'z'], rounds = 25
  const kept: string[] = [], failures: string[] = []
  const sent = (item: string, answer: Answer): void => { if (verdict(answer) === 'accepted') kept.push(item); else failures.push(JSON.stringify(answer)) }
  const inside = async (mine: pg.Client, by: string): Promise<void> => {
    for (let n = 0; n < rounds; n++) {
      const list = lists[n % 3]!, item = `${list}-${by}-${n}`
      await mine.query('begin')
      const answer = await app.send(note(item, list), { transaction: mine })()
      await mine.query('insert into public.mine values ($1)', [item])
      if (n % 4 === 3) { await mine.query('rollback'); continue }
      await mine.query('commit')
      sent(item, answer)
    }
  }
  const outside = async (send: (draft: ReturnType<typeof note>) => Promise<Answer>, by: string): Promise<void> => { for (let n = 0; n < rounds; n++) { const list = lists[n % 3]!, item = `${list}-${by}-${n}`; sent(item, await send(note(item, list))) } }
  await connected(place.url, second => Promise.all([inside(client, 't1'), inside(second, 't2'), outside(d => app.send(d)(), 'o'), ...children.map((c, i) => outside(d => c.send(d) as Promise<Answer>, `c${i}`))]))
  assert.equal(failures, [])
  for (const list of lists) {
    const log = (await place.sql(`select message -> 'data' as data from lowtide.lowtide_log where channel = 'note-events' and message ->> 'subject' = $1 order by tx, n`, [list])).map(row => row['data'] as { item: string; items: readonly string[] })
    assert.equal(log.at(-1)!.items, log.map(({ item }) => item), 'each event follows the one before it')
    log.forEach(({ items }, n) => assert.is(items.length, n + 1))
    assert.equal(log.map(({ item }) => item).toSorted(), kept.filter(item => item.startsWith(`${list}-`)).toSorted())
    await journaled(place, list, log.length)
    assert.equal((await written(place, list)).journal, log.map(({ item }) => item), 'and so do its readers')
  }
}))

test('holds its key until it ends: who waits too long is told, and goes on', at(async (place, client) => {
  const app = await place.app({ lockTimeout: 200, options: { retries: 0 } })
  await client.query('begin')
  assert.is(verdict(await app.send(note('a'), { transaction: client })()), 'accepted')
  assert.is(verdict(await app.send(note('b'))()), 'unavailable')
  assert.is(verdict(await app.send(note('b', 'other'))()), 'accepted', 'other keys do not wait')
  await connected(place.url, async second => {
    await second.query('begin')
    const late = await app.send(note('c'), { id: 'c', transaction: second })()
    assert.is(verdict(late), 'unavailable')
    await client.query('commit')
    assert.is(verdict(await app.send(note('c'), { id: 'c', transaction: second })()), 'accepted', 'in the same transaction, for it has no id yet')
    await second.query('commit')
  })
  await journaled(place, 'l', 2)
  assert.equal(await written(place, 'l'), expected('a', 'c'))
}))

test('whose decision is overtaken is decided again', at(async (place, client) => {
  const way = await place.proxy(), app = await place.app(), far = await place.app({ url: way.url })
  assert.is(verdict(await app.send(note('a'))()), 'accepted')
  await connected(way.url, async mine => {
    await mine.query('begin')
    const caught = seized(way, settles(''), 'held'), sending = far.send(note('c'), { transaction: mine })() // decided, and not sent yet
    const { release } = await caught
    assert.is(verdict(await app.send(note('b'))()), 'accepted')
    release()
    assert.is(verdict(await sending), 'accepted')
    await mine.query('commit')
  })
  await journaled(place, 'l', 3)
  assert.equal(await written(place, 'l'), expected('a', 'b', 'c'))
  void client
}))

test('stands not if the connection of its caller is killed', at(async (place, client) => {
  const app = await place.app(), pidOf = async (c: pg.Client): Promise<number> => (await c.query('select pg_backend_pid() as pid')).rows[0].pid
  await client.query('begin')
  const pid = await pidOf(client)
  assert.is(verdict(await app.send(note('a'), { id: '1', transaction: client })()), 'accepted')
  await connected(place.url, async second => {
    await second.query('begin')
    const waits = await pidOf(second), sending = app.send(note('b'), { id: '2', transaction: second })()
    await until('it waits for the key', patience, async () => (await place.sql(`select from pg_locks where pid = $1 and not granted`, [waits])).length > 0)
    await place.sql('select pg_terminate_backend($1)', [waits])
    assert.is(verdict(await sending), 'unavailable')
    assert.is(verdict(await app.send(note('b'), { id: '2', transaction: second })()), 'unavailable', 'a dead connection')
  })
  await place.sql('select pg_terminate_backend($1)', [pid])
  await until('its end', patience, async () => (await place.sql('select from pg_stat_activity where pid = $1', [pid])).length === 0)
  assert.is(await traces(place, '1') + await traces(place, '2'), 0)
  assert.is(verdict(await app.send(note('a'), { id: '1' })()), 'accepted')
  await journaled(place, 'l', 1)
}))

test('under an id that another process handles meanwhile has its outcome', at(async (place, client) => {
  const app = await place.app(), other = await place.app()
  for (let n = 0; n < 10; n++) {
    await client.query('begin')
    const [mine, theirs] = await Promise.all([app.send(note(`i${n}`), { id: `same-${n}`, transaction: client })().then(async a => { await client.query('commit'); return a }), other.send(note(`i${n}`), { id: `same-${n}` })()])
    assert.equal(mine, theirs)
  }
  // nothing that a lock guards: only the index of marks tells
  await client.query('begin')
  assert.is(verdict(await app.send(Shelve({ id: 'a' }))()), 'accepted')
  assert.is(verdict(await app.send(Shelve({ id: 'a' }), { id: 'no', transaction: client })()), 'shelved')
  await connected(place.url, async second => {
    await second.query('begin')
    const sending = other.send(Shelve({ id: 'a' }), { id: 'no', transaction: second })(), pid = (await place.sql(`select pid from pg_stat_activity where datname = current_database() and state like '%transaction%' and pid <> pg_backend_pid()`)).length
    assert.ok(pid > 0)
    await until('it waits for the mark', patience, async () => (await place.sql(`select from pg_locks where not granted and locktype = 'transactionid'`)).length > 0)
    await client.query('commit')
    assert.is(verdict(await sending), 'shelved')
    await second.query(`insert into public.mine values ('goes on')`)
    await second.query('commit')
  })
  assert.equal([await count(place, `lowtide.lowtide_inbox where id = 'no'`), await count(place, 'public.mine')], [1, 1])
}))

test('in a circle of waits is tried again, then answered, and gives its locks back', at(async (place, client) => {
  const app = await place.app()
  await connected(place.url, async other => {
    await client.query('begin; lock table public.mine in exclusive mode')
    await other.query(`begin; set local deadlock_timeout = '1min'`) // the other one finds it
    assert.is(verdict(await app.send(note('a'), { transaction: other })()), 'accepted')
    const writes = other.query(`insert into public.mine values ('waits')`), waiting = app.send(note('b'), { id: '1', transaction: client })()
    const circle = await waiting
    assert.match(JSON.stringify(circle), 'deadlock detected')
    assert.is(verdict(circle), 'unavailable')
    assert.is((await client.query('commit')).command, 'COMMIT', 'it goes on')
    await writes
    await other.query('commit')
  })
  assert.is(verdict(await app.send(note('b'), { id: '1' })()), 'accepted')
  await journaled(place, 'l', 2)
  assert.equal([await written(place, 'l'), await count(place, 'public.mine')], [expected('a', 'b'), 1])
}))

test('that the caller ends too early leaves nothing', at(async (place, client) => {
  const app = await place.app()
  await client.query('begin')
  const sending = app.send(note('a'), { id: '1', transaction: client })()
  await client.query('commit') // nobody waited for the answer
  const early = await sending
  assert.is(verdict(early), 'failed', JSON.stringify(early))
  assert.is(await traces(place, '1'), 0)
  await client.query('begin')
  const second = app.send(note('a'), { id: '1', transaction: client })()
  await client.query(`insert into public.mine values ('too early')`)
  assert.is(verdict(await second), 'failed')
  await client.query('commit')
  assert.equal([await traces(place, '1'), await count(place, 'public.mine')], [0, 1])
}))

test('is the only one on its client at a time: another is refused before anything is sent, and the first is not disturbed', at(async (place, client) => {
  const app = await place.app()
  await client.query('begin')
  const [first, second] = await Promise.all(['a', 'b'].map(item => app.send(note(item), { id: item, transaction: client })()))
  assert.is(verdict(first!), 'accepted')
  assert.match(E.isLeft(second!) ? `${second.left.notHandled}: ${second.left.message}` : '', /^invalid: .*cannot handle a command in this transaction: expected one command at a time on a client, found one under way/)
  await client.query(`insert into mine values ('with it')`)
  assert.is((await client.query('commit')).command, 'COMMIT')
  await journaled(place, 'l', 1)
  assert.equal([await written(place, 'l'), await count(place, 'public.mine')], [expected('a'), 1])
  await client.query('begin')
  assert.is(verdict(await app.send(note('b'), { id: 'b', transaction: client })()), 'accepted', 'once it is done, the client is free')
  await client.query('commit')
}))

test('is observed as any other is', at(async (place, client) => {
  const seen: unknown[] = [], app = await appOf({ url: place.url, process: 'worker' }, { executing: async (_, go) => { for (const { handler, message, end } of await go()) if (handler === 'note') seen.push([message.id, end]) } })
  try {
    for (const id of ['1', '2', '2']) {
      await client.query('begin')
      assert.is(verdict(await app.send(note(id), { id, transaction: client })()), 'accepted')
      await client.query('commit')
    }
    assert.equal(seen, [['1', 'handled'], ['2', 'handled'], ['2', 'handled']])
  } finally { await app.close() }
}))

/** The caller is told that his time is over while the command still looks up its rows; what he does then, and what comes of his next transaction on that connection. */
const late = (what: string, does: (client: pg.Client) => Promise<void>, gone?: AbortController, first = false) => test(what, at((place, client) => connected(place.url, async other => {
  const app = await place.app({ options: { timeout: gone ? 20_000 : 300 } }), active = (state: string) => count(place, `pg_stat_activity where query like '%lowtide%' and ${state} and pid <> pg_backend_pid() and datname = current_database()`)
  await other.query('begin; lock table lowtide.lists in access exclusive mode')
  await client.query('begin')
  const answering = app.send(note('a'), { id: '1', transaction: client, ...gone && { signal: gone.signal } })()
  await until('the lookup to wait', patience, async () => await active(`wait_event_type = 'Lock'`) > 0)
  gone?.abort()
  if (first) await does(client)
  const answer = await answering
  assert.is(verdict(answer), 'timeout', JSON.stringify(answer))
  if (!first) await does(client)
  await client.query('begin')
  await client.query(`insert into public.mine values ('next')`)
  await other.query('rollback')
  await until('what is left of the command to be over', patience, async () => await active(`state = 'active'`) === 0)
  await app.close()
  assert.is((await client.query('commit')).command, 'COMMIT')
  assert.equal([await traces(place, '1'), await count(place, 'public.mine')], [0, 1], 'the next transaction has what was written there, and no more')
})))
late('that takes too long leaves the next transaction of that connection alone, once its own is rolled back', async client => { await client.query('rollback') })
late('that takes too long, and its caller does not roll back: nothing of it is committed', async client => {
  await client.query(`insert into public.mine values ('too late')`).catch(() => {})
  assert.is((await client.query('commit')).command, 'ROLLBACK')
})
late('whose caller did not wait for its answer leaves the next transaction alone too', async client => { await client.query('rollback'); await client.query('begin; rollback') }, undefined, true)
late('whose caller has gone leaves the next transaction alone too', async client => { await client.query('rollback') }, new AbortController())

test.run()

import { type AnyTable, accept, channel, command, commandHandler, event, int, optional, projector, query, reject, table, text, timestamp } from '@lowtide/core'
import { deployment, run } from '@lowtide/run'
import { left, right } from '@lowtide/testing'
import * as E from 'fp-ts/lib/Either.js'
import * as O from 'fp-ts/lib/Option.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { z } from 'zod'
import { type Place, inDatabase, needs, stop } from './fixture.js'
import { migrate } from './migrate.js'
import { postgres } from '../postgres.js'
import { inspect } from './start.js'

const test = suite('tables that others have made')
test.after(stop)

/** As an application has it for years: more columns than are declared, names of its own, and rows. */
const theirs = `create schema shop;
  create table shop.customers (id text collate "C" constraint pk primary key, email text collate "C" not null constraint one_each unique, city text collate "C", visits bigint not null default 0, made timestamptz not null default now(), note text);
  create index on shop.customers (city);
  insert into shop.customers (id, email, city, note) select 'c' || n, 'c' || n || '@example.org', case when n % 2 = 0 then 'Rome' else 'Oslo' end, 'of old' from generate_series(1, 6) n`
const columns = { id: text, email: text, city: optional(text), visits: int, made: timestamp }
const customers = table('customers', { columns, key: 'id', unique: ['email'], indexes: ['city'] })
const seen = table('seen', { columns: { id: text }, key: 'id' })

const s = z.string(), data = z.object({ id: s, email: s })
const Move = command('Move', { channel: channel('customer-commands'), key: d => d.id, rejections: ['unknown', 'taken'], schema: z.object({ id: s, email: s.optional(), city: s }) })
const Moved = event('Moved', { channel: channel('customer-events'), key: d => d.id, schema: z.object({ id: s, city: s, email: s, neighbours: z.array(s) }) })
const Visit = command('Visit', { channel: Move.channel, key: d => d.id, schema: z.object({ id: s }) }), Visited = event('Visited', { channel: Moved.channel, key: d => d.id, schema: z.object({ id: s }) })
const Leave = command('Leave', { channel: Move.channel, key: d => d.id, schema: z.object({ id: s }) }), Left = event('Left', { channel: Moved.channel, key: d => d.id, schema: z.object({ id: s }) })
const Join = command('Join', { channel: Move.channel, key: d => d.id, schema: data }), Joined = event('Joined', { channel: Moved.channel, key: d => d.id, schema: data.extend({ made: s }) })
const move = commandHandler({
  meta: { name: 'move', in: Move, out: [Moved], uses: [customers] },
  lookup: ({ data: { id, city, email } }) => ({ row: customers.get(id), other: customers.by('email', email ?? 'nobody@example.org'), there: customers.where({ city }) }),
  operate: (_ctx, { data: { id, city, email } }, { row, other, there }) => O.isNone(row) ? reject('unknown', 'nobody') : O.isSome(other) && other.value.id !== id ? reject('taken', 'another has it')
    : accept(Moved({ id, city, email: email ?? row.value.email, neighbours: there.map(c => c.id) })),
  write: { Moved: ({ data: { id, city, email } }) => [customers.update(id, { city, email })] },
})
const visit = commandHandler({ meta: { name: 'visit', in: Visit, out: [Visited], uses: [customers] }, operate: (_ctx, m) => accept(Visited(m.data)), write: { Visited: ({ data: { id } }) => [customers.increment(id, { visits: 1 })] } })
const leave = commandHandler({ meta: { name: 'leave', in: Leave, out: [Left], uses: [customers] }, operate: (_ctx, m) => accept(Left(m.data)), write: { Left: ({ data: { id } }) => [customers.remove(id)] } })
const join = commandHandler({ meta: { name: 'join', in: Join, out: [Joined], uses: [customers] }, operate: (ctx, m) => accept(Joined({ ...m.data, made: ctx.now })), write: { Joined: ({ data: { id, email, made } }) => [customers.insert({ id, email, city: null, visits: 0, made })] } })
const view = projector({ meta: { name: 'view', in: [Moved, Visited, Left, Joined], uses: [seen] }, write: { Moved: ({ data: { id } }) => [seen.put({ id })], Visited: () => [], Left: () => [], Joined: () => [] } })
const customer = query({ meta: { name: 'Customer', args: z.object({ id: s }), uses: [customers] }, lookup: ({ id }) => ({ row: customers.get(id) }), answer: ({ row }) => O.toNullable(row) })
const functions = { move, visit, leave, join, view, customer }, tables: readonly AnyTable[] = [customers, seen]

const shared = (test: (place: Place, app: Awaited<ReturnType<typeof running>>) => Promise<void>, more = '') => inDatabase(async place => {
  await place.sql(`${theirs}; ${more}`)
  const { db, access } = place.open(undefined, 'shop')
  await right(migrate(db, access, needs(tables)))
  const app = await running(place)
  try { await test(place, app) } finally { await app.close() }
})
const running = (place: Place) => run(deployment({ name: 'shop', functions: [functions], shell: postgres({ url: place.url, schema: 'shop', connections: 3 }), processes: { all: [move, visit, leave, join, view] } }), { signals: false })

test('are shared by a migration that names what it does, and drops nothing', inDatabase(async place => {
  await place.sql(theirs)
  const { db, access } = place.open(undefined, 'shop'), before = await place.sql('select id, email, city, visits, made, note from shop.customers order by id')
  const { changes } = await right(migrate(db, access, needs(tables)))
  assert.equal(changes.map(({ name }) => name).filter(name => name.includes('customers')), [
    `drop constraint 'one_each' of 'customers'`, `rename the key of 'customers'`, `share table 'customers' with those who made it`, `add unique email of 'customers'`, `add index city+id of 'customers'`,
  ])
  await right(inspect(db, access, needs(tables)))
  assert.is((await right(migrate(db, access, needs(tables)))).changes.length, 0)
  assert.equal(await place.sql('select id, email, city, visits, made, note from shop.customers order by id'), before)
  await place.sql(`insert into shop.customers (id, email) values ('new', 'new@example.org')`) // who made it goes on as ever
  assert.equal((await place.sql(`select distinct lowtide_version::int as v from shop.customers`)).map(row => row['v']), [0])
}))

const differs: readonly (readonly [string, RegExp])[] = [
  ['alter table shop.customers alter column email type varchar(100)', /column 'customers.email' has another type: expected text collate "C", found character varying\(100\); declare it as it is, or run: alter table "shop"."customers" alter column "email" type text collate "C" using "email"::text;/],
  ['alter table shop.customers add unique (id, made)', /has the constraint 'customers_id_made_key' \(unique id\+made\), which is not declared so: .*declare it, or run: alter table "shop"."customers" drop constraint "customers_id_made_key";/],
  ['create unique index lowered on shop.customers (lower(email))', /has the unique index 'lowered', which is not declared so/],
  ['create table shop.towns (name text collate "C" primary key); insert into shop.towns select distinct city from shop.customers; alter table shop.customers add foreign key (city) references shop.towns on delete cascade', /has the constraint 'customers_city_fkey' \(reference from city to 'towns'\), which is not declared so/],
  ['alter table shop.customers add constraint plausible check (visits >= 0)', /has the check 'plausible', which decisions know nothing of/],
  ['alter table shop.customers add owner text not null default 1; alter table shop.customers alter owner drop default', /column 'customers.owner' is not declared: expected that a row can be written without it/],
  ['alter table shop.customers alter visits drop default, alter visits add generated always as identity', /column 'customers.visits' is made by the server alone.*run: alter table "shop"."customers" alter column "visits" set generated by default;/],
  ['alter table shop.customers drop constraint one_each; update shop.customers set email = \'same\'', /found rows with equal values; make them different/],
]
for (const [sql, message] of differs) test(`are left as they are where they differ: ${sql.slice(0, 60)}`, inDatabase(async place => {
  await place.sql(theirs)
  await place.sql(sql)
  const { db, access } = place.open(undefined, 'shop')
  assert.match((await left(migrate(db, access, needs(tables)))).failure, message)
  assert.is((await place.sql(`select from information_schema.columns where table_schema = 'shop' and column_name = 'lowtide_version'`)).length, 0)
}))

test('keep what others add to them later: it is told, and not dropped', shared(async (place) => {
  await place.sql('alter table shop.customers add unique (id, made)')
  const { db, access } = place.open(undefined, 'shop')
  assert.match((await left(migrate(db, access, needs(tables)))).failure, /'customers_id_made_key' \(unique id\+made\), which is not declared so/)
}))

test('have rows that are found, changed and removed by handlers, whatever else stands in them', shared(async ({ sql }, app) => {
  const row = async (id: string) => (await sql(`select email, city, visits::int, note, lowtide_version > 0 as ours from shop.customers where id = $1`, [id]))[0]
  const moved = await right(app.send(Move({ id: 'c1', city: 'Rome' }), { wait: 'projected' }))
  assert.equal(moved.events?.[0]?.type === 'Moved' && moved.events[0].data.neighbours, ['c2', 'c4', 'c6'])
  assert.is((await right(app.send(Move({ id: 'c1', city: 'Rome', email: 'c2@example.org' })))).rejection?.code, 'taken')
  assert.is((await right(app.send(Move({ id: 'nobody', city: 'Rome' })))).rejection?.code, 'unknown')
  await right(app.send(Visit({ id: 'c1' })))
  assert.equal(await row('c1'), { email: 'c1@example.org', city: 'Rome', visits: 1, note: 'of old', ours: true })
  await right(app.send(Leave({ id: 'c2' })))
  assert.is(await row('c2'), undefined)
  await right(app.send(Join({ id: 'c2', email: 'c2@example.org' })))
  assert.equal(await row('c2'), { email: 'c2@example.org', city: null, visits: 0, note: null, ours: true })
  assert.is((await right(app.send(Join({ id: 'c7', email: 'c2@example.org' })))).rejection?.code, 'constraint')
  assert.is((await right(app.query(customer, { id: 'c3' })))?.email, 'c3@example.org')
}))

/** As it stands in docs/postgres.md. */
const trigger = (schema: string): string => `create function ${schema}.customers_version() returns trigger language plpgsql security definer set search_path = pg_catalog as $$ begin
  new.lowtide_version := pg_current_xact_id()::text::bigint + (select value::bigint from ${schema}.lowtide_meta where key = 'shift');
  return new;
end $$;
create trigger customers_version before insert or update on ${schema}.customers for each row execute function ${schema}.customers_version()`
test('notice what others write meanwhile, where a trigger counts for them', shared(async ({ sql }, app) => {
  await sql(trigger('shop'))
  await sql(`update shop.customers set city = 'Bern' where id = 'c1'`)
  assert.equal(await sql(`select lowtide_version = xmin::text::bigint as same from shop.customers where id = 'c1'`), [{ same: true }])
  const results = await Promise.all([
    ...Array.from({ length: 40 }, (_, n) => app.send(Move({ id: 'c1', city: `city ${n}` }))()),
    (async () => { for (let n = 0; n < 20; n++) await sql(`update shop.customers set visits = visits + 1 where id = 'c1'`); return E.right(undefined) })(),
  ])
  assert.ok(results.every(E.isRight))
  assert.is((await sql(`select visits::int from shop.customers where id = 'c1'`))[0]!['visits'], 20, 'no update of theirs is lost')
  await right(app.send(Visit({ id: 'c1' })))
}))

test('have triggers that find their tables also for Lowtide, or are told what to do', inDatabase(async place => {
  await place.sql(`${theirs}; create table shop.audit (id text);
    create function shop.audited() returns trigger language plpgsql as $$ begin insert into audit values (new.id); return new; end $$;
    create trigger audited after update on shop.customers for each row execute function shop.audited()`)
  const { db, access } = place.open(undefined, 'shop'), statement = 'alter function shop.audited() set search_path = "shop", public'
  assert.match((await left(migrate(db, access, needs(tables)))).failure, `trigger 'audited' of table 'customers' runs shop.audited(), which finds what it names by the search_path of whoever writes: expected one of its own, since Lowtide's connections have none but pg_catalog; run: ${statement}`)
  await place.sql(statement)
  await right(migrate(db, access, needs(tables)))
  const app = await running(place)
  try { await right(app.send(Move({ id: 'c1', city: 'Bern' }))) } finally { await app.close() }
  assert.equal(await place.sql('select id from shop.audit'), [{ id: 'c1' }])
  await place.sql(`create function shop.noted() returns trigger language plpgsql as $$ begin new.note := 'seen'; return new; end $$; create trigger noted before update on shop.customers for each row execute function shop.noted()`)
  await (await running(place)).close() // what works keeps nobody from starting
}))

test('are not made anew from events, which know but a part of them', shared(async (_, app) => {
  assert.match((await left(app.rebuild(view))).message, 'cannot make the tables seen anew: others made them')
}, 'create table shop.seen (id text collate "C" primary key, since timestamptz default now())'))

test.run()

// time limit: 120 s
import { accept, channel, command, commandHandler, event, optional, projector, table, text } from '@lowtide/core'
import { type NotHandled, deployment, planOf, relayed, start, system } from '@lowtide/run'
import { left, right, within } from '@lowtide/testing'
import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { z } from 'zod'
import { type RetentionOptions, postgres } from '../postgres.js'
import { outside } from '../relay/fixture.js'
import { Note, bell, leaving, note as told, ring } from '../relay/functions/fixture.js'
import { type Place, inDatabase, stop } from '../schema/fixture.js'
import { inspect } from '../schema/start.js'

test.after(stop)

const orders = channel('orders'), ordered = channel('ordered'), data = z.object({ id: z.string() })
const Order = command('Order', { channel: orders, key: d => d.id, schema: data }), Ordered = event('Ordered', { channel: ordered, key: d => d.id, schema: data })
const books = table('books', { columns: { id: text }, key: 'id' }), notes = table('notes', { columns: { id: text }, key: 'id' })
const order = commandHandler({ meta: { name: 'order', in: Order, out: [Ordered] }, operate: (_ctx, { data }) => data.id === 'broken' ? broken() : accept(Ordered(data)), write: { Ordered: () => [] } })
const book = projector({ meta: { name: 'book', in: [Ordered], uses: [books], retry: { times: 0 } }, write: { Ordered: ({ data }) => data.id === 'poison' ? broken() : [books.put(data)] } })
const note = projector({ meta: { name: 'note', in: [Ordered], uses: [notes] }, write: { Ordered: ({ data }) => [notes.put(data)] } })
const broken = (): never => { throw new Error('broken') }

interface Roles extends Place { readonly migrator: string; readonly app: string; readonly relay: string; readonly prefix: string }
const inRoles = (run: (place: Roles) => Promise<void>) => inDatabase(async place => {
  const prefix = `lt test ${randomBytes(5).toString('hex')}`, [migrator, app, relay] = ['migrator', 'app', 'relay'].map(role => `${prefix}_${role}`) as [string, string, string]
  try { await run({ ...place, prefix, migrator, app, relay }) } finally {
    for (const role of [app, relay, migrator]) await place.sql(`do $$ begin if exists (select from pg_roles where rolname = '${role}') then drop owned by "${role}" cascade; drop role "${role}"; end if; end $$`)
  }
})
const deployed = (url: string, retention: RetentionOptions = { every: 100 }, more = false) => {
  const lines: string[] = [], runtime = { ...system, log: (_level: string, line: string) => { lines.push(line) } }
  const d = deployment({ functions: [more ? { order, book, note } : { order, book }], shell: postgres({ url, connections: 3, retention }), processes: { all: more ? [order, book, note] : [order, book] }, options: { dedupWindow: 700, partitions: 2, backoffBase: 20, backoffCap: 100, poll: 50, retries: 1 } })
  return { lines, start: () => start(d, runtime), verb: (name: string, ...flags: string[]) => d.shell.verbs!.find(verb => verb.name === name)!.run(planOf(d, runtime), new Set(flags)) }
}
/** As a team would: the roles, then the tables as one of them, then what is granted on those. */
const prepared = async ({ url, as, prefix, migrator }: Roles, retention?: RetentionOptions): Promise<void> => {
  const { verb } = deployed(url, retention)
  await right(verb('roles', `prefix=${prefix}`, 'apply'))
  await right(deployed(as(encodeURIComponent(migrator)), retention).verb('migrate'))
  await right(verb('roles', `prefix=${prefix}`, 'apply'))
}
/** Each on a connection of its own: the code of the refusal, or 'done', which is undone. */
const tried = async ({ as }: Place, role: string, statement: string): Promise<string> => {
  const client = new pg.Client({ connectionString: as(encodeURIComponent(role)) })
  await client.connect()
  try { await client.query(`begin; ${statement}`); return 'done' } catch (e) { return String((e as { readonly code?: unknown }).code) } finally { await client.end() }
}
const until = (what: string, done: () => Promise<boolean>): Promise<void> => within(20_000, what, async () => { while (!await done()) await new Promise(resolve => { setTimeout(resolve, 20) }) })

test('none of them may do what is not its own', inRoles(async place => {
  const { app, relay, migrator } = place
  await prepared(place)
  await right(deployed(place.url).verb('roles', `prefix=${place.prefix}`, 'apply'))
  const row = `(channel, partition, tx, n, message) values ('x', 0, 1, 1, '{}')`, outbox = `(id, aggregatetype, aggregateid, type, payload, partition, tx, n, time, source, dataschema, correlationid) values ('x', 'x', 'x', 'x', '{}', 0, 1, 1, '', '', '', '')`
  const system = ['lowtide_log', 'lowtide_inbox', 'lowtide_consumers', 'lowtide_parked', 'lowtide_outbox', 'books']
  const never = [...system.flatMap(name => [`truncate lowtide.${name}`, `drop table lowtide.${name}`, `alter table lowtide.${name} add column x int`, `create index on lowtide.${name} ((1))`]),
    'create table lowtide.mine (x int)', 'create schema mine', 'drop schema lowtide cascade', 'create role mine', `alter function lowtide.lowtide_must(boolean, text) rename to mine`, `update lowtide.lowtide_meta set value = '1'`, `delete from lowtide.lowtide_meta`,
    `insert into lowtide.lowtide_migrations (kind, number, name, sql) values ('lowtide', 99, '', '')`, 'delete from lowtide.lowtide_migrations', 'update lowtide.lowtide_log set n = 1', 'delete from lowtide.lowtide_log', 'delete from lowtide.lowtide_consumers', `update lowtide.lowtide_inbox set body = ''`, `update lowtide.lowtide_inbox set outcome = null`, 'update lowtide.lowtide_ages set tx = 0', 'update lowtide.lowtide_starts set tx = 0', 'delete from lowtide.lowtide_starts', `insert into lowtide.lowtide_retention (kind) values ('x')`, `update lowtide.lowtide_outbox set payload = '{}'`]
  const not: { readonly [role: string]: readonly string[] } = {
    [app]: never,
    [relay]: [...never, 'select from lowtide.books', `insert into lowtide.books values ('1', 1)`, 'delete from lowtide.books', `insert into lowtide.lowtide_log ${row}`, `insert into lowtide.lowtide_outbox ${outbox}`, 'delete from lowtide.lowtide_inbox', 'update lowtide.lowtide_inbox set tx = 1', 'select from lowtide.lowtide_retention', 'delete from lowtide.lowtide_ages'],
    [migrator]: ['create role mine', 'create schema mine', 'select from pg_authid'],
  }
  for (const [role, statements] of Object.entries(not)) for (const statement of statements) assert.is(await tried(place, role, statement), '42501', `${role}: ${statement}`)
  const may: { readonly [role: string]: readonly string[] } = {
    [app]: [`insert into lowtide.lowtide_log ${row}`, `insert into lowtide.lowtide_outbox ${outbox}`, 'delete from lowtide.lowtide_inbox', `insert into lowtide.books values ('1', 1)`, `update lowtide.lowtide_consumers set fence = 9`, 'select lowtide.lowtide_must(true, \'\')', 'select from pg_control_system()'],
    [relay]: ['select from lowtide.lowtide_log', 'select from lowtide.lowtide_outbox', 'delete from lowtide.lowtide_outbox', 'update lowtide.lowtide_consumers set fence = 9'],
    [migrator]: ['create table lowtide.mine (x int)', 'alter table lowtide.books add column x int', 'truncate lowtide.lowtide_parked'],
  }
  for (const [role, statements] of Object.entries(may)) for (const statement of statements) assert.is(await tried(place, role, statement), 'done', `${role}: ${statement}`)
  const as = (role: string) => { const { db, access } = place.open(place.as(encodeURIComponent(role))); return { db, access } }, needs = planOf(deployment({ functions: [{ order, book }], shell: postgres({ url: place.url }), processes: { all: [order, book] }, options: { partitions: 2 } }), { now: Date.now } as never)
  await right(inspect(as(relay).db, as(relay).access, needs, 'relay'))
  assert.match((await left(inspect(as(relay).db, as(relay).access, needs))).failure, /may not read and write (lowtide_\w+, )*lowtide_log/)
}))

test('a deployment runs as the app on tables that the migrator made', inRoles(async place => {
  await prepared(place)
  const { start: begin, verb, lines } = deployed(place.as(encodeURIComponent(place.app))), running = await begin()
  try {
    const send = (id: string) => running.send(Order({ id }), { id, wait: 'projected' })
    await right<NotHandled, unknown>(send('o1'))
    await left(send('broken'))
    assert.is((await left(send('poison'))).notHandled, 'projection-parked')
    assert.equal((await right(running.parked.list())).map(({ state }) => state).toSorted(), ['failed', 'parked'])
    for (const { id } of await right(running.parked.list())) await right(running.parked.discard(id))
    await right<NotHandled, unknown>(send('poisonless'))
    await until('retention as the app', async () => Number((await place.sql(`select total::int as n from lowtide.lowtide_retention where kind = 'outcomes'`))[0]!['n']) >= 2)
    await place.sql(`insert into lowtide.lowtide_inbox (consumer, id, body, time, tx) values ('book', 'of a rebuild', '', now(), 0)`)
    await until('an age for marks of a rebuild', async () => (await place.sql('select from lowtide.lowtide_inbox where tx = 0')).length === 0)
    const { text } = await right(verb('status'))
    assert.match(text, /\nRetention\nlast run \d s ago/)
    assert.not.match(text.slice(text.indexOf('Retention')), '! ')
    assert.is((await right(verb('retention run'))).alarm ?? false, false)
    assert.is((await right(verb('migrate'))).text, `Nothing to do: the schema 'lowtide' is as it shall be.`)
    assert.equal(lines.filter(line => /permission|denied/.test(line)), [])
  } finally { await running.close() }
}))

test('what a later migration makes is there for the app', inRoles(async place => {
  await prepared(place)
  assert.match((await left(deployed(place.as(encodeURIComponent(place.app)), {}, true).verb('migrate'))).failure, `may not make tables in schema 'lowtide'`)
  await right(deployed(place.as(encodeURIComponent(place.migrator)), {}, true).verb('migrate'))
  const running = await deployed(place.as(encodeURIComponent(place.app)), {}, true).start()
  try { await right<NotHandled, unknown>(running.send(Order({ id: 'o1' }), { wait: 'projected' })) } finally { await running.close() }
  assert.is(await tried(place, place.app, 'truncate lowtide.notes'), '42501')
}))

test('the app removes no event but where the shell is asked to, and nothing without the schedule', inRoles(async place => {
  await prepared(place, { every: false, events: 1_000 })
  for (const name of ['lowtide_log', 'lowtide_inbox', 'lowtide_ages']) assert.is(await tried(place, place.app, `delete from lowtide.${name}`), '42501', name)
  const running = await deployed(place.as(encodeURIComponent(place.app)), { every: false, events: 1_000 }).start()
  await running.close()
  await right(deployed(place.url, { events: 1_000 }).verb('roles', `prefix=${place.prefix}`, 'apply'))
  for (const name of ['lowtide_log', 'lowtide_inbox', 'lowtide_ages']) assert.is(await tried(place, place.app, `delete from lowtide.${name}`), 'done', name)
  assert.is(await tried(place, place.app, 'update lowtide.lowtide_log set n = 1'), '42501')
  assert.match((await left(deployed(place.as(encodeURIComponent(place.relay))).verb('retention run'))).failure, 'may not read and write')
}))

test('the app carries what leaves, whatever the schedule removes, and does not start where it may not', inRoles(async place => {
  const out = outside(), of = (url: string, relays = [out.relay()]) => deployment({
    name: 'relaying', functions: [{ told, ring }], shell: postgres({ url, connections: 3, outbox: [leaving, bell], retention: { every: false } }), processes: { all: [told, ring, ...relays] }, ports: { bell: relayed }, options: { partitions: 2, poll: 50 },
  })
  const verb = (d: ReturnType<typeof of>, name: string, ...flags: string[]) => d.shell.verbs!.find(one => one.name === name)!.run(planOf(d, system), new Set(flags)), apply = [`prefix=${place.prefix}`, 'apply']
  await right(verb(of(place.url, []), 'roles', ...apply))
  await right(verb(of(place.as(encodeURIComponent(place.migrator))), 'migrate'))
  await right(verb(of(place.url, []), 'roles', ...apply))
  assert.is(await tried(place, place.app, 'delete from lowtide.lowtide_outbox'), '42501')
  const d = of(place.as(encodeURIComponent(place.app)))
  await start(of(place.as(encodeURIComponent(place.app)), []), system).then(app => app.close())
  assert.match(await start(d, system).then(async app => { await app.close(); return 'it started' }, String), /may not read and write lowtide_outbox: /)
  await right(verb(of(place.url), 'roles', ...apply))
  const running = await start(d, system)
  try {
    for (let n = 0; n < 3; n++) await right<NotHandled, unknown>(running.send(Note({ key: 'k', n })))
    await until('an empty outbox', async () => (await place.sql(`select from lowtide.lowtide_outbox where aggregatetype = 'leaving'`)).length === 0)
    assert.equal(out.of('k'), [0, 1, 2])
  } finally { await running.close() }
}))

test('the SQL is the same each time, names no password, and takes over a schema that somebody else made', inRoles(async place => {
  const { verb } = deployed(place.url), flags = [`migrator=${place.migrator}`, `app=${place.app}`, `relay=${place.relay}`]
  assert.match((await right(verb('roles', ...flags))).text, `Tables do not stand yet: run 'lowtide migrate'`)
  await right(verb('migrate'))
  const { text } = await right(verb('roles', ...flags))
  assert.is((await right(verb('roles', `prefix=${place.prefix}`))).text, text)
  assert.match(text, new RegExp(`-- 1\\. the roles[^]*create role "${place.migrator}" login;[^]*alter table "lowtide"\\."books" owner to "${place.migrator}";[^]*grant select, insert on "lowtide"\\."lowtide_log" to "${place.app}";`))
  assert.not.match(text.replace('without a password', ''), /password/)
  await place.sql(text)
  await place.sql(text)
  assert.is((await place.sql(`select count(*)::int as n from pg_tables where schemaname = 'lowtide' and tableowner <> $1`, [place.migrator]))[0]!['n'], 0)
  const running = await deployed(place.as(encodeURIComponent(place.app))).start()
  await running.close()
  for (const [given, found] of [[['app=x', 'relay=x'], 'expected three names'], [['app='], 'expected names of 1 to 63 bytes']] as const) assert.match((await left(verb('roles', ...given))).failure, found)
  assert.match((await left(verb('roles', 'prefx=a'))).failure, 'expected the flags apply, prefix, migrator, app, relay, found prefx=a')
}))

const customers = table('customers', { columns: { id: text, city: optional(text) }, key: 'id' }), indexed = table('customers', { columns: { id: text, city: optional(text) }, key: 'id', indexes: ['city'] })
const Join = command('Join', { channel: orders, key: d => d.id, schema: data }), Joined = event('Joined', { channel: channel('joined', { external: true }), key: d => d.id, schema: data })
const joining = (uses: typeof customers | typeof indexed) => commandHandler({ meta: { name: 'join', in: Join, out: [Joined], uses: [uses] }, operate: (_ctx, { data }) => accept(Joined(data)), write: { Joined: ({ data }) => [uses.insert({ id: data.id, city: 'Rome' })] } })
/** As an application has it for years, and what it does with it: each of these is tried as its role. */
const theirs = `create table shop.customers (id text collate "C" primary key, city text collate "C", note text, n serial); insert into shop.customers values ('c1', 'Rome', 'of old');
  create table shop.orders (id int generated always as identity, customer text collate "C" references shop.customers); create table shop.secrets (word text); create table shop.audit (id text); create view shop.romans as select id from shop.customers where city = 'Rome';
  create type shop.mood as enum ('good'); create function shop.audited() returns trigger language plpgsql set search_path = shop as $$ begin insert into audit values (new.id); return new; end $$;
  create trigger audited after insert on shop.customers for each row execute function shop.audited()`
const deeds = (other: string): readonly string[] => [
  'select from shop.customers', `insert into shop.customers (id) values ('c2')`, `update shop.customers set city = 'Oslo', note = 'new'`, 'delete from shop.customers', 'truncate shop.customers cascade', `insert into shop.orders (customer) values ('c1')`, `select nextval('shop.customers_n_seq')`, 'select from shop.romans',
  'alter table shop.customers add column street text', 'alter table shop.customers drop column note', `alter table shop.customers alter column city set default 'Rome'`, 'alter table shop.customers rename column note to notes', 'alter table shop.customers rename to clients', 'alter table shop.customers add check (n > 0)', 'create index on shop.customers (note)', 'drop table shop.orders', 'drop table shop.customers cascade',
  'create table shop.more (id text)', 'create view shop.all_of_them as select * from shop.customers', 'drop view shop.romans', `alter type shop.mood rename value 'good' to 'fine'`, 'drop trigger audited on shop.customers', `create trigger again after update on shop.customers for each row execute function shop.audited()`, 'alter table shop.customers enable row level security', 'lock table shop.customers', 'analyze shop.customers',
  `grant select on shop.customers to ${other}`, `grant usage on schema shop to ${other}`, `grant select on all tables in schema shop to ${other}`, `alter default privileges in schema shop grant select on tables to ${other}`, `comment on schema shop is 'ours'`, 'drop schema shop cascade',
  `do $$ declare r record; begin for r in select c.oid::regclass::text as name from pg_class c where c.relnamespace = 'shop'::regnamespace and c.relkind in ('r', 'v', 'S') loop execute 'select * from ' || r.name || ' limit 1'; end loop; end $$`, // as pg_dump does
]
/** How a database comes to both of them; each ends with Lowtide migrated and the roles made. `printed`: a DBA runs what the verb has printed. */
type Verb = (url: string, name: string, ...flags: string[]) => Promise<string>
const ways: { readonly [way: string]: (place: Roles, legacy: string, verb: Verb, look: () => Promise<void>) => Promise<void> } = {
  'roles before the first migration': async ({ url, as, migrator, prefix }, _legacy, verb, look) => {
    await verb(url, 'roles', `prefix=${prefix}`, 'apply')
    await look()
    await verb(as(encodeURIComponent(migrator)), 'migrate', 'adopt')
    await look()
    await verb(url, 'roles', `prefix=${prefix}`, 'apply')
  },
  'a superuser has migrated, and runs what was printed': async ({ url, sql, prefix }, _legacy, verb) => {
    await verb(url, 'migrate')
    for (let time = 0; time < 2; time++) await sql(await verb(url, 'roles', `prefix=${prefix}`))
  },
  'the application itself has migrated': async ({ url, as, prefix }, legacy, verb, look) => {
    await verb(as(legacy), 'migrate')
    await look()
    await verb(url, 'roles', `prefix=${prefix}`, 'apply')
  },
}
for (const [way, make] of Object.entries(ways)) test(`whoever made the tables that are shared can do with them all that it could before: ${way}`, inRoles(async place => {
  const { app, relay, migrator, prefix } = place, legacy = `legacy_${randomBytes(5).toString('hex')}`, other = `${legacy}_reporting`
  await place.sql(`create role ${legacy} login; create role ${other}; create schema shop authorization ${legacy}; set role ${legacy}; ${theirs}; reset role`)
  const of = (url: string, join = joining(customers)) => deployment({ name: 'shop', functions: [{ join }], shell: postgres({ url, schema: 'shop', connections: 2 }), processes: { all: [join] }, options: { partitions: 2 } })
  const verbOf = (join = joining(customers)): Verb => async (url, name, ...flags) => { const d = of(url, join); return (await right(d.shell.verbs!.find(verb => verb.name === name)!.run(planOf(d, system), new Set(flags)))).text }
  const look = async (): Promise<void> => { const not: string[] = []; for (const deed of deeds(other)) { const how = await tried(place, legacy, deed); if (how !== 'done') not.push(`${how}: ${deed}`) } assert.equal(not, []) }, verb = verbOf()
  try {
    await look()
    await make(place, legacy, verb, look)
    await look()
    const text = await verb(place.url, 'roles', `prefix=${prefix}`, 'apply')
    await look()
    assert.is((await place.sql(`select tableowner from pg_tables where schemaname = 'shop' and tablename = 'customers'`))[0]!['tableowner'], legacy)
    for (const never of ['create table shop.mine (x int)', 'drop table shop.customers cascade', 'alter table shop.customers add x int', 'truncate shop.customers cascade', 'select from shop.secrets', 'delete from shop.lowtide_log', 'select from shop.orders']) for (const role of [app, relay]) assert.is(await tried(place, role, never), '42501', `${role}: ${never}`)
    const [{ version }] = await place.sql(`select current_setting('server_version_num')::int as version`) as [{ version: number }]
    for (const never of ['create role mine', 'create schema mine', ...version >= 160_000 ? [`set role ${legacy}`] : []]) assert.is(await tried(place, migrator, never), '42501', never)
    assert.match(text, `Triggers of 'customers' run shop.audited() as whoever writes: grant what they touch to '${app}' too`)
    await place.sql(`set role ${legacy}; grant insert on shop.audit to "${app}"; alter table shop.customers add column quarter text; reset role`)
    await verbOf(joining(indexed))(place.as(encodeURIComponent(migrator)), 'migrate')
    await look()
    const running = await start(of(place.as(encodeURIComponent(app)), joining(indexed)), system)
    try { await right<NotHandled, unknown>(running.send(Join({ id: 'c3' }))) } finally { await running.close() }
    assert.equal(await place.sql(`select id, n > 1 as counted, lowtide_version > 0 as ours from shop.customers where id = 'c3'`), [{ id: 'c3', counted: true, ours: true }])
    assert.match((await left((d => d.shell.verbs!.find(({ name }) => name === 'roles')!.run(planOf(d, system), new Set([`prefix=${prefix}`, `app=${legacy}`])))(of(place.url)))).failure, `expected a role of its own, found '${legacy}', which owns the schema 'shop', in which others have theirs`)
  } finally { for (const role of [app, relay, migrator, other, legacy]) await place.sql(`do $$ begin if exists (select from pg_roles where rolname = '${role}') then drop owned by "${role}" cascade; drop role "${role}"; end if; end $$`) }
}))

test.run()

import { readFileSync } from 'node:fs'
import { testServer } from '@lowtide/servers'
import { right } from '@lowtide/testing'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Place, inPlace } from './fixture.js'
import { Note } from './functions/fixture.js'

const server = await testServer(), at = (test: (place: Place) => Promise<void>) => inPlace(() => server.url, test)
const test = suite("the outbox and Debezium's event router")
test.after(() => server.stop())

/**
 * The table that the router expects without any mapping (https://debezium.io/documentation/reference/stable/transformations/outbox-event-router.html#basic-outbox-table), and the types
 * that reach it as what it reads there: texts, and JSON as its text (https://debezium.io/documentation/reference/stable/connectors/postgresql.html#postgresql-data-types).
 */
const documented: { readonly [column: string]: { readonly type: string; readonly same: readonly string[]; readonly required: boolean } } = {
  id: { type: 'uuid', same: ['uuid', 'text', 'character varying'], required: true },
  aggregatetype: { type: 'character varying', same: ['text', 'character varying'], required: true },
  aggregateid: { type: 'character varying', same: ['text', 'character varying'], required: true },
  type: { type: 'character varying', same: ['text', 'character varying'], required: true },
  payload: { type: 'jsonb', same: ['json', 'jsonb'], required: false },
}
const columnsOf = async ({ sql }: Place) => new Map((await sql(`select column_name, data_type, is_nullable from information_schema.columns where table_schema = 'lowtide' and table_name = 'lowtide_outbox'`)).map(row => [String(row['column_name']), row]))

test('its columns have the documented names, and types that read the same', at(async place => {
  const columns = await columnsOf(place)
  for (const [name, { same, required }] of Object.entries(documented)) {
    const column = columns.get(name)
    assert.ok(column && same.includes(String(column['data_type'])), `expected '${name}' as one of ${same.join(', ')}, found ${JSON.stringify(column)}`)
    if (required) assert.is(column['is_nullable'], 'NO', name)
  }
  assert.is((await place.sql(`select from pg_constraint where conrelid = 'lowtide.lowtide_outbox'::regclass and contype = 'p'`)).length, 1, 'a key, by which deletes replicate')
}))

test('a row tells the router topic, key, header and value of a message', at(async place => {
  const app = await place.app({ process: 'worker' })
  await right(app.send(Note({ key: 'k1', n: 7 }), { id: 'c1', actor: 'ann', tenant: 'acme', traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' }))
  const [row] = await place.sql(`select o.*, o.payload::text as value from lowtide.lowtide_outbox o where aggregatetype = 'leaving'`), [logged] = await place.sql(`select message from lowtide.lowtide_log where channel = 'leaving'`)
  const message = logged!['message'] as { readonly [attribute: string]: unknown }
  assert.equal([row!['aggregatetype'], row!['aggregateid'], row!['id'], row!['type'], JSON.parse(String(row!['value']))], ['leaving', 'k1', message['id'], 'Noted', { key: 'k1', n: 7 }])
  assert.match(String(row!['id']), /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
  for (const attribute of ['source', 'time', 'dataschema', 'correlationid', 'causationid', 'traceparent', 'tenant', 'actor']) assert.is(row![attribute], message[attribute], attribute)
  assert.equal([row!['causationid'], row!['actor'], row!['tenant']], ['c1', 'ann', 'acme'])
}))

test('the properties of decision 026 name what is there', at(async place => {
  const text = readFileSync(new URL('../../../../docs/decisions/026-debezium-instead-of-the-relay.md', import.meta.url), 'utf8'), columns = await columnsOf(place)
  const properties = new Map([...text.matchAll(/^ {4}([\w.]+)=(.+)$/gm)].map(([, name, value]) => [name!, value!]))
  assert.is(properties.get('table.include.list'), 'lowtide.lowtide_outbox')
  assert.is(properties.get('transforms.outbox.type'), 'io.debezium.transforms.outbox.EventRouter')
  const placed = properties.get('transforms.outbox.table.fields.additional.placement')!.split(',').map(field => field.split(':'))
  assert.ok(placed.every(([name, where]) => columns.has(name!) && where === 'header'), JSON.stringify(placed))
  assert.equal([...columns.keys()].filter(name => !(name in documented) && !['partition', 'tx', 'n'].includes(name)).toSorted(), placed.map(([name]) => name!).filter(name => name !== 'type').toSorted(), 'the whole envelope')
}))

test.run()

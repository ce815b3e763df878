// time limit: 300 s
import { type Fate, testServer } from '@lowtide/servers'
import { right, until } from '@lowtide/testing'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Place, expected, inPlace, seized, settles, written } from './fixture.js'
import { Note } from './functions/fixture.js'

const server = await testServer(), at = (test: (place: Place) => Promise<void>) => inPlace(() => server.url, test), patience = 15_000

/** The statements of a commit, in their order. */
const ofCommand: readonly (readonly [string, RegExp])[] = [
  ['the locks', /pg_advisory_xact_lock/], ['the checks', /lowtide\.gate/], ['the marks', /lowtide_inbox/], ['the rows that go', /delete from/], ['the rows that change', /update \S+"lists"/],
  ['a new entry', /insert into \S+"entries"/], ['a new tip', /insert into \S+"tips"/], ['the sum', /update \S+"tallies"/], ['the events', /lowtide_log/], ['the checkpoint', /update \S+lowtide_consumers/],
]
const ofEvent: readonly (readonly [string, RegExp])[] = [
  ['the locks', /pg_advisory_xact_lock/], ['the checks', /lowtide\.gate/], ['the rows that change', /update \S+"journals"/], ['the events', /lowtide_log/], ['the checkpoint', /update \S+lowtide_consumers/],
]

for (const [what, consumer, statements] of [['a command', '', ofCommand], ['an event', 'journal', ofEvent]] as const) {
  const test = suite(`a process that handles ${what} and is killed`)
  const rows: readonly (readonly [string, Fate])[] = [['before its commit is sent', 'held'], ...statements.map(([name], i): [string, Fate] => [`after ${name}`, { upTo: i + 1 }]), ['after the commit, before the answer', 'unanswered']]
  for (const [when, fate] of rows) test(`${when}: another goes on, once and in order`, at(async place => {
    const way = await place.proxy(), front = await place.app({ process: 'front' }), dying = await place.child({ url: way.url })
    const send = (item: string) => front.send(Note({ list: 'l', item }), { id: `id-${item}` })()
    assert.is((await send('a'))._tag, 'Right')
    await until('the first item in the journal', patience, async () => (await written(place, 'l')).journaled === 1)

    const catching = seized(way, settles(consumer), fate), second = send('b')
    const { flight, pid } = await catching
    assert.is(flight.length, statements.length, flight.map(({ text }) => text).join('\n'))
    for (const [i, [, text]] of statements.entries()) assert.match(flight[i]!.text, text)
    if (typeof fate === 'object' && fate.upTo > 2) assert.is((await place.sql('select from pg_stat_activity where pid = $1 and backend_xid is not null', [pid])).length, 1, 'the transaction is open')
    assert.is(consumer === '' ? (await place.sql(`select from lowtide.lowtide_inbox where consumer = ''`)).length : (await written(place, 'l')).journaled, fate === 'unanswered' ? 2 : 1)
    const third = send('c')
    await until('the third command in the log', patience, async () => (await place.sql(`select from lowtide.lowtide_log where channel = 'note-commands'`)).length === 3)
    await dying.kill()

    await place.child({})
    const answers = await Promise.all([second, third])
    assert.equal(answers.map(a => a._tag), ['Right', 'Right'])
    await until('the journal', patience, async () => (await written(place, 'l')).journaled === 3)
    assert.equal(await written(place, 'l'), expected('a', 'b', 'c'))
    assert.equal(await right(front.send(Note({ list: 'l', item: 'b' }), { id: 'id-b' })), (answers[0] as { right: unknown }).right, 'the same id, the same outcome')
    assert.equal(await written(place, 'l'), expected('a', 'b', 'c'))
    assert.is((await place.sql('select from lowtide.lowtide_parked')).length, 0)
  }))
  if (consumer === 'journal') test.after(() => server.stop())
  test.run()
}

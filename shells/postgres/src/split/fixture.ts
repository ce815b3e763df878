import { type ChildProcess, fork } from 'node:child_process'
import { planOf, system } from '@lowtide/run'
import { until, within } from '@lowtide/testing'
import pg from 'pg'
import { functions, roster } from './functions/fixture.js'
import { type Layout, deploymentsOf, processesOf } from './processes/fixture.js'
import { type Role, accepted } from './scenario/fixture.js'

// The processes of a layout, each an operating system process; and what stands when they have done the same.

interface Child { readonly child: ChildProcess; readonly acted: string[]; play(): Promise<unknown>; end(): Promise<void> }
const script = new URL('child/fixture.js', import.meta.url), patience = 30_000
const childOf = async (role: Role): Promise<Child> => {
  const child = fork(script, [JSON.stringify(role)], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] }), acted: string[] = []
  let answers: unknown, runs = false
  child.on('message', (m: { readonly runs: true } | { readonly acted: string } | { readonly answers: unknown }) => { if ('acted' in m) acted.push(m.acted); else if ('answers' in m) answers = m.answers; else runs = true })
  const ended = (): boolean => child.exitCode !== null || child.signalCode !== null
  const told = <A>(what: string, condition: () => A | undefined | false): Promise<A> => until(what, patience, () => { if (ended()) throw new Error(`the process '${role.process}' ended before ${what}`); return condition() })
  await told('it ran', () => runs)
  return {
    child, acted, play: () => { child.send({ play: true }); return told('its answers', () => answers) },
    end: () => ended() ? Promise.resolve() : within(patience, 'the end of a process', () => new Promise(resolve => { child.once('exit', () => resolve()); child.kill('SIGKILL') })),
  }
}

export interface Stands { readonly answers: unknown; readonly effects: readonly string[]; readonly tables: { readonly [table: string]: unknown }; readonly channels: unknown; readonly outcomes: unknown }
const tables = [...new Set(Object.values(functions).flatMap(h => h.tables).map(t => t.name))], reading = roster.tables.map(t => t.name)
/** The scenario, played to a fresh schema by the first process of a layout; all is read by plain SQL, the rows of the projector from `copy` where it stands apart. */
export const standsAfter = async (url: string, copy: string, layout: Layout): Promise<Stands> => {
  const schema = `club_${layout}`, role = { url, copy, schema, layout, process: '' }
  for (const d of deploymentsOf(role)) {
    const made = await d.shell.verbs!.find(({ name }) => name === 'migrate')!.run(planOf(d, system), new Set())()
    if (made._tag === 'Left') throw new Error(made.left.failure)
  }
  const client = new pg.Client({ connectionString: url }), other = new pg.Client({ connectionString: copy }), children = await Promise.all(processesOf(layout).map(process => childOf({ ...role, process })))
  const sql = async (text: string, at = client): Promise<readonly { readonly [column: string]: unknown }[]> => (await at.query<{ [column: string]: unknown }>(text)).rows
  try {
    await client.connect()
    await other.connect()
    const answers = await children[0]!.play(), effects = (): readonly string[] => children.flatMap(c => c.acted).toSorted()
    const settled = async (): Promise<boolean> => {
      const [found] = await sql(`select count(*) filter (where channel = 'thank-events')::int as thanked, count(*) filter (where channel = 'tally-events')::int as tallied from ${schema}.lowtide_log`)
      return found!['thanked'] === accepted.joined && found!['tallied'] === accepted.joined + accepted.renamed && effects().length >= accepted.joined
    }
    await until('all that follows', patience, settled)
    /** A row's version is the transaction that wrote it. */
    const rows = async () => {
      const found: { [table: string]: unknown } = {}
      for (const name of tables) found[name] = (await sql(`select to_jsonb(t) - 'lowtide_version' as row from ${schema}.${name} t order by email`, layout === 'apart' && reading.includes(name) ? other : client)).map(({ row }) => row)
      return found
    }
    if (layout === 'apart') for (const [at, foreign] of [[client, reading], [other, tables.filter(name => !reading.includes(name))]] as const) {
      const found = await sql(`select table_name from information_schema.tables where table_schema = '${schema}' and table_name in (${foreign.map(name => `'${name}'`).join(', ')})`, at)
      if (found.length > 0) throw new Error(`expected ${foreign.join(', ')} in the other database alone, found ${JSON.stringify(found)}`)
    }
    return {
      answers, effects: effects(),
      tables: await rows(),
      // what callers sent to a handler of their own process went straight to it, and stands in no channel
      channels: await sql(`select channel, partition, message::jsonb - 'time' as message from ${schema}.lowtide_log where channel <> 'club-commands' order by channel, message ->> 'subject', partition, tx, n`),
      outcomes: await sql(`select consumer, id, body, outcome -> 'rejection' as rejection from ${schema}.lowtide_inbox where consumer = '' order by id`),
    }
  } finally {
    await Promise.all(children.map(c => c.end()))
    await Promise.all([client.end(), other.end()])
  }
}

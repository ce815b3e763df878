import { type ChildProcess, fork } from 'node:child_process'
import type { Shell } from '@lowtide/core'
import { deployment, planOf, system } from '@lowtide/run'
import { until, within } from '@lowtide/testing'
import * as TE from 'fp-ts/lib/TaskEither.js'
import pg from 'pg'
import { postgres } from '../postgres.js'
import { functions, join, rename, roster, tally, thank, welcome } from './functions/fixture.js'
import { type Role, accepted } from './scenario/fixture.js'

// One deployment, its handlers assigned to one, two or three processes, each an operating system process; and what stands when they have done the same.

const layouts = {
  one: { all: [join, rename, thank, welcome, tally, roster] },
  two: { deciding: [join, rename, thank], following: [welcome, tally, roster] },
  three: { front: [], handlers: [join, rename, welcome, thank], projector: [roster, tally] },
}
export type Layout = keyof typeof layouts
const isLayout = (name: string): name is Layout => Object.hasOwn(layouts, name)
/** `acted`: told of each effect. */
export const clubOf = ({ url, schema, layout, acted = () => {} }: Omit<Role, 'process'> & { readonly acted?: (key: string) => void }) => {
  if (!isLayout(layout)) throw new Error(`expected one of ${Object.keys(layouts).join(', ')}, found '${layout}'`)
  const ports = { mail: { effect: ({ to, template }: { to: string; template: string }) => TE.fromIO(() => acted(`${template} ${to}`)) } }
  const common = { name: 'club', functions: [functions], shell: postgres({ url, schema, connections: 4 }) as Shell, ports, options: { poll: 50, partitions: 4 } } as const
  return layout === 'one' ? deployment({ ...common, processes: layouts.one }) : layout === 'two' ? deployment({ ...common, processes: layouts.two }) : deployment({ ...common, processes: layouts.three })
}

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
const tables = [...new Set(Object.values(functions).flatMap(h => h.tables).map(t => t.name))]
/** The scenario, played to a fresh schema by the first process of a layout; all is read by plain SQL. */
export const standsAfter = async (url: string, layout: Layout): Promise<Stands> => {
  const schema = `club_${layout}`, whole = clubOf({ url, schema, layout }), made = await whole.shell.verbs!.find(({ name }) => name === 'migrate')!.run(planOf(whole, system), new Set())()
  if (made._tag === 'Left') throw new Error(made.left.failure)
  const client = new pg.Client({ connectionString: url }), children = await Promise.all(Object.keys(layouts[layout]).map(process => childOf({ url, schema, layout, process })))
  const sql = async (text: string): Promise<readonly { readonly [column: string]: unknown }[]> => (await client.query<{ [column: string]: unknown }>(text)).rows
  try {
    await client.connect()
    const answers = await children[0]!.play(), effects = (): readonly string[] => children.flatMap(c => c.acted).toSorted()
    const settled = async (): Promise<boolean> => {
      const [found] = await sql(`select count(*) filter (where channel = 'thank-events')::int as thanked, count(*) filter (where channel = 'tally-events')::int as tallied from ${schema}.lowtide_log`)
      return found!['thanked'] === accepted.joined && found!['tallied'] === accepted.joined + accepted.renamed && effects().length >= accepted.joined
    }
    await until('all that follows', patience, settled)
    /** A row's version is the transaction that wrote it. */
    const rows = async () => {
      const found: { [table: string]: unknown } = {}
      for (const name of tables) found[name] = (await sql(`select to_jsonb(t) - 'lowtide_version' as row from ${schema}.${name} t order by email`)).map(({ row }) => row)
      return found
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
    await client.end()
  }
}

import type { Outcome, Shell } from '@lowtide/core'
import { type AnyDeployment, type App, type NotHandled, deployment, run } from '@lowtide/run'
import { right, until } from '@lowtide/testing'
import * as E from 'fp-ts/lib/Either.js'
import * as TE from 'fp-ts/lib/TaskEither.js'
import pg from 'pg'
import { placeOf } from '../../log/position.js'
import { postgres } from '../../postgres.js'
import { Join, Rename, decided, functions, join, joined, listed, read, rename, roster, tally, thank, welcome } from '../functions/fixture.js'
import type { Desk, Role } from '../scenario/fixture.js'

// One deployment, its handlers assigned to one, two or three processes; and once cut in two, where what is read stands in a database of its own.

const layouts = {
  one: { all: [join, rename, thank, welcome, tally, roster] },
  two: { deciding: [join, rename, thank], following: [welcome, tally, roster] },
  three: { front: [], handlers: [join, rename, welcome, thank], projector: [roster, tally] },
}
/** The front reaches both databases. */
const apart = { deciding: { front: [], handlers: [join, rename, thank, welcome, tally] }, reading: { front: [], projector: [roster] } }
export type Layout = keyof typeof layouts | 'apart'
export const processesOf = (layout: Layout): readonly string[] => layout === 'apart' ? ['front', 'handlers', 'projector'] : Object.keys(layouts[layout])

const options = { poll: 50, partitions: 4 }
type Acted = (key: string) => void
const portsOf = (acted: Acted) => ({ mail: { effect: ({ to, template }: { to: string; template: string }) => TE.fromIO(() => acted(`${template} ${to}`)) } })
const whole = ({ url, schema, layout }: Role, acted: Acted) => {
  const common = { name: 'club', functions: [functions], shell: postgres({ url, schema, connections: 4 }) as Shell, ports: portsOf(acted), options } as const
  if (layout === 'one') return deployment({ ...common, processes: layouts.one })
  if (layout === 'two') return deployment({ ...common, processes: layouts.two })
  if (layout === 'three') return deployment({ ...common, processes: layouts.three })
  throw new Error(`expected one of ${Object.keys(layouts).join(', ')}, found '${layout}'`)
}
const parts = ({ url, copy, schema }: Role, acted: Acted) => ({
  deciding: deployment({ name: 'club', functions: [decided], shell: postgres({ url, schema, connections: 4 }), processes: apart.deciding, ports: portsOf(acted), options }),
  reading: deployment({ name: 'copies', functions: [read], shell: postgres({ url: copy, schema, connections: 4, from: { url, schema } }), processes: apart.reading, options }),
})
/** What a layout is made of; each has its tables in a database of its own. */
export const deploymentsOf = (role: Role): readonly AnyDeployment[] => role.layout === 'apart' ? Object.values(parts(role, () => {})) : [whole(role, () => {})]

type Club = App<typeof functions[keyof typeof functions]>
const atOne = (app: Club): Desk => ({
  join: (id, member) => app.answer(joined, Join(member), { id })(),
  rename: (id, naming) => app.send(Rename(naming), { id, wait: 'projected' })(),
  listed: email => app.query(listed, { email })(),
})

/** Sends here and looks there: once the copy has come as far as the outcome tells, which plain SQL shows. */
const atTwo = (app: Pick<App<typeof decided[keyof typeof decided]>, 'send'>, copies: Pick<App<typeof read[keyof typeof read]>, 'query'>, { copy, schema }: Role): Desk => {
  const pool = new pg.Pool({ connectionString: copy, max: 2 })
  const shown = async ({ upTo = [] }: Pick<Outcome, 'upTo'>): Promise<void> => {
    for (const { channel, partition, position } of upTo) {
      const { tx, n } = placeOf(position)
      await until(`the copy at ${channel}/${partition}/${position}`, 20_000, async () => (await pool.query(`select from ${schema}.lowtide_consumers where consumer = $1 and channel = $2 and partition = $3::smallint and (tx, n) >= ($4::bigint, $5::int)`, [roster.name, channel, partition, tx, n])).rowCount)
    }
  }
  const settled = async <O extends Outcome>(sent: TE.TaskEither<NotHandled, O>): Promise<E.Either<NotHandled, O>> => {
    const answer = await sent()
    if (E.isRight(answer)) await shown(answer.right)
    return answer
  }
  return {
    join: async (id, member) => {
      const answer = await settled(app.send(Join(member), { id }))
      return E.isLeft(answer) ? answer : E.right(answer.right.rejection ? E.left(answer.right.rejection) : E.right(await right(copies.query(listed, { email: member.email }))))
    },
    rename: (id, naming) => settled(app.send(Rename(naming), { id })),
    listed: email => copies.query(listed, { email })(),
  }
}

/** Starts the process of a role. Those of a layout that does not let callers in there have a desk that nobody asks. */
export const begun = async (role: Role, acted: Acted): Promise<Desk> => {
  const started = { only: role.process, signals: false }
  if (role.layout !== 'apart') return atOne(await run(whole(role, acted), started))
  const { deciding, reading } = parts(role, acted), nobody = { send: () => { throw new Error('no caller is let in here') }, query: () => { throw new Error('no caller is let in here') } }
  return atTwo(role.process in apart.deciding ? await run(deciding, started) : nobody, role.process in apart.reading ? await run(reading, started) : nobody, role)
}

import type { Failure, Plan, Report, Verb } from '@lowtide/core'
import * as E from 'fp-ts/lib/Either.js'
import { countable } from '../schema/countable.js'
import { inspect, troubled } from '../schema/start.js'
import { duration } from '../schema/table-of.js'
import type { Using } from '../schema/verbs.js'
import type { Access, Database } from '../server/database.js'
import { failure } from '../server/failure.js'
import { type Waiting, leftStep, waitingOf, waitingStep } from './waiting.js'

/** Milliseconds from one look to the next, and from one line about the progress to the next. */
const look = 100, often = 1_000
/** Seconds. */
const usual = 60

const channelsOf = (plan: Plan): readonly string[] => plan.consumers.filter(c => c.outbox).flatMap(c => c.channels.map(({ channel }) => channel))
const counted = (rows: number): string => rows > countable ? `more than ${countable}` : String(rows)
/** `timeout=30`, as it is given. */
const secondsOf = (flags: ReadonlySet<string>): E.Either<Failure, number> => {
  const text = [...flags].find(flag => flag.startsWith('timeout='))?.slice('timeout='.length), seconds = text === undefined ? usual : Number(text)
  return Number.isFinite(seconds) && seconds > 0 && text !== '' ? E.right(seconds) : E.left(failure(`cannot drain the outbox: expected --timeout=<seconds> above 0, found '${text}'`))
}
const drained = async (db: Database, plan: Plan, seconds: number): Promise<E.Either<Failure, Report>> => {
  const { runtime } = plan, channels = channelsOf(plan)
  if (channels.length === 0) return E.left(failure(`cannot drain the outbox: expected a relay in a process of this deployment, found none; only a relay empties it`))
  const begun = runtime.now(), measured = async (before?: number) => (await db.fly([leftStep(db, channels, before)]))[0]!.rows[0]!.map(Number) as [number, number, number], [all, before] = await measured()
  for (let told = begun; ;) {
    const [left, , parked] = await measured(before), now = runtime.now(), more = parked === 0 ? '' : `; ${parked} are parked: 'lowtide parked list' shows them`
    if (left === 0) return E.right({ text: `The outbox is empty of what stood there: ${counted(all)} went out in ${duration((now - begun) / 1_000)}${more}`, data: { drained: true, waited: all, left, parked } })
    if (now - begun > seconds * 1_000) return E.right({ alarm: true, text: `The outbox still holds ${counted(left)} of ${counted(all)} after ${duration(seconds)}: see 'lowtide outbox status' for the relay and its owner${more}`, data: { drained: false, waited: all, left, parked } })
    if (now - told >= often) { told = now; runtime.log('info', `${counted(left)} of ${counted(all)} wait, ${duration((now - begun) / 1_000)}`) }
    await new Promise<void>(resolve => { runtime.after(look, resolve) })
  }
}
/** `lowtide outbox status | drain`. */
export const outboxVerbs = (access: Access, using: Using): readonly Verb[] => {
  const over = (doing: string, run: (db: Database, plan: Plan) => Promise<E.Either<Failure, Report>>) => (plan: Plan) => using(access, plan, db => async () => {
    try {
      const inspected = await inspect(db, access, plan)()
      return E.isLeft(inspected) ? inspected : await run(db, plan)
    } catch (e) { return E.left(await troubled(db, access, `${doing} schema '${db.schema}'`, e)) }
  })
  return [{
    name: 'outbox status', about: 'tells what waits to leave the database, since when, and who carries it; calls where it waits for long, or nobody does', flags: {},
    run: over('tell the outbox of', async (db, plan) => {
      const waiting = (await db.fly([waitingStep(db)]))[0]!.rows.map(([text]) => JSON.parse(text!) as Waiting), { title, body, advice, alarm } = waitingOf(waiting, plan)
      return E.right({ text: [title, body, ...advice.map(line => `! ${line}`)].join('\n'), data: { outbox: waiting }, alarm })
    }),
  }, {
    name: 'outbox drain', about: 'waits until relays have carried away all that stands in the outbox now', flags: { 'timeout <seconds>': `for how long; default ${usual}` },
    run: (plan, flags) => {
      const seconds = secondsOf(flags)
      return E.isLeft(seconds) ? async () => seconds : over('drain the outbox of', (db, p) => drained(db, p, seconds.right))(plan)
    },
  }]
}

import type { Failure, Plan, Report, Verb } from '@lowtide/core'
import * as E from 'fp-ts/lib/Either.js'
import * as TE from 'fp-ts/lib/TaskEither.js'
import { malformed } from '../server/connecting.js'
import { type Access, type Database, database } from '../server/database.js'
import { failure } from '../server/failure.js'
import { behindSource } from '../replica/lag.js'
import { type Migrated, migrate } from './migrate.js'
import { outboxVerbs } from '../relay/verb.js'
import { retaining } from '../retention/verb.js'
import { roles } from '../roles/verb.js'
import type { RetentionOptions } from '../retention/terms.js'
import { troubled } from './start.js'
import { status } from './status.js'

/** A database of its own for as long as the verb runs. */
export type Using = typeof using
const using = (access: Access, plan: Plan, run: (db: Database) => TE.TaskEither<Failure, Report>): TE.TaskEither<Failure, Report> => async () => {
  const wrong = malformed(access.url)
  if (wrong !== undefined) return E.left(wrong)
  const db = database({ ...access, connections: 1 }, text => plan.runtime.log('warn', text))
  try { return await run(db)() } finally { await db.close() }
}
const known = (verb: Verb): Verb => ({
  ...verb,
  run: (plan, flags) => {
    const names = Object.keys(verb.flags).map(told => told.split(' ')[0]!), unknown = [...flags].filter(flag => !names.includes(flag.split('=')[0]!))
    return unknown.length === 0 ? verb.run(plan, flags) : TE.left(failure(`cannot ${verb.name}: expected the flags ${names.join(', ') || 'none'}, found ${unknown.join(', ')}`))
  },
})

const migrating = (access: Access): Verb => ({
  name: 'migrate', about: `makes the schema '${access.schema}' what this version of Lowtide and the tables of the project need`,
  flags: { dry: 'prints the SQL, and changes nothing; tells which rows a unique or a reference would refuse, with some of their values', adopt: 'takes over a schema that was restored from another server; refuses while the lease of an instance lasts' },
  run: (plan, flags) => using(access, plan, db => TE.map(({ changes, sql, applied }: Migrated): Report => ({
    text: flags.has('dry') ? sql || '-- nothing to do' : changes.length === 0 ? `Nothing to do: the schema '${access.schema}' is as it shall be.` : [`Changed the schema '${access.schema}':`, ...changes.map(({ name }) => `  ${name}`)].join('\n'),
    data: { applied, changes },
  }))(migrate(db, access, plan, { dry: flags.has('dry'), adopt: flags.has('adopt') }))),
})
const telling = (access: Access, retention: RetentionOptions, from: Access | undefined): Verb => ({
  name: 'status', about: 'tells how far consumers are behind, what holds them back, what is parked, who lives, how large the tables are and what is removed from them', flags: {},
  run: plan => using(access, plan, db => async () => {
    const source = from && database({ ...from, connections: 1, readOnly: true }, text => plan.runtime.log('warn', text))
    try { return E.right(await status(db, plan, retention, source && (measured => behindSource(db, source, measured)))) } catch (e) { return E.left(await troubled(db, access, `tell the status of schema '${db.schema}'`, e)) } finally { await source?.close() }
  }),
})
/** What an operator can do with the deployment's database. `from`: where the log is that it reads, if that is another. */
export const verbs = (access: Access, retention: RetentionOptions = {}, from?: Access): readonly Verb[] => [migrating(access), telling(access, retention, from), ...outboxVerbs(access, using), retaining(access, retention, using, from), roles(access, retention, using, from)].map(known)

import type { Failure, Plan, Report, Verb } from '@lowtide/core'
import * as E from 'fp-ts/lib/Either.js'
import { type RetentionOptions, termsOf, wrongTerms } from '../retention/terms.js'
import { fitsName, longestName } from '../schema/names.js'
import { troubled } from '../schema/start.js'
import type { Using } from '../schema/verbs.js'
import type { Access, Database } from '../server/database.js'
import { failure } from '../server/failure.js'
import { ofCarrying, ofCopying } from './grants.js'
import { type Names, type Part, asideOf, misnamed, rolesSql } from './sql.js'
import { standingIn } from './standing.js'

const said = (flags: ReadonlySet<string>, name: string): string | undefined => [...flags].find(flag => flag.startsWith(`${name}=`))?.slice(name.length + 1)
const namesOf = (schema: string, flags: ReadonlySet<string>): Names | string => {
  const prefix = said(flags, 'prefix') ?? schema, of = (role: keyof Names): string => said(flags, role) ?? `${prefix}_${role}`
  const names = { migrator: of('migrator'), app: of('app'), relay: of('relay') }, odd = Object.values(names).find(name => !fitsName(name))
  if (odd !== undefined) return `expected names of 1 to ${longestName} bytes, found '${odd}'`
  return new Set(Object.values(names)).size === 3 ? names : `expected three names, found ${Object.values(names).join(', ')}`
}
/** A name may hold a line break, and what follows it would be run. */
const lined = (text: string): string => text.replace(/[\r\n]+/g, ' ')
const readable = (schema: string, { app, relay }: Names, parts: readonly Part[], aside: readonly string[], whole: boolean): string => [
  `-- Roles of the schema '${schema}'. Run this as a superuser; each part may be run again.`,
  ...parts.map(({ name, sql }, i) => `-- ${i + 1}. ${lined(name)}\n${sql.join('\n')}`),
  `-- Of your own choice: with it 'lowtide status' tells how old the watermark is.\n-- grant pg_read_all_stats to "${app}";\n-- The rows of other consumers in lowtide_consumers are open to "${relay}" too.`,
  ...aside.map(line => `-- ${lined(line)}`),
  ...whole ? [] : [`-- Tables do not stand yet: run 'lowtide migrate' as the first of these roles, then this again.`],
].join('\n\n')

/** `lowtide roles`: the SQL of who may do what, generated from the tables of the deployment and the options of the shell. */
export const roles = (access: Access, retention: RetentionOptions, using: Using, from?: Access): Verb => {
  const telling = async (db: Database, plan: Plan, flags: ReadonlySet<string>): Promise<E.Either<Failure, Report>> => {
    const names = namesOf(db.schema, flags), wrong = wrongTerms(retention, plan)
    if (typeof names === 'string') return E.left(failure(`cannot name the roles: ${names}`))
    if (wrong.length > 0) return E.left(failure(`cannot tell the roles: ${wrong.join('; ')}`))
    const found = await standingIn(db), terms = termsOf(retention, plan.options), someEvents = plan.channels.some(({ channel }) => terms.eventsOf(channel) !== undefined)
    const asked = { schema: db.schema, names, tables: plan.tables, terms, someEvents, besides: { ...ofCarrying(plan), ...from !== undefined && ofCopying } }, bad = misnamed(asked, found)
    if (bad !== undefined) return E.left(failure(`cannot tell the roles: ${bad}`))
    const parts = rolesSql(asked, found), aside = asideOf(asked, found), whole = found.tables.some(({ name }) => name === 'lowtide_meta')
    if (flags.has('apply')) await db.script(parts.flatMap(({ sql }) => sql.map(line => line.replace(/;$/, ''))).join('; '))
    return E.right({
      text: flags.has('apply') ? `Granted what ${Object.values(names).map(name => `'${name}'`).join(', ')} need in the schema '${db.schema}'.${whole ? '' : ` Tables do not stand yet: run 'lowtide migrate' as '${names.migrator}', then this again.`}${aside.map(line => `\n${line}`).join('')}` : readable(db.schema, names, parts, aside, whole),
      data: { names, parts, aside, applied: flags.has('apply'), tables: whole },
    })
  }
  return {
    name: 'roles', about: 'prints the SQL of the roles of least rights: migrator, app and relay',
    flags: {
      apply: 'runs it, as the role of the url', 'prefix <name>': 'their names begin so; default: the schema', 'migrator <name>': 'the name of this one', 'app <name>': 'the name of this one', 'relay <name>': 'the name of this one',
    },
    run: (plan, flags) => using(access, plan, db => async () => {
      try { return await telling(db, plan, flags) } catch (e) { return E.left(await troubled(db, access, `grant what the roles need in schema '${db.schema}'`, e)) }
    }),
  }
}

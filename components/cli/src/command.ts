import type { Plan, Report, Verb } from '@lowtide/core'
import { type AnyDeployment, nearest } from '@lowtide/run'
import * as E from 'fp-ts/lib/Either.js'
import type { Flags } from './arguments.js'
import { consumers } from './consumers.js'
import { parked } from './parked.js'
import type { Terminal } from './terminal.js'
import { failed, usage } from './trouble.js'

/** What a verb runs over. */
export interface Running {
  readonly deployment: AnyDeployment; readonly plan: Plan; readonly ids: readonly string[]; readonly flags: ReadonlyMap<string, string>
  readonly terminal: Terminal; /** Ctrl-C. */ readonly signal: AbortSignal
}
export interface Command {
  /** `parked list`. */ readonly name: string; readonly about: string; /** More about it, in its own help. */ readonly details?: string
  readonly takes?: { readonly ids: 'one' | 'some'; /** Instead of ids. */ readonly what?: 'handler'; /** A flag that stands for them. */ readonly or?: string }; readonly flags: Flags
  run(running: Running): Promise<Report>
}

/** A shell may name its flags with or without dashes; it gets them back as it names them. One that takes a value is named as in help, `prefix <name>`, and given as `prefix=acme`. */
const ofShell = (verb: Verb): Command => {
  const flags = Object.entries(verb.flags).map(([told, about]) => {
    const [as = '', value] = told.replace(/>$/, '').split(' <')
    return { as, name: as.replace(/^--/, ''), about, ...(value !== undefined && { value }) }
  })
  return {
    name: verb.name, about: verb.about, flags: Object.fromEntries(flags.map(({ name, about, value }) => [name, { about, ...(value !== undefined && { value }) }])),
    run: async running => {
      const given = flags.filter(({ name }) => running.flags.has(name)).map(({ as, name, value }) => value === undefined ? as : `${as}=${running.flags.get(name)}`)
      const ran = await verb.run(running.plan, new Set(given))()
      if (E.isLeft(ran)) throw failed(ran.left)
      return ran.right
    },
  }
}

const first = ({ name }: Command): string => name.split(' ')[0]!
/** Over the store of a deployment. */
export const overStores: readonly Command[] = [...parked, ...consumers]
/** The verbs that a deployment's shell has. What is parked, and how far consumers are, can be reached where it outlives its process. */
export const commandsOf = ({ shell }: Pick<AnyDeployment, 'shell'>): readonly Command[] => [
  ...(shell.verbs ?? []).filter(verb => !overStores.some(command => first(command) === verb.name)).map(ofShell),
  ...(shell.guarantees.durability === 'process' ? [] : overStores),
]

/** The verb that the first words name, and the words behind it. `why` explains where there is none at all. */
export const commandAmong = (commands: readonly Command[], words: readonly string[], why = ''): { readonly command: Command; readonly rest: readonly string[] } => {
  const [verb = '', sub = ''] = words, verbs = [...new Set(commands.map(first))]
  if (!verbs.includes(verb)) throw usage(`${verb === '' ? 'expected a verb, found none' : `there is no verb '${verb}'`}${why === '' ? nearest(verb, verbs) : why}; 'lowtide --help' tells more`)
  const alone = commands.find(({ name }) => name === verb)
  if (alone !== undefined) return { command: alone, rest: words.slice(1) }
  const subs = commands.filter(command => first(command) === verb).map(({ name }) => name.split(' ')[1]!)
  const command = commands.find(({ name }) => name === `${verb} ${sub}`)
  if (command === undefined) throw usage(`'${verb}' ${sub === '' ? 'needs one more word' : `has no '${sub}'`}${nearest(sub, subs)}; 'lowtide ${verb} --help' tells more`)
  return { command, rest: words.slice(2) }
}

/** Whether the ids fit a verb. */
export const idsOf = ({ name, takes }: Command, rest: readonly string[], flags: ReadonlyMap<string, string>): readonly string[] => {
  if (takes === undefined) {
    if (rest.length > 0) throw usage(`'${name}' takes no arguments, found '${rest.join(' ')}'`)
    return []
  }
  if (takes.what !== undefined) {
    if (rest.length !== 1) throw usage(`'${name}' takes one ${takes.what}, found ${rest.length === 0 ? 'none' : `${rest.length}: ${rest.join(' ')}`}`)
    return rest
  }
  const instead = takes.or !== undefined && flags.has(takes.or)
  if (instead && rest.length > 0) throw usage(`'${name}' takes ids or --${takes.or}, found both`)
  if (!instead && rest.length === 0) throw usage(`'${name}' needs ${takes.ids === 'one' ? 'an id' : 'an id, or several'}${takes.or === undefined ? '' : `, or --${takes.or}`}, found none; 'lowtide parked list' shows them`)
  if (takes.ids === 'one' && rest.length > 1) throw usage(`'${name}' takes one id, found ${rest.length}: ${rest.join(' ')}`)
  return [...new Set(rest)]
}

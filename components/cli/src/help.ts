import { type Flags, common } from './arguments.js'
import type { Command } from './command.js'
import { columns } from './layout.js'

const indented = (rows: readonly (readonly string[])[]): string => columns(rows).split('\n').map(line => `  ${line}`.trimEnd()).join('\n')
const taken = ({ takes }: Command): string => takes === undefined ? '' : takes.what !== undefined ? ` <${takes.what}>` : takes.ids === 'one' ? ' <id>' : takes.or === undefined ? ' <id>…' : ` <id>… | --${takes.or}`
const flagRows = (flags: Flags) => Object.entries(flags).map(([name, { about, value }]) => [value === undefined ? `--${name}` : `--${name} <${value}>`, about])

const exits = `exit codes:
${indented([['0', 'done'], ['1', 'refused or failed, or a report that asks for attention'], ['2', 'wrong usage'], ['3', 'what is needed is away: try again later']])}`

/** `of`: the project whose verbs these are, if one was found. */
export const helpOf = (commands: readonly Command[], of?: { readonly name: string; readonly shell: string }): string => `Operators' verbs over the deployment of a project.

  lowtide [--project <name>] <verb> [arguments] [--json]
  lowtide <verb> --help

${of === undefined ? 'verbs where state outlives a process:' : `verbs of '${of.name}', whose shell is '${of.shell}':`}
${commands.length === 0 ? '  (none: all its state ends with its process)' : indented(commands.map(command => [command.name + taken(command), command.about]))}
${of === undefined ? `
A project's shell has verbs of its own: lowtide --project <name> --help
` : ''}
flags:
${indented(flagRows(common))}

${exits}`

/** Of one verb, or of all that begin with its word. */
export const helpOfVerb = (commands: readonly Command[]): string => `${commands.map(command => `lowtide ${command.name}${taken(command)}${Object.keys(command.flags).length > 0 ? ' [flags]' : ''}

  ${command.about}${command.details === undefined ? '' : `\n  ${command.details}`}
${Object.keys(command.flags).length === 0 ? '' : `\n${indented(flagRows(command.flags))}\n`}`).join('\n')}
flags of every verb:
${indented(flagRows(common))}

${exits}`

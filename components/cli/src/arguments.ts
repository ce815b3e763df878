import { parseArgs } from 'node:util'
import { nearest } from '@lowtide/run'
import { usage } from './trouble.js'

/** `value`: what it takes, in the words of help; without one it is set or not. */
export interface Flag { readonly about: string; readonly value?: string; readonly among?: readonly string[] }
export type Flags = { readonly [name: string]: Flag }

/** What every verb takes. */
export const common: Flags = {
  project: { value: 'name', about: "a folder below projects/, or a path to a compiled main; default: 'lowtide.project' of package.json, or the only project here" },
  json: { about: 'one JSON document on standard output; messages for people go to standard error' },
  help: { about: 'what a verb does, and its flags' },
}
export interface Given { readonly words: readonly string[]; readonly flags: ReadonlyMap<string, string> }

const optionsOf = (flags: Flags) => ({
  ...Object.fromEntries(Object.entries(flags).map(([name, { value }]) => [name, { type: value === undefined ? 'boolean' as const : 'string' as const }])),
  help: { type: 'boolean' as const, short: 'h' },
})

/** What stands in the arguments; `known` only tells which flags take a value. */
export const read = (args: readonly string[], known: Flags): Given => {
  const { positionals, values } = parseArgs({ args: [...args], options: optionsOf(known), strict: false, allowPositionals: true })
  return { words: positionals, flags: new Map(Object.entries(values).map(([name, value]) => [name, typeof value === 'string' ? value : ''])) }
}

/** The same, where each flag must be one of these and must fit. `where` is the verb. */
export const checked = (args: readonly string[], own: Flags, where: string): Given => {
  const flags = { ...own, ...common }, { tokens } = parseArgs({ args: [...args], options: optionsOf(flags), strict: false, allowPositionals: true, tokens: true })
  for (const token of tokens) {
    if (token.kind !== 'option') continue
    const flag = Object.hasOwn(flags, token.name) ? flags[token.name] : undefined, { rawName, value } = token
    if (flag === undefined) throw usage(`'${where}' has no flag '${rawName}'${nearest(rawName, Object.keys(flags).map(name => `--${name}`))}`)
    if (flag.value === undefined && value !== undefined) throw usage(`'${where}': the flag '${rawName}' takes no value, found '${value}'`)
    if (flag.value !== undefined && (value === undefined || value === '' || (token.inlineValue === false && value.startsWith('-')))) throw usage(`'${where}': the flag '${rawName}' needs a value, found ${value === undefined || value === '' ? 'none' : `'${value}'`}; write ${rawName}=<${flag.value}>`)
    if (flag.among !== undefined && !flag.among.includes(value ?? '')) throw usage(`'${where}': the flag '${rawName}' cannot be '${value}'${nearest(value ?? '', flag.among)}`)
  }
  return read(args, flags)
}

import { nearest } from '@lowtide/run'
import { parseArgs } from 'node:util'

/** `value`: what it takes, in the words of help; without one it is set or not. */
export interface Option { readonly about: string; readonly value?: string }
type Options = { readonly [name: string]: Option }
export interface Command<O extends Options> {
  /** As it is called, and in the first words of its errors. */ readonly name: string
  readonly about: string
  /** What stands before the options. */ readonly words: string
  readonly options: O
  /** More of what help tells. */ readonly more?: string
}
/** What was asked for; an option that takes a value has its text. */
export interface Asked<O extends Options> { readonly words: readonly string[]; readonly options: { readonly [K in keyof O]?: O[K] extends { readonly value: string } ? string : true } }

/** It was called wrongly: the command ends with 2, and has done nothing. */
export class Misuse extends Error {}

const flag = (name: string, { value }: Option): string => `--${name}${value === undefined ? '' : ` <${value}>`}`
const helpOf = ({ name, about, words, options, more }: Command<Options>): string => {
  const all = Object.entries({ ...options, help: { about: 'this' } }).map(([option, one]) => [flag(option, one), one.about] as const), wide = Math.max(...all.map(([shown]) => shown.length))
  return [about, '', `  ${name}${words} -- [options]`, '', 'options:', ...all.map(([shown, what]) => `  ${shown.padEnd(wide)}  ${what}`), ...more === undefined ? [] : ['', more]].join('\n')
}

/** What stands in the arguments; nothing, where that is help, which is told then. */
export const asked = <O extends Options>(command: Command<O>, args: readonly string[] = process.argv.slice(2)): Asked<O> | undefined => {
  const known: Options = { ...command.options, help: { about: '' } }
  const { positionals, values, tokens } = parseArgs({
    args: [...args], strict: false, allowPositionals: true, tokens: true,
    options: { ...Object.fromEntries(Object.entries(known).map(([name, { value }]) => [name, { type: value === undefined ? 'boolean' as const : 'string' as const }])), help: { type: 'boolean' as const, short: 'h' } },
  })
  if (values['help'] === true) { console.log(helpOf(command)); return undefined }
  for (const token of tokens) {
    if (token.kind !== 'option') continue
    const { rawName, value } = token, option = Object.hasOwn(known, token.name) ? known[token.name] : undefined
    if (option === undefined) throw new Misuse(`there is no option '${rawName}'${nearest(rawName, Object.keys(known).map(name => `--${name}`))}`)
    if (option.value === undefined && value !== undefined) throw new Misuse(`the option '${rawName}' takes no value, found '${value}'`)
    if (option.value !== undefined && (value === undefined || value === '' || (token.inlineValue === false && value.startsWith('-')))) throw new Misuse(`the option '${rawName}' needs a value, found ${value === undefined || value === '' ? 'none' : `'${value}'`}; write ${rawName}=<${option.value}>`)
  }
  return { words: positionals, options: values as Asked<O>['options'] }
}

/** Runs a command to its end. What it throws is told in one line; it ends with 2 where it was called wrongly, else with 1. */
export const command = async (name: string, main: () => Promise<void>): Promise<void> => main().catch((error: unknown) => {
  console.error(`${name}: ${error instanceof Error ? error.message : String(error)}${error instanceof Misuse ? `; '${name} -- --help' tells more` : ''}`)
  process.exitCode = error instanceof Misuse ? 2 : 1
})

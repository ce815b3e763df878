import { type AnyDeployment, planOf, system } from '@lowtide/run'
import { type Flags, checked, common, read } from './arguments.js'
import { type Command, commandAmong, commandsOf, idsOf, overStores } from './command.js'
import { helpOf, helpOfVerb } from './help.js'
import { deploymentOf } from './load.js'
import { prepared } from './prepare.js'
import { type Project, projectOf } from './project.js'
import { aborted } from './over-store.js'
import { type Terminal, ownStreams, terminalOf } from './terminal.js'
import { type Exit, type Trouble, trouble, troubleOf } from './trouble.js'

interface Loaded { readonly project: Project; readonly deployment: AnyDeployment }
interface Result { readonly text: string; readonly data: unknown; readonly alarm?: boolean }

/** Milliseconds that are left, after Ctrl-C, to a verb to end and to a shell to close. */
const grace = 5_000
const anywhere: Flags = { ...common, ...Object.assign({}, ...overStores.map(({ flags }) => flags)) as Flags }

/** Verbs that need no project to be known. */
const ours = ([verb]: readonly string[]): boolean => overStores.some(({ name }) => name.split(' ')[0] === verb)

/** How a command ends before its time: what is opened is closed, and the reason told. */
interface Life { readonly signal: AbortSignal; stop(why: Trouble): void }

const load = async (asked: string | undefined, { signal, stop }: Life): Promise<Loaded> => {
  const project = projectOf(asked, process.cwd())
  await Promise.race([aborted(signal), prepared(project)])
  const deployment = await Promise.race([aborted(signal), deploymentOf(project)])
  for (const name of ['uncaughtException', 'unhandledRejection'] as const) process.on(name, (e: unknown) => stop(troubleOf(e))) // of a client, which nobody awaits
  return { project, deployment }
}
/** Why a deployment has no verbs at all. */
const none = ({ project, deployment: { shell } }: Loaded): string => `: the shell '${shell.name}' of '${project.name}' has no verbs, because all its state ends with its process (durability: '${shell.guarantees.durability}')`

/** Without --project, help is there also where there is no project, or one that cannot be read. */
const help = async (words: readonly string[], asked: string | undefined, terminal: Terminal, life: Life): Promise<string> => {
  const found = ours(words) ? undefined : await load(asked, life).catch((e: unknown) => {
    if (asked !== undefined || words.length > 0 || life.signal.aborted) throw e
    if (troubleOf(e).exit !== 2) terminal.note(`lowtide: ${troubleOf(e).message}\n`)
    return undefined
  })
  const commands = found === undefined ? overStores : commandsOf(found.deployment)
  if (words.length === 0) return helpOf(commands, found && { name: found.project.name, shell: found.deployment.shell.name })
  const same = commands.filter(({ name }) => name === words.slice(0, 2).join(' ')), alike = same.length > 0 ? same : commands.filter(({ name }) => name.split(' ')[0] === words[0])
  return helpOfVerb(alike.length > 0 ? alike : [commandAmong(commands, words, found && commands.length === 0 ? none(found) : '').command])
}

const perform = async (args: readonly string[], terminal: Terminal, life: Life): Promise<Result> => {
  const { words, flags } = read(args, anywhere), asked = flags.get('project')
  if (flags.has('help')) {
    const text = await help(words, asked, terminal, life)
    return { text, data: { help: text } }
  }
  const understood = (commands: readonly Command[], why = '') => {
    const { command } = commandAmong(commands, words, why), given = checked(args, command.flags, command.name)
    const { rest } = commandAmong(commands, given.words)
    return { command, flags: given.flags, ids: idsOf(command, rest, given.flags) }
  }
  if (words.length === 0 || ours(words)) understood(overStores) // wrong usage is told before anything is read or opened
  const loaded = await load(asked, life), { deployment } = loaded, commands = commandsOf(deployment)
  const { command, ...given } = understood(commands, commands.length === 0 ? none(loaded) : '')
  const plan = planOf(deployment, { ...system, log: (level, text, fields) => { if (level === 'info') terminal.progress(text); else terminal.note(`${level}: ${text}${fields ? ` ${JSON.stringify(fields)}` : ''}`) } })
  return command.run({ ...given, deployment, plan, terminal, signal: life.signal })
}

/** Runs one command, prints what came of it, and tells the code with which the process shall end. */
export const lowtide = async (args: readonly string[]): Promise<0 | Exit> => {
  const terminal = terminalOf(ownStreams(), args.includes('--json')), control = new AbortController(), { signal } = control
  let late = (_why: Trouble): void => {}
  const interrupted = new Promise<never>((_, reject) => { late = reject })
  const stop = (why: Trouble): void => {
    if (signal.aborted) return // npm may deliver a signal twice
    control.abort(why)
    setTimeout(late, grace, why)
  }
  for (const [name, exit] of [['SIGINT', 130], ['SIGTERM', 143]] as const) process.on(name, () => stop(trouble(exit, `interrupted by ${name}`)))
  try {
    const { alarm, ...result } = await Promise.race([interrupted, perform(args, terminal, { signal, stop })])
    await terminal.say(result)
    return alarm === true ? 1 : 0
  } catch (e) {
    const told = troubleOf(signal.aborted ? signal.reason : e)
    await terminal.complain(told)
    return told.exit
  }
}

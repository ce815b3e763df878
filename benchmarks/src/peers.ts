import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { auditAgain, auditInvited, expect } from './audit.js'
import { type Benchmark, type Effort, figure } from './figure.js'
import { checked } from './invite.js'
import { type Inviter, typedOf } from './inviter.js'
import { lowtide } from './lowtide.js'
import { type Side, callers, inTurns } from './rounds.js'

export const folder = new URL('../peers/', import.meta.url)
const loops = 64
type Make = () => Promise<Inviter>
type Peer = (validate: (value: unknown) => unknown) => Promise<Inviter>

/** They stand outside of the workspaces, so that nobody who does not ask for them has to install them. */
export const install = async (): Promise<void> => {
  console.error('installing what Lowtide is measured beside (npm ci in benchmarks/peers) …')
  const npm = process.env['npm_execpath'], [file, ...before] = npm?.endsWith('.js') ? [process.execPath, npm] : ['npm']
  const child = spawn(file!, [...before, 'ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: fileURLToPath(folder), stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => { said += text })
  const [code] = await once(child, 'close') as [number | null]
  if (code !== 0) throw new Error(`'npm ci' in benchmarks/peers exited with ${code}:\n${said.trimEnd()}`)
}
const extra = { name: 'memory/peers', installed: () => existsSync(new URL('node_modules/.package-lock.json', folder)), install }

/** One round: so many commands, each of another customer, on fresh stores that each take `many` of them; one more store takes what warms up. */
const side = (make: Make, { commands, ahead }: Effort, many: number): Side => async () => {
  const stores = Math.ceil(commands / many), inviters: Inviter[] = [], answers: unknown[][] = [], first = await make()
  await callers(loops, ahead, async i => { await first.invite(typedOf(i)) })
  for (let i = 0; i < stores; i++) inviters.push(await make())
  return {
    run: async () => {
      for (const [n, inviter] of inviters.entries()) {
        const given: unknown[] = answers[n] = Array.from({ length: many })
        await callers(loops, many, async i => { given[i] = await inviter.invite(typedOf(i)) })
      }
    },
    audit: async () => {
      for (const [n, inviter] of inviters.entries()) {
        await auditInvited(inviter, many, answers[n]!)
        await auditAgain(inviter, typedOf(many - 1))
        expect('what is no email', { refused: 'invalid' }, inviter.read(await inviter.invite('nobody')))
      }
    },
    close: async () => { for (const inviter of [first, ...inviters]) await inviter.close() },
  }
}

const beside = (peer: 'nest' | 'emmett', share: number): Benchmark => {
  const manyOf = ({ commands }: Effort): number => Math.ceil(commands / share), nameOf = (effort: Effort): string => `${extra.name}-${peer}-${manyOf(effort)}`
  return {
    extra, notes,
    names: effort => [nameOf(effort)],
    run: async function* (effort) {
      const made = await import(new URL(`${peer}.mjs`, folder).href) as { readonly [name: string]: Peer }, many = manyOf(effort)
      const pairs = await inTurns(effort, side(() => lowtide(checked), effort, many), side(() => made[peer]!(checked['~standard'].validate), effort, many))
      const rate = (ms: number): number => Math.ceil(effort.commands / many) * many / ms * 1000
      yield figure(nameOf(effort), 'commands/s', pairs.map(([ours, theirs]) => [rate(ours), rate(theirs)]))
    },
  }
}

const rows: readonly (readonly [string, string, string, string])[] = [
  ['for each command', 'Lowtide', '@nestjs/cqrs 12', 'Emmett 0.42, in memory'],
  ['validated', 'by the library', 'by the handler, same zod', 'by the caller, same zod'],
  ['email is unique', 'index, checked at commit', 'a Map that the handler asks', 'a stream an email, its version'],
  ['event', 'envelope, log by channel', 'bus, a list behind it', 'stream, position, id'],
  ['row of the customer', 'in the same commit', 'the Map', 'none: folded from the stream'],
  ['all or nothing', 'rows, events, outcome', 'no: Map first, then the bus', 'the events of a stream'],
  ['outcome is kept', 'yes, by the id of the command', 'no', 'no'],
  ['sent twice, done once', 'yes', 'no', 'no'],
  ['many in one commit', 'yes, up to 1,000', 'no', 'no'],
  ['order, back-pressure, timeout', 'yes', 'no', 'no'],
  ['same ids when run again', 'yes, derived', 'no, random', 'no, random'],
]
const widths = rows[0]!.map((_, column) => Math.max(...rows.map(row => row[column]!.length)))
const notes = rows.map(row => row.map((cell, column) => cell.padEnd(widths[column]!)).join('  ').trimEnd())

/** Lowtide's whole command beside libraries that do less for it: `notes` says what. */
export const peers: readonly Benchmark[] = [beside('nest', 1), beside('emmett', 20), beside('emmett', 2)]

import { nearest } from '@lowtide/run'
import { Misuse, asked, command } from '../asked.js'
import { relayStorm } from './relay/storm.js'
import { type Saboteur, saboteurs as ofRelays } from './relay/role.js'
import { saboteurs } from './sabotage.js'
import { storm } from './storm.js'

// The last line on standard output is the result.
const called = 'npm run storm postgres'
const main = async (): Promise<void> => {
  const given = asked({
    name: called, about: 'Kills processes and connections around a ledger on PostgreSQL, and counts what is lost, doubled, stuck or out of order.', words: '',
    options: {
      messages: { value: 'number', about: 'transfers that are sent; default 10000' }, seed: { value: 'number', about: 'of the schedule and of what is sent; default: one by chance, which the result names' },
      seconds: { value: 'number', about: 'after so many nothing new is sent; default: until all messages are' }, patience: { value: 'number', about: 'seconds without progress after which what is left counts as stuck; default 40' },
      split: { about: 'each worker runs only the handler of commands, or only what follows its events' },
      relay: { about: 'relays and a receiver with books of its own, in place of the ledger' },
      json: { about: 'nothing but the result' }, sabotage: { value: 'saboteur', about: 'breaks one thing, which the storm must notice' },
    },
    more: `saboteurs: ${Object.keys(saboteurs).map(name => `'${name}'`).join(', ')}\nof --relay: ${Object.keys(ofRelays).map(name => `'${name}'`).join(', ')}`,
  })
  if (given === undefined) return
  const { words: [shell = 'postgres', ...rest], options } = given, { sabotage } = options
  const whole = (name: 'messages' | 'seed' | 'seconds' | 'patience'): number | undefined => {
    const text = options[name], found = Number(text)
    if (text !== undefined && !(Number.isSafeInteger(found) && found > 0)) throw new Misuse(`--${name}: expected a whole number above 0, found '${text}'`)
    return text === undefined ? undefined : found
  }
  const told = process.stderr.isTTY && !options.json ? (line: string): void => { process.stderr.write(`\r\u001b[2K${line}`) } : (line: string): void => { if (line.endsWith('\n') && !options.json) process.stderr.write(line) }
  const named = [shell, ...rest].join(' ')
  if (named !== 'postgres') throw new Misuse(`there is no storm for '${named}'${nearest(named, ['postgres'])}`)
  const known = options.relay ? ofRelays : saboteurs
  if (sabotage !== undefined && !Object.hasOwn(known, sabotage)) throw new Misuse(`there is no saboteur '${sabotage}'${nearest(sabotage, Object.keys(known))}`)
  const messages = whole('messages') ?? 10_000, seed = whole('seed') ?? 1 + Math.floor(Math.random() * 1_000_000)
  const wish = { messages, seed, seconds: whole('seconds'), patience: whole('patience'), tell: told }
  const { result, failed, faults, folder } = options.relay ? await relayStorm({ ...wish, sabotage: sabotage as Saboteur | undefined }) : await storm({ ...wish, sabotage, split: options.split })
  for (const fault of faults) console.error(fault)
  if (folder !== undefined) console.error(`what the processes told and wrote is in ${folder}`)
  console.log(JSON.stringify(result))
  process.exitCode = failed ? 1 : 0
}
await command(called, main)

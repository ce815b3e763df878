import { parseArgs } from 'node:util'
import { saboteurs } from './sabotage.js'
import { storm } from './storm.js'

// npm run storm postgres -- [--messages 10000] [--seed 1] [--seconds 600] [--json]: the last line on standard output is the result.
const usage = 'expected npm run storm postgres -- [--messages N] [--seed N] [--seconds N] [--patience N] [--json] [--sabotage NAME]'
const { values, positionals: [shell = 'postgres', ...rest] } = parseArgs({
  allowPositionals: true, options: { messages: { type: 'string', default: '10000' }, seed: { type: 'string' }, seconds: { type: 'string' }, patience: { type: 'string' }, json: { type: 'boolean', default: false }, sabotage: { type: 'string' } },
})
const whole = (name: 'messages' | 'seed' | 'seconds' | 'patience'): number | undefined => {
  const text = values[name], found = Number(text)
  if (text !== undefined && !(Number.isSafeInteger(found) && found > 0)) throw new Error(`--${name}: expected a whole number above 0, found '${text}'; ${usage}`)
  return text === undefined ? undefined : found
}
const told = process.stderr.isTTY && !values.json ? (line: string): void => { process.stderr.write(`\r\u001b[2K${line}`) } : (line: string): void => { if (line.endsWith('\n') && !values.json) process.stderr.write(line) }
try {
  if (shell !== 'postgres' || rest.length > 0) throw new Error(`there is no storm for '${[shell, ...rest].join(' ')}'; known: postgres; ${usage}`)
  if (values.sabotage !== undefined && !(values.sabotage in saboteurs)) throw new Error(`no saboteur '${values.sabotage}'; known: ${Object.keys(saboteurs).join(', ')}`)
  const seed = whole('seed') ?? 1 + Math.floor(Math.random() * 1_000_000)
  const { result, failed, faults, folder } = await storm({ messages: whole('messages')!, seed, seconds: whole('seconds'), patience: whole('patience'), sabotage: values.sabotage, tell: told })
  for (const fault of faults) console.error(fault)
  if (folder !== undefined) console.error(`what the processes told and wrote is in ${folder}`)
  console.log(JSON.stringify(result))
  process.exitCode = failed ? 1 : 0
} catch (e) {
  console.error(`npm run storm: ${e instanceof Error ? e.message : String(e)}`)
  process.exitCode = 1
}

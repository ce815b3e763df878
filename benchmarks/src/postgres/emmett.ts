import { existsSync } from 'node:fs'
import { freshDatabase } from '@lowtide/servers'
import { expect } from '../audit.js'
import { type Benchmark, figure } from '../figure.js'
import { checked } from '../invite.js'
import { typedOf } from '../inviter.js'
import { folder, install } from '../peers.js'
import { type Side, callers, inTurns } from '../rounds.js'
import { few, ours, rate } from './command.js'
import { number, urlHere } from './site.js'

const name = 'postgres/emmett-16', loops = 16, patience = 10_000
interface Emmett { invite(email: string): Promise<boolean>; counts(): Promise<{ readonly events: number; readonly streams: number; readonly ids: number }>; close(): Promise<void> }
type Make = (url: string, validate: (value: unknown) => unknown) => Promise<Emmett>

const theirs = (make: Make, { ahead, commands }: { readonly ahead: number; readonly commands: number }): Side => async () => {
  const { url, drop } = await freshDatabase(await urlHere()), emmett = await make(url, checked['~standard'].validate)
  const invite = (from: number, many: number): Promise<void> => callers(loops, many, async i => { if (!await emmett.invite(typedOf(from + i))) throw new Error(`'${typedOf(from + i)}' was not invited`) })
  await invite(0, ahead)
  return {
    run: () => invite(ahead, commands),
    audit: async () => {
      const all = ahead + commands
      expect('the same email again', false, await emmett.invite(typedOf(all - 1)))
      expect('what stands in the store', { events: all, streams: all, ids: all }, await emmett.counts())
    },
    close: async () => {
      await emmett.close()
      const left = Date.now() + patience // its connections end behind its back: one that the server ends first would end this process
      while (await number('select count(*) from pg_stat_activity where datname = $1', [new URL(url).pathname.slice(1)]) > 0 && Date.now() < left) await new Promise(resolve => { setTimeout(resolve, 20) })
      await drop()
    },
  }
}
/** Lowtide's whole command beside that of Emmett on the same server, which keeps an event in its stream and nothing else. */
export const emmett: Benchmark = {
  extra: { name: 'postgres/emmett', installed: () => existsSync(new URL('node_modules/@event-driven-io/emmett-postgresql/package.json', folder)), install },
  notes: [`${name}: Emmett reads a stream an email, and appends an event to it; it writes no row of the customer, no outcome under the command's id, and takes a command sent twice for two.`],
  names: () => [name],
  run: async function* (all) {
    const effort = few(all), of = rate(effort), { emmett: make } = await import(new URL('emmett-postgresql.mjs', folder).href) as { readonly emmett: Make }
    yield figure(name, 'commands/s', (await inTurns(effort, ours(loops, effort), theirs(make, effort))).map(([a, b]) => [of(a), of(b)]))
  },
}

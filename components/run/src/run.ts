import { randomBytes } from 'node:crypto'
import { type Runtime, uuidOf } from '@lowtide/core'
import { start } from './app.js'
import type { AnyApp, App, Deployment } from './deployment.js'
import { atTheDoor } from './door.js'
import type { Observe } from './observe.js'

/** So many times in a row the next batch follows at once; then timers and sockets have their turn. */
const breath = 64
let soons = 0
/** Its `then` is the cheapest way to a microtask: `queueMicrotask` makes an async resource for each. */
const now = Promise.resolve()

let chance = '', used = 0
/** A UUID of version 4, of 120 random bits. That of node is a tree of twenty texts, which the inbox would keep with each command: 450 bytes. */
const newId = (): string => {
  if (used === chance.length) { chance = randomBytes(4096).toString('latin1'); used = 0 }
  used += 16
  return uuidOf(chance, used - 16, 4)
}

/** The clock, chance and log of a real process. The log goes to standard error, one line an entry. */
export const system: Runtime = {
  now: Date.now, random: Math.random, newId,
  after: (ms, call) => { const t = setTimeout(call, ms); return () => clearTimeout(t) },
  soon: call => { if (++soons % breath === 0) setImmediate(call); else void now.then(call) },
  log: (level, text, fields) => { if (level !== 'info') process.stderr.write(`${level}: ${text}${fields ? ` ${JSON.stringify(fields)}` : ''}\n`) },
}

/** Milliseconds for which the process stays once all is closed: a terminal's Ctrl-C comes twice through npm, and the second signal would kill it, with another exit code. */
const late = 100
/** A shell that cannot start, or what the system refuses, as a port in use: the message says all. */
const saysAll = (e: unknown): e is Error => e instanceof Error && (('code' in e && e.code === 'SHELL') || (e.cause instanceof Error && 'syscall' in e.cause))
/** Where nobody catches it, which Node knows at the end of this turn, the process ends with the message alone: a stack would bury it. */
const tellPlainly = (error: Error): void => {
  const tell = (e: unknown): void => {
    if (e !== error) throw e
    process.stderr.write(`error: ${error.message}\n`)
    process.exit(1)
  }
  process.once('uncaughtException', tell)
  setImmediate(() => process.off('uncaughtException', tell))
}
/** What follows `await run(…)` in a main must not run either. */
const never = new Promise<never>(() => {})

/**
 * Starts a deployment, or one of its processes (`only`), and closes it gracefully on SIGINT and SIGTERM (unless `signals` is false: then its caller sees to them). npm may deliver a signal twice; the second is the same request.
 * `observe` wraps its work, as tracing and metrics do. What keeps it from starting is thrown; where nobody catches that, the process ends with 1 and the message.
 * Under `globalThis[Symbol.for('lowtide.deployment')]` it is given away, and not started.
 *
 * @example const app = await run(deployment({ functions: [functions], shell: memory(), processes: { all: [inviteCustomer] } }))
 */
export const run = async <H, P extends string>(d: Deployment<H, P>, o: { readonly only?: string | undefined; readonly runtime?: Runtime; readonly observe?: Observe; readonly signals?: boolean } = {}): Promise<App<H>> => {
  const take = atTheDoor()
  if (take) { take(d); return never }
  let app: AnyApp | undefined, asked = false
  const off = (): void => { process.off('SIGINT', stop).off('SIGTERM', stop) }
  const stop = (): void => { asked = true; void app?.close().finally(() => { setTimeout(off, late) }) }
  if (o.signals !== false) process.on('SIGINT', stop).on('SIGTERM', stop) // before it starts: a front says that it serves, and may be told to stop at once
  try {
    const started = app = await start(d, o.runtime ?? system, o)
    if (asked) stop()
    return { ...started, close: () => started.close().finally(off) } as App<H>
  } catch (e) {
    off()
    if (saysAll(e)) tellPlainly(e)
    throw e
  }
}

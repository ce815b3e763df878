import { type Message, type Row, type Shell, defaults } from '@lowtide/core'
import * as E from 'fp-ts/lib/Either.js'
import { type Each, around } from './around.js'
import { chance, virtual } from './clock.js'
import { launch } from './instance.js'
import { life } from './life.js'
import type { Instance, Make, Outside } from './world.js'

/** What a shell runs on when all instances live in this process. */
export interface Site {
  readonly guarantees: Shell['guarantees']
  /** A shell for one more instance. `kill`: the instance is gone, as if its connections had broken. */
  join(): Shell & { kill(): void }
  rows(table: string): readonly Row[] | Promise<readonly Row[]>
  channel(name: string): readonly Message[] | Promise<readonly Message[]>
  close?(): void | Promise<void>
}
const json = <A>(value: A): A => value === undefined ? value : JSON.parse(JSON.stringify(value)) as A

/** Turns of the event loop that a call takes on its way, and its answer on the way back. */
const farthest = 4

/**
 * A world whose instances share this process and a virtual clock. Crashes and pauses are cuts between an instance and all around it;
 * every call between it and its shell takes a while, by chance, so that instances meet in the middle of what they do.
 */
export const local = (open: (o: { readonly partitions: number }) => Site): Make => o => {
  const site = open(o), { clock, runtime, count } = virtual(), closing: (() => void)[] = [], random = chance(o.seed)
  const way = async (): Promise<void> => {
    for (let turns = Math.floor(random() * farthest); turns > 0; turns--) { await new Promise(resolve => { setImmediate(resolve) }); count() }
  }
  return {
    guarantees: site.guarantees, clock,
    inspect: { rows: async t => json(await site.rows(t)), channel: async c => json(await site.channel(c)) },
    bench: async tables => {
      const own = open(o), then = Date.UTC(2020, 0, 1) // the time of test messages
      const opened = await own.join().open({ tables, channels: [], consumers: [], everywhere: [], runtime: { ...runtime(o.seed, () => {}), now: () => then }, options: defaults })()
      if (E.isLeft(opened)) throw new Error(opened.left.failure)
      return { store: opened.right.store, rows: async t => own.rows(t), close: async () => { await opened.right.close(); await own.close?.() } }
    },
    start: async (start, outside): Promise<Instance> => {
      await import(start.module) // reading files takes real time
      let gone = (): void => {}
      const dead = new Promise<undefined>(resolve => { gone = () => resolve(undefined) })
      const shell = site.join(), alive = life(() => { shell.kill(); gone() })
      const through: Each = (call, run) => alive.through(call, async () => {
        await way()
        if (alive.state() === 'dead') return new Promise(() => {}) // it never left
        const answer = await run()
        await way()
        return answer
      })
      const told: Each = (call, run) => alive.through(call, () => { count(); return run().finally(count) }) // in the order in which they are made
      const own = alive.runtime(runtime(start.seed, () => {}))
      const ports: Outside = {
        ask: (port, args) => through('ask', () => outside.ask(port, json(args))), effect: (port, data, key) => through('effect', () => outside.effect(port, json(data), key)),
      }
      const launched = launch(json(start), { shell: around(shell, (call, run) => call === 'room' ? told(call, run) : through(call, run)), outside: ports, runtime: own, die: alive.die })
      const started = await clock.during('the start of an instance', 60_000, Promise.race([launched, dead]))
      closing.push(alive.die)
      return {
        call: async (operation, args) => json(await told(operation, async () => started?.call(operation, json(args)))),
        crash: async () => { alive.die() }, pause: async () => { alive.pause() }, resume: async () => { alive.resume() },
        close: async () => started?.close(), crashed: () => alive.state() === 'dead',
      }
    },
    close: async () => { for (const end of closing) end(); await site.close?.() },
  }
}

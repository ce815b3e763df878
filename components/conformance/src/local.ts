import type { Message, Row, Shell } from '@lowtide/core'
import { around } from './around.js'
import { virtual } from './clock.js'
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

/** A world whose instances share this process and a virtual clock; crashes and pauses are cuts between an instance and all around it. */
export const local = (open: (o: { readonly partitions: number }) => Site): Make => o => {
  const site = open(o), { clock, runtime, count } = virtual(), closing: (() => void)[] = []
  return {
    guarantees: site.guarantees, clock,
    inspect: { rows: async t => json(await site.rows(t)), channel: async c => json(await site.channel(c)) },
    start: async (start, outside): Promise<Instance> => {
      await import(start.module) // reading files is not virtual
      let gone = (): void => {}
      const dead = new Promise<undefined>(resolve => { gone = () => resolve(undefined) })
      const shell = site.join(), alive = life(() => { shell.kill(); gone() })
      const counted = <A>(run: () => Promise<A>): Promise<A> => { count(); return run().finally(count) }
      const through = <A>(run: () => Promise<A>): Promise<A> => alive.through('', () => counted(run))
      const ports: Outside = { ask: (port, args) => through(() => outside.ask(port, json(args))), effect: (port, data, key) => through(() => outside.effect(port, json(data), key)) }
      const own = alive.runtime(runtime(start.seed, () => {}))
      const launched = launch(json(start), { shell: around(shell, (_call, run) => through(run)), outside: ports, runtime: own, die: alive.die })
      const started = await clock.during('the start of an instance', 60_000, Promise.race([launched, dead]))
      closing.push(alive.die)
      return {
        call: async (operation, args) => json(await through(async () => started?.call(operation, json(args)))),
        crash: async () => { alive.die() }, pause: async () => { alive.pause() }, resume: async () => { alive.resume() },
        close: async () => started?.close(), crashed: () => alive.state() === 'dead',
      }
    },
    close: async () => { for (const end of closing) end(); await site.close?.() },
  }
}

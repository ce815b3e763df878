import { customerView, customerViews } from '@lowtide/customers'
import { run } from '@lowtide/run'
import { type Benchmark, figure } from '../figure.js'
import { child } from '../http/child.js'
import { progress } from '../report.js'
import { collect } from '../rounds.js'
import { migrate } from './deployed.js'
import { quiet } from './handled.js'
import { percentiles } from './percentiles.js'
import { auditViews } from './projector.js'
import { clock, isProjected, projecting } from './projecting.js'
import { auditStored, connected, drop, newSchema, urlHere } from './site.js'

/** Customers to invite: at a rate, or each as soon as one of 256 callers has its answer. One in `every` is watched. */
export interface Asked { readonly from: number; readonly many: number; readonly every: number; readonly perSecond?: number }
export const isWatched = (email: string, every: number): boolean => Number(/\d+/.exec(email)?.[0]) % every === 0

/** A notification on its way from one connection to another, here as in all processes: what a hint takes at least. */
const notifying = async () => {
  const from = await connected(), to = await connected()
  let arrived = (): void => {}
  to.on('notification', () => arrived())
  await to.query('listen bench_visible')
  return {
    trip: async (): Promise<number> => {
      const begun = performance.now(), there = new Promise<number>(resolve => { arrived = () => resolve(performance.now() - begun) })
      await from.query('notify bench_visible')
      return there
    },
    close: () => Promise.all([from.end(), to.end()]),
  }
}

/** This process projects, another decides. `invited`: milliseconds from each commit there until plain SQL has read the row here, of those that are watched. */
const apart = async () => {
  const schema = newSchema(), url = await urlHere(), reader = await connected(), seen = new Map<string, number>(), views = `${schema}.${customerViews.name}`
  let asked = { from: 0, many: 0, every: 1 }, projected = 0, told = (): void => {}, fault: unknown, reading = Promise.resolve()
  const read = async (ids: readonly unknown[]): Promise<void> => {
    const { rows } = await reader.query<{ email: string }>({ name: 'visible', text: `select email from ${views} where id = any($1::text[])`, values: [ids] }), at = clock()
    if (rows.length !== ids.length) throw new Error(`expected ${ids.length} rows that '${customerView.name}' has committed, found ${rows.length}`)
    for (const { email } of rows) seen.set(email, at)
  }
  const d = projecting(url, schema, { committed: unit => {
    if (!isProjected(unit)) return
    const rows = unit.writes.flatMap(write => 'row' in write ? [write.row] : []), watched = rows.filter(row => isWatched(String(row['email']), asked.every))
    reading = reading.then(() => watched.length === 0 ? undefined : read(watched.map(row => row['id']))).catch((e: unknown) => { fault = e }).then(() => { projected += rows.length; told() })
  } })
  await migrate(d)
  const app = await run(d, { signals: false, only: 'projector' }), other = child('../postgres/visible.child.js', url, schema)
  return {
    invited: async (how: Omit<Asked, 'from'>): Promise<readonly number[]> => {
      seen.clear()
      asked = { ...how, from: asked.from + asked.many }
      const committed = await other.ask<readonly (readonly [string, number])[]>({ ...asked })
      while (projected < asked.from + asked.many && fault === undefined) await new Promise<void>(resolve => { told = resolve })
      if (fault !== undefined) throw fault
      return committed.map(([email, at]) => Math.max(0.001, seen.get(email)! - at)) // clocks of two processes agree on microseconds, no more
    },
    audit: async (): Promise<void> => { const sent = asked.from + asked.many; await auditStored(schema, { commands: sent }); await auditViews(views, sent) },
    close: async (): Promise<void> => { await other.ask('close'); await other.close(); await app.close(); await reader.end(); await drop(schema) },
  }
}

const loads = ['idle', 'half-load'] as const, nameOf = (load: typeof loads[number], p: 'p50' | 'p99'): string => `postgres/visible-${load}-${p}`
/** From a commit in one process until its row, written by another, is there for plain SQL; beside a notification in the same state of the system. */
export const visible: Benchmark = {
  names: () => loads.flatMap(load => [nameOf(load, 'p50'), nameOf(load, 'p99')]),
  run: async function* ({ rounds, warmUp, commands, ahead }) {
    const { invited, audit, close } = await apart(), { trip, close: hush } = await notifying(), found: { readonly [L in typeof loads[number]]: (readonly [readonly number[], readonly number[]])[] } = { idle: [], 'half-load': [] }
    try {
      await invited({ many: ahead, every: 10 })
      for (let round = 0; round < warmUp + rounds; round++) {
        await collect()
        const idle: number[] = [], alone: number[] = [], loaded: number[] = [], peakMany = commands / 2
        for (let i = 0; i < commands / 100; i++) {
          await quiet()
          idle.push(...await invited({ many: 1, every: 1 }))
          await quiet()
          alone.push(await trip())
        }
        const begun = performance.now()
        await invited({ many: peakMany, every: 10 })
        const peak = peakMany / (performance.now() - begun) * 1000
        let over = false
        const half = invited({ many: commands / 4, every: 10, perSecond: peak / 2 }).finally(() => { over = true })
        while (!over) { loaded.push(await trip()); await quiet() }
        const busy = await half
        progress(`postgres/visible: ${Math.round(peak)} commands/s at most, each to its row; at half of them ${percentiles(busy).p50.toFixed(1)} ms`)
        if (round < warmUp) continue
        found.idle.push([idle, alone])
        found['half-load'].push([busy, loaded])
      }
      await audit()
    } finally { await hush(); await close() }
    for (const load of loads) for (const p of ['p50', 'p99'] as const) yield figure(nameOf(load, p), 'ms', found[load].map(([a, b]) => [percentiles(a)[p], percentiles(b)[p]]))
  },
}

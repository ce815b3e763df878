import { expect } from '../audit.js'
import { type Benchmark, figure } from '../figure.js'
import { typedOf } from '../inviter.js'
import { progress } from '../report.js'
import { callers, collect } from '../rounds.js'
import { deployed } from './deployed.js'
import { auditStored, drop, newSchema, number, sql } from './site.js'

const name = 'postgres/retention', loops = 256

/** A store with so many outcomes, old ones, in as many slices as there are rounds; their transactions have ids below all that a server gives. */
const aged = async (rows: number, slices: number) => {
  const schema = newSchema()
  await (await deployed(schema, { retention: { every: false } })).close() // makes the tables
  await sql(`insert into ${schema}.lowtide_inbox (consumer, id, body, time, tx, outcome)
    select '', md5('m' || i)::uuid::text, left(md5('b' || i) || md5(i::text), 43), now() - interval '9 days', 1 + i * ${slices}::bigint / ${rows}, json_build_object('events', json_build_array(json_build_array('customer-events', i % 8, i % 256))) from generate_series(0, ${rows} - 1) i`)
  await sql(`vacuum (analyze) ${schema}.lowtide_inbox`)
  const { invite, verb, close } = await deployed(schema, { made: true, retention: { every: false } })
  let sent = 0, slice = 0
  const one = async (): Promise<void> => { await invite(typedOf(sent++)) }
  const left = (): Promise<number> => number(`select count(*) from ${schema}.lowtide_inbox where tx <= ${slices}`)
  const timed = async (work: () => Promise<number>): Promise<{ readonly rate: number; readonly commands: number; readonly ms: number }> => {
    await collect()
    const begun = performance.now(), commands = await work(), ms = performance.now() - begun
    return { rate: commands / ms * 1000, commands, ms }
  }
  return {
    /** So many commands, and nothing else. */
    alone: (commands: number) => timed(async () => { await callers(loops, commands, one); return commands }),
    /** Commands for as long as the next slice is being removed, as the schedule does it, in this process. */
    beside: async () => {
      await sql(`insert into ${schema}.lowtide_ages (time, tx) values (now() - interval '9 days' + ${++slice} * interval '1 second', ${slice + 1})`)
      const before = sent, found = await timed(async () => {
        let over = false
        const removing = verb('retention run').finally(() => { over = true })
        await Promise.all(Array.from({ length: loops }, async () => { while (!over) await one() }))
        await removing
        return sent - before
      })
      expect('old outcomes that are left', await number(`select count(*) from generate_series(0, ${rows} - 1) i where 1 + i * ${slices}::bigint / ${rows} > ${slice}`), await left())
      return found
    },
    audit: async (old: number) => auditStored(schema, { commands: old + sent, invited: sent }),
    close: async () => { await close(); await drop(schema) },
  }
}

/** Commands a second while a million old rows are removed, against those on a store where they stay. */
export const retention: Benchmark = {
  names: () => [name],
  run: async function* ({ rounds, warmUp, rows, ahead }) {
    const stored = rows.at(-1)!, slices = warmUp + rounds, pairs: [number, number][] = []
    progress(`${name}: growing`)
    const one = await aged(stored, slices), other = await aged(stored, slices)
    let many = ahead, took = 0
    try {
      await sql('checkpoint')
      for (let round = 0; round < slices; round++) {
        const before = round % 2 === 0 ? undefined : await other.alone(many), { rate, commands, ms } = await one.beside()
        many = commands
        took += ms
        pairs.push([rate, (before ?? await other.alone(many)).rate])
      }
      await one.audit(0)
      await other.audit(stored)
    } finally { await one.close(); await other.close() }
    progress(`${name}: ${Math.round(stored / took * 1000)} rows a second were removed meanwhile`)
    yield figure(name, 'commands/s', pairs.slice(warmUp), { atLeast: 0.8 })
  },
}

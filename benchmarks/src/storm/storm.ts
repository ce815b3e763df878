import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { postgres } from '@lowtide/postgres'
import { postgres as server } from '@lowtide/servers'
import { acknowledgedIn } from './acknowledged.js'
import { type Issued, audit, behindOf } from './audit.js'
import { inCommit, killAt } from './boundaries.js'
import { type Event, scheduleOf } from './chaos.js'
import { type Member, member } from './members.js'
import { type What, sumOf } from './noted.js'
import { accountIds, nameOf, opening, orderOf } from './orders.js'
import { options, prepare } from './plan.js'
import { type Plain, plain } from './plain.js'
import { type Role, acknowledgedFile } from './role.js'
import { standStill } from './stand-still.js'
import { saboteurs } from './sabotage.js'

export interface StormOptions {
  readonly messages: number; readonly seed: number
  /** After so many, producers send nothing new. */ readonly seconds?: number | undefined
  /** What one worker does wrong. */ readonly sabotage?: string | undefined
  /** Each worker decides commands, or follows their events; none does both. */ readonly split?: boolean | undefined
  /** Seconds without any progress after which the rest counts as stuck; default 40. */ readonly patience?: number | undefined
  /** Default: that of the seed. */ readonly schedule?: readonly Event[]
  readonly tell?: (line: string) => void
}
export interface Result { readonly messages: number; readonly kills: number; readonly redelivered: number; readonly fenced: number; readonly killedInCommit: number; readonly lost: number; readonly twice: number; readonly stuck: number; readonly disordered: number; readonly seed: number }
export interface Stormed { readonly result: Result; readonly failed: boolean; readonly faults: readonly string[]; readonly folder?: string | undefined }

const schema = 'storm', producers = 4, workers = 4, look = 100
const sleep = (ms: number): Promise<void> => new Promise(resolve => { setTimeout(resolve, ms) })

const fill = async (sql: Plain): Promise<void> => {
  for (const table of ['accounts', 'totals']) await sql(`insert into ${schema}.${table} (id, balance, sent, received, lowtide_version) select id, $2, 0, 0, 1 from unnest($1::text[]) id`, [accountIds, opening])
  await sql(`insert into ${schema}.counts (by, account, times, lowtide_version) select by, account, 0, 1 from unnest($1::text[]) account cross join unnest($2::text[]) by`, [accountIds, Array.from({ length: producers }, (_, i) => nameOf(i))])
}

/** Producers and workers of a ledger, each a process, while everything around them is killed; then the books are audited. */
export const storm = async ({ messages, seed, seconds = Infinity, sabotage, split = false, patience = 40, schedule = scheduleOf(seed, messages), tell = () => {} }: StormOptions): Promise<Stormed> => {
  const folder = mkdtempSync(join(tmpdir(), 'lowtide-storm-')), db = await server({ settings: { max_connections: 150 } }), sql = plain(db.url), members = new Set<Member>()
  const did = { kills: 0, killedInCommit: 0, ended: 0 }, missed: string[] = [], orders = Math.ceil(messages / producers)
  let victims = 0
  const joined = (role: Omit<Role, 'folder' | 'schema'>): Member => {
    const one = member({ ...role, folder, schema }, () => { did.ended++ })
    members.add(one)
    return one
  }
  const kinds = split ? ['handlers', 'projector'] as const : ['worker'] as const
  const worker = (i: number, url = db.url, process = kinds[i % kinds.length]!): Member => joined({ name: `worker-${i}`, process, url, ...(sabotage !== undefined && (i < kinds.length || saboteurs[sabotage]!.everywhere) && { sabotage }) })
  try {
    await prepare(postgres({ url: db.url, schema }))
    await fill(sql)
    const all = { workers: Array.from({ length: workers }, (_, i) => worker(i)), producers: Array.from({ length: producers }, (_, producer) => joined({ name: `producer-${producer}`, process: producer % 2 === 0 ? 'front' : 'teller', url: db.url, sends: { seed, producer, orders } })) }
    const begun = Date.now(), acknowledged = (): number => all.producers.reduce((sum, p) => sum + p.acknowledged(), 0), done = (): boolean => all.producers.every(p => p.done())
    let most = 0, moved = Date.now(), tired = false
    const still = (progress: number): boolean => {
      if (progress !== most) { most = progress; moved = Date.now() }
      if (!tired && Date.now() - begun > seconds * 1_000) { tired = true; for (const p of all.producers) p.tell({ enough: true }) }
      tell(`${acknowledged()} of ${messages} acknowledged, ${did.kills} kills, ${Math.round((Date.now() - begun) / 1000)} s`)
      return Date.now() - moved > patience * 1_000
    }
    const kill = async (who: Member): Promise<void> => { did.kills++; await who.kill() }
    const strike = async (event: Event): Promise<void> => {
      const one = <A>(list: readonly A[]): A => list[Math.floor(event.whom * list.length)]!
      if ('boundary' in event) {
        const why = await killAt(event.boundary, { url: db.url, schema, sql, lease: options.lease, fenced: name => sumOf(folder, 'fenced', name) > 0, worker: url => worker(1_000 + victims++, url, kinds[0]) }) // which marks commands
        if (why !== undefined) { missed.push(`missed '${event.boundary}': ${why}`); return }
        if (event.boundary !== 'after the lease') did.kills++
        if (inCommit.includes(event.boundary)) did.killedInCommit++
        return
      }
      if (event.blow === 'kill a worker') return kill(one(all.workers))
      if (event.blow === 'kill a producer') return kill(one(all.producers))
      if (event.blow === 'stop a process') { const pid = one([...all.workers, ...all.producers.filter(p => p.role.process === 'teller')]).pid(); if (pid !== undefined) await standStill(pid, options.lease * 2 / 1_000); return }
      if (event.blow === 'restart the server') { await db.restart({ how: 'kill' }); did.kills++; return }
      const pids = (await sql(`select pid from pg_stat_activity where application_name = 'lowtide' order by pid`)).map(row => Number(row['pid'])), first = Math.floor(event.whom * pids.length)
      await sql('select pg_terminate_backend(pid) from unnest($1::int[]) pid', [pids.slice(first, first + 5)])
    }
    const upTo = (total: number): void => { if (!tired) for (const p of all.producers) p.tell({ upTo: Math.ceil(total / producers) }) }
    for (const event of schedule) {
      let stuck = false
      upTo(event.at)
      while (acknowledged() < event.at && !done() && !(stuck = still(acknowledged()))) await sleep(look)
      if (stuck || done()) break
      await strike(event)
    }
    upTo(messages)
    while (!done() && !still(acknowledged())) await sleep(look)
    for (const one of all.workers) await kill(one) // what they had not finished is for those who follow
    for (let behind = Infinity; behind > 0 && !still(-1 - behind);) {
      behind = (await behindOf(sql, schema)).reduce((sum, row) => sum + row.behind, 0)
      if (behind > 0) await sleep(look)
    }
    await Promise.all([...members].map(m => m.close()))
    const told = Array.from({ length: producers }, (_, i) => new Map(acknowledgedIn(join(folder, acknowledgedFile(i))).map(a => [a.nth, a.outcome])))
    const sent = (producer: number, nth: number): boolean => told[producer]!.has(nth) || !tired
    const issued: readonly Issued[] = told.flatMap((outcomes, producer) => Array.from({ length: orders }, (_, nth) => ({ ...orderOf(seed, producer, nth), by: nameOf(producer), outcome: outcomes.get(nth) })).filter((_, nth) => sent(producer, nth)))
    const { faults, ...found } = await audit(sql, schema, issued), noted = (what: What): number => sumOf(folder, what)
    const result: Result = { messages: issued.length, kills: did.kills, redelivered: noted('redelivered'), fenced: noted('fenced'), killedInCommit: did.killedInCommit, ...found, seed }
    const more = [...faults, ...missed, ...(noted('refused') > 0 ? [`${noted('refused')} commands were refused for good`] : [])]
    const failed = [result.redelivered, result.fenced, result.killedInCommit].includes(0) || [result.lost, result.twice, result.stuck, result.disordered].some(n => n > 0)
    if (!failed) rmSync(folder, { recursive: true, force: true })
    tell(`${done() ? 'all sent' : 'given up'} after ${Math.round((Date.now() - begun) / 1000)} s, ${did.ended} processes ended by themselves\n`)
    return { result, failed, faults: more, folder: failed ? folder : undefined }
  } finally {
    await Promise.all([...members].map(m => m.close()))
    await db.stop()
  }
}

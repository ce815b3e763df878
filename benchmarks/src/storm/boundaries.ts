import { type Caught, type Fate, type Flight, type Proxy, proxy } from '@lowtide/servers'
import { standStill } from './stand-still.js'
import type { Member } from './members.js'
import type { Plain } from './plain.js'

/** Where a process dies, each proven by SQL before the kill; or stands still, and its commit comes when the lease is over. */
export type Boundary = 'before begin' | 'in the transaction' | 'before the answer' | 'before the lease is renewed' | 'after the lease'
export const boundaries: readonly Boundary[] = ['before begin', 'in the transaction', 'before the answer', 'before the lease is renewed', 'after the lease']
export const inCommit: readonly Boundary[] = ['in the transaction', 'before the answer']

/** Milliseconds; flights that were caught for nothing before a boundary counts as missed. */
const patience = 20_000, attempts = 10, pause = 50

const marking = /insert into \S+lowtide_inbox\b/, fencing = /set_config\('lowtide\.gate'.*lowtide_consumers\b/, renewing = /update \S+lowtide_instances"? set until/
/** One is sent as it is, many as an array. */
const list = (text: string | null | undefined): readonly string[] => text == null ? [] : text.startsWith('{') ? JSON.parse(`[${text.slice(1, -1)}]`) as readonly string[] : [text]
const marksOf = (flight: Flight): readonly [readonly string[], readonly string[]] => {
  const params = flight.find(({ text }) => marking.test(text))?.params ?? []
  return [list(params[0]), list(params[1])]
}
const within = async <A>(ms: number, task: Promise<A>): Promise<A | undefined> => {
  let timer: NodeJS.Timeout | undefined
  try { return await Promise.race([task, new Promise<undefined>(resolve => { timer = setTimeout(() => resolve(undefined), ms) })]) } finally { clearTimeout(timer) }
}

const until = async (ms: number, condition: () => Promise<boolean>): Promise<boolean> => {
  for (const end = Date.now() + ms; Date.now() < end; await new Promise(resolve => { setTimeout(resolve, pause) })) if (await condition()) return true
  return false
}
interface Given { readonly url: string; readonly schema: string; readonly sql: Plain; /** Milliseconds. */ readonly lease: number; /** Whether this process was told that others own its partitions. */ fenced(name: string): boolean; /** A worker that reaches its server by this url. */ worker(url: string): Member }
/** A worker of its own is killed exactly there. Answers whether it was: nothing, or why not. */
export const killAt = async (boundary: Boundary, { url, schema, sql, lease, fenced, worker }: Given): Promise<string | undefined> => {
  const way: Proxy = await proxy(url), victim = worker(way.url)
  const standing = async (flight: Flight): Promise<number> => Number((await sql(`select count(*)::int as n from "${schema}".lowtide_inbox i join unnest($1::text[], $2::text[]) u(c, i) on u.c = i.consumer and u.i = i.id`, marksOf(flight).slice()))[0]!['n'])
  const holds: { readonly [B in Boundary]: (caught: Caught) => Promise<boolean> } = {
    'before begin': async ({ flight }) => await standing(flight) === 0,
    'in the transaction': async ({ pid, flight }) => await standing(flight) === 0 && (await sql('select from pg_stat_activity where pid = $1 and backend_xid is not null', [pid])).length === 1,
    'before the answer': async ({ flight }) => await standing(flight) === marksOf(flight)[1].length,
    'before the lease is renewed': async () => true,
    'after the lease': async ({ flight, release }) => {
      const checks = flight.find(({ text }) => fencing.test(text)), first = checks && /lowtide_inbox/.test(checks.text) ? 2 : 0, owned = checks?.params.slice(first, first + 4)
      if (owned === undefined) return false
      const stopped = standStill(victim.pid()!, 4 * lease / 1_000)
      const lost = await until(3.5 * lease, async () => (await sql(`select from "${schema}".lowtide_consumers x join unnest($1::text[], $2::text[], $3::smallint[], $4::bigint[]) u(c, h, p, f)
        on x.consumer = u.c and x.channel = u.h and x.partition = u.p and x.fence > u.f`, owned)).length > 0)
      release()
      await stopped
      return lost && until(patience / 4, async () => fenced(victim.role.name))
    },
  }
  try {
    if (await within(patience, victim.ready().then(() => true)) === undefined) return 'its worker did not start'
    for (let n = 0; n < attempts; n++) {
      const wanted = boundary === 'before the lease is renewed' ? renewing : marking
      const caught = await within(patience, caughtBy(way, wanted, boundary))
      if (caught === undefined) return 'no flight came by'
      if (await holds[boundary](caught)) { await victim.close(); return undefined }
      caught.release()
    }
    return `none of ${attempts} flights was as it should be`
  } finally {
    await victim.close()
    await way.close()
  }
}
const caughtBy = (way: Proxy, wanted: RegExp, boundary: Boundary): Promise<Caught> => {
  const fate: Fate = boundary === 'in the transaction' ? 'uncommitted' : boundary === 'before the answer' ? 'unanswered' : 'held'
  return way.seize(flight => flight.some(({ text }) => wanted.test(text)), fate)
}

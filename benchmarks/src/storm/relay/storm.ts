import { type ChildProcess, fork } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { chance } from '@lowtide/conformance'
import { postgres as server } from '@lowtide/servers'
import { sumOf } from '../noted.js'
import { plain } from '../plain.js'
import { applied, audit } from './audit.js'
import { Put, options, prepare, working } from './plan.js'
import { type Carrier, type Receiver, type Saboteur, fates } from './role.js'

export interface RelayStorm { readonly messages: number; readonly seed: number; readonly seconds?: number | undefined; readonly sabotage?: Saboteur | undefined; /** Seconds without progress. */ readonly patience?: number | undefined; readonly tell?: (line: string) => void }
export interface RelayResult { readonly messages: number; readonly kills: number; readonly stopped: number; readonly fenced: number; readonly again: number; readonly lost: number; readonly twice: number; readonly stuck: number; readonly disordered: number; readonly seed: number }

const keys = 24, carriers = 2, look = 20, ahead = 60
/** So many messages to a blow at first; what is more than that goes slowly, so that there is traffic until the next one. */
const share = 120, slowly = 60
const sleep = (ms: number): Promise<void> => new Promise(resolve => { setTimeout(resolve, ms) })
const begun = (script: string, role: Carrier | Receiver): ChildProcess => fork(fileURLToPath(new URL(script, import.meta.url)), [JSON.stringify(role)], { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] }).on('error', () => {})
const ended = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null
const killed = (child: ChildProcess): Promise<void> => ended(child) ? Promise.resolve() : new Promise(resolve => { child.once('exit', () => resolve()); child.kill('SIGKILL') })
/** As the kernel says: it stands still. */
const stands = ({ pid }: ChildProcess): boolean => { try { return readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]!.startsWith('T') } catch { return false } }

/** Two relays carry what commands make to a receiver with books of its own, while all three die, stand still and fail; then the books are compared. */
export const relayStorm = async ({ messages, seed, seconds = Infinity, sabotage, patience = 20, tell = () => {} }: RelayStorm): Promise<{ readonly result: RelayResult; readonly failed: boolean; readonly faults: readonly string[]; readonly folder?: string }> => {
  const folder = mkdtempSync(join(tmpdir(), 'lowtide-relay-')), db = await server(), sql = plain(db.url), random = chance(seed), did = { kills: 0, stopped: 0 }, places: ChildProcess[] = []
  let port = 0, receiver: ChildProcess | undefined, calm = false, closed = false, named = 0, nextFate = 0
  const receive = async (): Promise<void> => {
    receiver = begun('receiver.child.js', { folder, port, seed: seed + named++, sabotage })
    port = await new Promise<number>((resolve, reject) => receiver!.once('message', told => resolve((told as { readonly port: number }).port)).once('exit', () => reject(new Error('the receiver ended before it listened'))))
  }
  /** One carrier after another, each with its fate; one that stood still goes on behind its lease, for a while. */
  const carry = async (place: number): Promise<void> => {
    while (!closed) {
      const fate = calm ? undefined : { how: fates[nextFate++ % fates.length]!, call: 1 + Math.floor(random() * 6) }
      const child = places[place] = begun('carrier.child.js', { name: `carrier-${named++}`, url: db.url, folder, receiver: port, fate, ...(sabotage !== 'keeps no inbox' && { sabotage }) })
      for (let until = Infinity; !ended(child) && !closed && Date.now() < until; await sleep(look)) {
        if (!stands(child)) continue
        did.stopped++
        await sleep(options.lease * 2)
        child.kill('SIGCONT')
        until = Date.now() + options.lease // then its place is taken by the next one
      }
      if (fate !== undefined || closed) { if (!closed) did.kills++; await killed(child) }
    }
  }
  try {
    await prepare(db.url)
    await receive()
    const app = await working(db.url), carrying = Array.from({ length: carriers }, (_, place) => carry(place)), started = Date.now()
    const quake = (async () => { while (!calm && !closed) { await sleep(700 + random() * 1_500); if (calm || closed) return; await killed(receiver!); did.kills++; await receive() } })()
    let sent = 0, got = 0, moved = Date.now()
    const still = (): boolean => {
      const now = applied(folder)
      if (now !== got) { got = now; moved = Date.now() }
      tell(`${sent} of ${messages} sent, ${got} received, ${did.kills} kills, ${did.stopped} stopped, ${Math.round((Date.now() - started) / 1_000)} s`)
      return Date.now() - moved > patience * 1_000
    }
    const left = (): boolean => sent < messages && Date.now() - started < seconds * 1_000 && !still()
    await Promise.all(Array.from({ length: keys }, async (_, k) => {
      for (let n = 0; left(); n++) {
        while (sent - got > ahead && left()) await sleep(look)
        while (sent > share * (1 + did.kills + did.stopped) && left() && random() > 0.3) await sleep(slowly)
        sent++
        const answer = await app.send(Put({ key: `k${k}`, n }), { timeout: 60_000 })()
        if (answer._tag === 'Left') throw new Error(answer.left.message)
      }
    }))
    calm = true
    await quake
    while (!still() && Number((await sql('select count(*)::int as n from lowtide.lowtide_outbox'))[0]!['n']) > 0) await sleep(100)
    closed = true
    await Promise.all([...carrying, app.close(), killed(receiver!)])
    const { written, faults, ...found } = await audit(sql, folder), result: RelayResult = { messages: written, ...did, fenced: sumOf(folder, 'fenced'), ...found, seed }
    const failed = [result.kills, result.stopped, result.fenced, result.again].includes(0) || [result.lost, result.twice, result.stuck, result.disordered].some(n => n > 0)
    if (!failed) rmSync(folder, { recursive: true, force: true })
    tell(`all sent after ${Math.round((Date.now() - started) / 1_000)} s\n`)
    return { result, failed, faults, ...(failed && { folder }) }
  } finally {
    closed = true
    await Promise.all([...places, ...receiver ? [receiver] : []].map(killed))
    await db.stop()
  }
}

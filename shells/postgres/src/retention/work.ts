import type { Plan } from '@lowtide/core'
import { type Unread, unreadOf } from '../replica/unread.js'
import type { Database } from '../server/database.js'
import type { Param, Step } from '../server/statement.js'
import type { Placed, Retaining } from './statements.js'
import { type Kind, type Terms, kinds } from './terms.js'

/** Rows that are old enough, behind each other: parameters of the statements of their kind, but for where to begin and how many. */
export interface Piece { readonly kind: Kind; readonly below: number | undefined; readonly of: readonly Param[]; readonly stamps?: string | undefined }
/** `held`: consumers that have old messages before them still, so that their marks stay. `blind`: why it is not known of those of a replica. */
export interface Work { readonly pieces: readonly Piece[]; readonly held: readonly string[]; readonly blind: Unread['blind'] }
interface Place { readonly tx: number; readonly n: number }
const everything: Place = { tx: Number.MAX_SAFE_INTEGER, n: 2 ** 31 - 1 }

/** Samples of the clock are so many in the shortest of the ages, and so many stay: for longer than anybody asks now, since somebody may ask for more later. */
const often = 64, many = 4_000
export const spacingOf = (terms: Terms): number => Math.min(...agesOf(terms)) / often
export const samplesOf = (terms: Terms, channels: readonly string[]): number => Math.max(...agesOf(terms, channels), spacingOf(terms) * many)
/** Every age that is asked for. */
export const agesOf = ({ after, events, eventsOf }: Terms, channels: readonly string[] = []): ReadonlySet<number> =>
  new Set([after.outcomes, after.marks, after.outbox, events, ...channels.map(eventsOf)].filter(ms => ms !== undefined))

/**
 * Finds out in two round trips, and a replica in one more, what may go. What stays, however old it is:
 * - marks of a consumer that has old messages before it still: the checkpoint has not passed what these marks tell, as behind a message that is tried for days. What is before a replica's consumer stands in `source`;
 * - events, and rows of the outbox, that a consumer of the channel has not passed, be it one that does not run now, or one of this deployment that never did, in whichever process.
 */
export const workOf = async (db: Pick<Database, 'fly'>, sql: Retaining, terms: Terms, { everywhere, channels }: Pick<Plan, 'everywhere' | 'channels'>, source?: Pick<Database, 'at' | 'fly'>): Promise<Work> => {
  const named = channels.map(({ channel }) => channel), asked = [...agesOf(terms, named)], step = (statement: Step['statement'], ...params: Step['params']): Step => ({ statement, params })
  const tables: readonly Placed[] = [...terms.events !== undefined || named.some(channel => terms.eventsOf(channel) !== undefined) ? ['lowtide_log'] as const : [], ...terms.after.outbox !== undefined ? ['lowtide_outbox'] as const : []]
  const [aged] = await db.fly([step(sql.cutoffs, asked)]), cutoffs = new Map(asked.map((ms, i) => [ms, Number(aged!.rows[i]![0] ?? 0)]))
  const below = (ms: number | undefined): number => ms === undefined ? 0 : cutoffs.get(ms) ?? 0, window = below(terms.after.marks)
  const [checkpoints, outcome, marks, ...placed] = await db.fly([step(sql.checkpoints, window), step(sql.oldestOutcome), step(sql.oldestMarks), ...tables.map(table => step(sql.places[table]))])

  const unread = source && await unreadOf(source, terms.after.marks ?? 0, checkpoints!.rows.map(([consumer, channel, partition, tx, n]) => ({ consumer: consumer!, channel: channel!, partition: Number(partition), tx: Number(tx), n: Number(n) })))
  const passed = new Map<string, Place>(), known = new Set<string>(), held = new Set(unread?.held)
  for (const [consumer, channel, partition, tx, n, behind] of checkpoints!.rows) {
    const at = `${partition}/${channel}`, place = { tx: Number(tx), n: Number(n) }, before = passed.get(at) ?? everything
    if (place.tx < before.tx || (place.tx === before.tx && place.n < before.n)) passed.set(at, place)
    known.add(`${consumer}\u0000${channel}`)
    if (behind === 't') held.add(consumer!)
  }
  const waited = new Set(everywhere.filter(({ broadcast }) => !broadcast).flatMap(({ name, channels }) => channels.filter(({ channel }) => !known.has(`${name}\u0000${channel}`)).map(({ channel }) => channel)))
  const pieces: Piece[] = []
  if (outcome!.rows.some(([tx]) => Number(tx) < window)) pieces.push({ kind: 'outcomes', below: window, of: [] })
  for (const [consumer, tx] of marks!.rows) {
    if (tx === '0') pieces.push({ kind: 'marks', below: held.has(consumer!) ? 0 : window, of: [consumer!], stamps: consumer! })
    else if (!held.has(consumer!) && Number(tx) < window) pieces.push({ kind: 'marks', below: window, of: [consumer!] })
  }
  for (const [i, table] of tables.entries()) for (const [channel, partition, oldest] of placed[i]!.rows) {
    const cut = below(table === 'lowtide_log' ? terms.eventsOf(channel!) : terms.after.outbox), upTo = waited.has(channel!) ? { tx: 0, n: 0 } : passed.get(`${partition}/${channel}`) ?? everything
    if (Number(oldest) < cut && Number(oldest) <= upTo.tx) pieces.push({ kind: table === 'lowtide_log' ? 'events' : 'outbox', below: cut, of: [channel!, partition!, upTo.tx, upTo.n] })
  }
  if (terms.after.failed !== undefined) pieces.push({ kind: 'failed', below: undefined, of: [terms.after.failed] })
  return { pieces: pieces.toSorted((a, b) => kinds.indexOf(a.kind) - kinds.indexOf(b.kind)), held: [...held].filter(consumer => marks!.rows.some(([name]) => name === consumer)).toSorted(), blind: unread?.blind }
}

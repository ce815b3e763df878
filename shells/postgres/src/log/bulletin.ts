import type { Store } from '@lowtide/core'

/** What can be watched in a store; and that members of consumers have come, gone or given something up. */
export type Kind = Parameters<Store['watch']>[0] | 'members'
/** A transaction has written to this part of the log. */
export interface Logged { readonly channel: string; readonly partition: number; readonly tx: number }
/** News put together. `everything`: what exactly is not known, so look at all. */
export interface Bulletin { readonly kinds: ReadonlySet<Kind>; readonly log: readonly Logged[] | 'everything' }
const kinds: readonly Kind[] = ['outcome', 'applied', 'parked', 'members']
export const everything: Bulletin = { kinds: new Set(kinds), log: 'everything' }

/** Puts news together until it is taken: of each partition the latest. */
export const bulletins = () => {
  let fresh = new Set<Kind>(), log = new Map<string, Map<number, number>>(), all = false
  return {
    kind: (kind: Kind): void => { fresh.add(kind) },
    logged: ({ channel, partition, tx }: Logged): void => {
      let latest = log.get(channel)
      if (latest === undefined) log.set(channel, latest = new Map())
      if ((latest.get(partition) ?? 0) < tx) latest.set(partition, tx)
    },
    everything: (): void => { all = true },
    take: (): Bulletin | undefined => {
      if (!all && fresh.size === 0 && log.size === 0) return undefined
      const taken: Bulletin = { kinds: fresh, log: all ? 'everything' : [...log].flatMap(([channel, latest]) => [...latest].map(([partition, tx]) => ({ channel, partition, tx }))) }
      fresh = new Set(); log = new Map(); all = false
      return taken
    },
  }
}

/** A payload of NOTIFY ends at 8,000 bytes. */
const longest = 7_900
export const textOf = (by: string, { kinds, log }: Bulletin): string => {
  const text = JSON.stringify({ by, kinds: [...kinds], log: log === 'everything' ? log : log.map(({ channel, partition, tx }) => [channel, partition, tx]) })
  return Buffer.byteLength(text) <= longest ? text : JSON.stringify({ by, kinds: [...kinds], log: 'everything' })
}
/** What cannot be read, as that of another version, means: look at everything. */
export const bulletinOf = (text: string): Bulletin & { readonly by: string } => {
  try {
    const told = JSON.parse(text) as { readonly by: unknown; readonly kinds: unknown; readonly log: unknown }
    const heard = kinds.filter(kind => Array.isArray(told.kinds) && told.kinds.includes(kind)), by = String(told.by)
    if (!Array.isArray(told.log)) return { by, kinds: new Set(heard), log: 'everything' }
    return { by, kinds: new Set(heard), log: (told.log as readonly (readonly unknown[])[]).map(([channel, partition, tx]) => ({ channel: String(channel), partition: Number(partition), tx: Number(tx) })) }
  } catch { return { by: '', ...everything } }
}

import { chance } from '@lowtide/conformance'

const hot = 4, cold = 400
/** What every account has at the beginning: little enough that some transfers are refused. */
export const opening = 60
export const accountIds: readonly string[] = [...Array.from({ length: hot }, (_, i) => `hot-${i}`), ...Array.from({ length: cold }, (_, i) => `cold-${i}`)]

export interface Order { readonly id: string; readonly from: string; readonly to: string; readonly amount: number }
export const nameOf = (producer: number): string => `p${producer}`
/** The order of a producer with this number, the same each time it is asked: a producer that died knows what it had sent. */
export const orderOf = (seed: number, producer: number, nth: number): Order => {
  const random = chance(seed * 1_000_003 + producer * 7_919 + nth * 104_729), one = (share: number): number => random() < share ? Math.floor(random() * hot) : hot + Math.floor(random() * cold)
  const from = one(0.25), to = one(0.5)
  return { id: `${seed}-${nameOf(producer)}-${nth}`, from: accountIds[from]!, to: accountIds[to === from ? (to + 1) % accountIds.length : to]!, amount: 1 + Math.floor(random() * 30) }
}

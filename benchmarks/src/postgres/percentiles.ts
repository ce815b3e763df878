import { connected } from './site.js'

export interface Percentiles { readonly p50: number; readonly p99: number }
export const percentiles = (took: readonly number[]): Percentiles => {
  const sorted = [...took].sort((a, b) => a - b), at = (share: number): number => sorted[Math.ceil(sorted.length * share) - 1]!
  return { p50: at(0.5), p99: at(0.99) }
}
/** What a round trip takes that does nothing. `pause` lets the system come to rest before each. */
export const roundTrips = async (many: number, pause?: () => Promise<void>): Promise<readonly number[]> => {
  const client = await connected(), took: number[] = []
  try {
    await client.query({ name: 'one', text: 'select 1' })
    for (let i = 0; i < many; i++) {
      await pause?.()
      const begun = performance.now()
      await client.query({ name: 'one', text: 'select 1' })
      took.push(performance.now() - begun)
    }
  } finally { await client.end() }
  return took
}

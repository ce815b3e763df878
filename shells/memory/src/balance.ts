/**
 * Shares out places among owners: none holds two more than another, and nobody loses a place without need. The answer
 * depends on its arguments alone, so channels with the same owners and as many partitions put the same keys together.
 */
export const balance = <O extends object>(places: readonly (O | undefined)[], owners: readonly O[]): readonly (O | undefined)[] => {
  const held = new Map(owners.map(owner => [owner, 0])), next = places.map(owner => owner !== undefined && held.has(owner) ? owner : undefined)
  if (owners.length === 0) return next
  for (const owner of next) if (owner !== undefined) held.set(owner, held.get(owner)! + 1)
  const least = (): O => owners.reduce((a, b) => held.get(b)! < held.get(a)! ? b : a)
  const give = (place: number, owner: O): void => {
    const old = next[place]
    if (old !== undefined) held.set(old, held.get(old)! - 1)
    held.set(owner, held.get(owner)! + 1)
    next[place] = owner
  }
  for (const [place, owner] of next.entries()) if (owner === undefined) give(place, least())
  for (;;) {
    const poor = least(), rich = owners.reduce((a, b) => held.get(b)! > held.get(a)! ? b : a)
    if (held.get(rich)! - held.get(poor)! < 2) return next
    give(next.lastIndexOf(rich), poor)
  }
}

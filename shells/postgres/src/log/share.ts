import { partitionOf } from './position.js'

/** Which member reads a partition: every process comes to the same answer by itself. Shares of a channel differ by one at most; channels begin at different members. */
export const ownerOf = (channel: string, partition: number, members: readonly string[]): string | undefined =>
  members[(partition + partitionOf(channel, 2 ** 20)) % members.length]

import type { Options, Runtime } from '@lowtide/core'
import type { Database } from '../server/database.js'
import type { Log } from './log.js'
import { atMost } from './outage.js'
import { type Moved, type Readers, before } from './readers.js'
import { type Reader, type Reading, reading } from './reading.js'

interface Given { readonly db: Pick<Database, 'fly'>; readonly log: Log; readonly readers: Readers; readonly runtime: Runtime; readonly options: Options; readonly partitions: number }
/** Nobody else has it, and nothing that it reads moves a checkpoint. */
const fence = 'broadcast'

/** A copy of its own, from now on: of what is committed after this resolves nothing is missed, and of what was committed before nothing comes. */
export const broadcast = async (by: Reader, { db, log, readers, runtime, options, partitions }: Given) => {
  const now = async () => {
    const [landed] = await db.fly([{ statement: log.present, params: [] }]), [low, high, between] = landed!.rows[0]!, running = new Set((between ?? '').split(',').map(Number))
    return { after: before(Number(low)), skip: (tx: number) => tx < Number(high) && !running.has(tx) }
  }
  let from = await now(), closing: Promise<void> | undefined
  const mine: readonly Reading[] = by.consumer.channels.flatMap(({ channel }) => Array.from({ length: partitions }, (_, partition) =>
    reading({ by, channel, partition, fence, after: from.after, skip: tx => from.skip(tx), runtime, options, wake: readers.wake })))
  for (const one of mine) readers.add(one)
  const close = async (): Promise<void> => {
    for (const one of mine) one.stop()
    await atMost(runtime, options.grace, Promise.all(mine.map(one => one.idle())))
    for (const one of mine) {
      if (one.out()) by.on.revoked(one.channel, String(one.partition))
      readers.remove(one)
    }
  }
  return {
    close: (): Promise<void> => closing ??= close(),
    /**
     * Where the server counts lower there is another now. Else the cursors stay: nothing stands behind them but what was read, so there is no earlier place
     * to go back to, and the now of the other server would pass all that was committed there since.
     */
    moved: (how: Moved): void => {
      if (how !== 'lower') return
      const begin = (): void => void now().then(found => {
        from = found
        for (const one of mine) one.move(found.after)
        readers.wake()
      }, () => { if (closing === undefined) runtime.after(options.poll, begin) })
      begin()
    },
  }
}

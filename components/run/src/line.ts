import type { Channel, Transport } from '@lowtide/core'

/**
 * Callers of a command whose channels are full, in their order. One wait in the transport's line stands for all of them, so that who gives up leaves
 * nothing behind (law 10). Goes at once where there is room, else answers with the way to leave the line.
 */
export const line = (transport: Pick<Transport, 'room'>, channels: readonly Channel[]): ((go: () => void) => (() => void) | undefined) => {
  const waiting = new Set<() => void>()
  let asking = false
  const first = (): void => { for (const go of waiting) { waiting.delete(go); return go() } }
  /** Whether it has to wait. */
  const ask = (): boolean => {
    const room = transport.room(channels)
    if (room === undefined) return false
    asking = true
    void room.then(granted)
    return true
  }
  const granted = (): void => {
    asking = false
    first()
    while (waiting.size > 0 && !ask()) first()
  }
  return go => {
    if (!asking && !ask()) { go(); return undefined }
    waiting.add(go)
    return () => { waiting.delete(go) }
  }
}

import type { Job, Runtime } from '@lowtide/core'

export interface Queue<J extends Job = Job> { readonly jobs: J[]; busy: boolean; /** Batches of others that ended while it held too little to begin. */ passed: number }
interface Queueing<J extends Job> {
  readonly abreast: number; readonly unitLimit: number
  /** Jobs for which it is worth while to fly abreast, default 64: fewer cost less in one unit (measured: 16 callers, 10 to 15 % more commands a second). */
  readonly enough?: number
  readonly runtime: Pick<Runtime, 'soon'>; execute(jobs: readonly J[]): Promise<void>
}

/** Units that run alone after one that met another: so many at first, twice as many each time it happens again. */
const least = 8, most = 1_024
const hashOf = (key: string): number => { let hash = 0; for (let i = 0; i < key.length; i++) hash = Math.imul(hash, 31) + key.charCodeAt(i) | 0; return hash >>> 0 }

/**
 * One owning group's jobs, in queues of which each has one batch in flight; what arrives meanwhile makes the next one. Each partition keeps to one
 * queue, and what comes from callers to that of its key: so checkpoints leave no gaps, and no message overtakes one of its key. Few jobs make one batch.
 * Batches abreast may want the same rows, and the one that commits later decides again: where that happens, all queues make one batch for a while
 * (measured: 256 callers on four hot rows, 10,000 commands a second; 4,000 without this).
 */
export const queues = <J extends Job>({ abreast, unitLimit, enough = 64, runtime, execute }: Queueing<J>) => {
  const all = Array.from({ length: abreast }, (): Queue<J> => ({ jobs: [], busy: false, passed: 0 })), seats = new Map<string, Queue<J>>(), [first] = all as [Queue<J>]
  let out = 0, planned = false, together = false, alone = 0, next = least, turn = 0

  const ofAll = (): J[] => {
    if (abreast === 1) return first.jobs.splice(0, unitLimit)
    const taken: J[] = []
    for (let i = 0; i < abreast && taken.length < unitLimit; i++) { const queue = all[(turn + i) % abreast]!; queue.passed = 0; taken.push(...queue.jobs.splice(0, unitLimit - taken.length)) }
    turn++
    return taken
  }
  const count = (jobs: readonly J[]): void => {
    if (together) { if (alone > 0) alone--; return }
    if (!jobs.some(job => job.losses > 0)) { if (next > least) next--; return }
    alone = next
    next = Math.min(most, next * 2)
  }
  const fly = (jobs: readonly J[], queue?: Queue<J>): void => {
    out++
    if (queue) { queue.busy = true; queue.passed = 0 }
    const landed = (): void => {
      out--
      if (queue) queue.busy = false
      if (abreast > 1) { count(jobs); for (const other of all) if (!other.busy && other.jobs.length > 0) other.passed++ }
      kick()
    }
    void execute(jobs).then(landed, (e: unknown) => { landed(); throw e })
  }
  /** Beside others a queue begins when it has its share of what is worth while, or has waited for long. */
  const isDue = ({ busy, jobs, passed }: Queue<J>): boolean => !busy && jobs.length > 0 && (jobs.length * abreast >= enough || passed > abreast)
  const begin = (): void => {
    planned = false
    if (out === 0) together = alone > 0 || abreast === 1 || all.reduce((sum, { jobs }) => sum + jobs.length, 0) < enough
    if (together) { if (out === 0) { const jobs = ofAll(); if (jobs.length > 0) fly(jobs) } } // one that closed meanwhile has none left
    else if (out === 0 || alone === 0) for (const queue of all) if (isDue(queue)) fly(queue.jobs.splice(0, unitLimit), queue)
  }
  const kick = (): void => {
    if (planned || (out === 0 ? all.every(({ jobs }) => jobs.length === 0) : together || alone > 0 || !all.some(isDue))) return
    planned = true
    runtime.soon(begin)
  }
  return {
    kick,
    /** Where a job belongs: its partition, if it has one, or its key. */
    of: (partition: string | undefined, key: string): Queue<J> => {
      if (abreast === 1) return first
      if (partition === undefined || partition === '') return all[hashOf(key) % abreast]!
      let seat = seats.get(partition)
      if (seat === undefined) seats.set(partition, seat = all[seats.size % abreast]!)
      return seat
    },
    /** All that waits, which waits no more. */
    clear: (): readonly J[] => all.flatMap(queue => queue.jobs.splice(0)),
  }
}

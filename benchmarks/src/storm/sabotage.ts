import type { Batch, Shell, Unit } from '@lowtide/core'
import { changed } from '@lowtide/conformance'

const nothing: Unit = { checks: [], writes: [], emits: [], marks: [], parks: [], unparks: [], checkpoints: [] }
const isCommand = (consumer: string): boolean => consumer === '' || consumer === 'transfer'
const committing = (change: (unit: Unit, commit: (unit: Unit) => ReturnType<ReturnType<Opened['store']['commit']>>) => ReturnType<ReturnType<Opened['store']['commit']>>) => (shell: Shell): Shell =>
  changed(shell, o => ({ ...o, store: { ...o.store, commit: unit => () => change(unit, u => o.store.commit(u)()) } }))
const delivering = (change: (batch: Batch, consumer: string) => Batch | undefined | Promise<Batch>) => (shell: Shell): Shell => changed(shell, o => ({
  ...o,
  transport: {
    ...o.transport,
    subscribe: (consumer, on) => o.transport.subscribe(consumer, { ...on, batch: async b => { const given = await change(b, consumer.name); return given === undefined ? new Promise(() => {}) : on.batch(given) } }),
  },
}))
type Opened = Parameters<Parameters<typeof changed>[1]>[0]

let units = 0, delivered = 0
/** Milliseconds in which messages of one key gather behind a batch: one message turned round is none. */
const gathering = 1_000
/** Breaks one thing in one worker, or in all where others would make it good: the storm is worth what it notices. Each with the number of the result that must tell. */
export const saboteurs: { readonly [name: string]: { readonly tells: 'lost' | 'twice' | 'stuck' | 'disordered'; readonly everywhere?: true; readonly shell: (shell: Shell) => Shell } } = {
  'drops the marks of events': { tells: 'twice', shell: committing(async (unit, commit) => {
    const answer = await commit({ ...unit, marks: unit.marks.filter(m => isCommand(m.consumer)), checkpoints: unit.checkpoints.map(({ position, ...rest }) => isCommand(rest.consumer) ? { position, ...rest } : rest) })
    return answer._tag === 'Right' && answer.right.conflict === undefined ? { ...answer, right: { marks: unit.marks.map(m => answer.right.marks!.find(x => x.consumer === m.consumer && x.id === m.id) ?? m) } } : answer
  }) },
  'acknowledges before it commits': { tells: 'lost', shell: committing(async (unit, commit) => {
    if (unit.checkpoints.length === 0 || unit.marks.every(m => isCommand(m.consumer))) return commit(unit)
    const moved = await commit({ ...nothing, checkpoints: unit.checkpoints })
    if (moved._tag === 'Left' || moved.right.conflict !== undefined) return moved
    if (++units === 3) process.kill(process.pid, 'SIGKILL') // in each of its lives
    return commit({ ...unit, checkpoints: [] })
  }) },
  'skips a message': { tells: 'lost', shell: delivering((batch, consumer) => isCommand(consumer) ? batch : { ...batch, deliveries: batch.deliveries.filter(() => ++delivered % 100 !== 0) }) },
  'turns a batch round': { tells: 'disordered', everywhere: true, shell: delivering(async (batch, consumer) => {
    if (isCommand(consumer)) return batch
    await new Promise(resolve => { setTimeout(resolve, gathering) })
    return { ...batch, deliveries: batch.deliveries.map(({ position }, i) => ({ position, message: batch.deliveries[batch.deliveries.length - 1 - i]!.message })) }
  }) },
  'never ends a batch': { tells: 'stuck', everywhere: true, shell: delivering((batch, consumer) => isCommand(consumer) || batch.deliveries.length === 0 ? batch : undefined) },
}

import { type Emit, type Failure, type Shell, accept, channel, command, commandHandler, defaults, event } from '@lowtide/core'
import { postgres } from '@lowtide/postgres'
import { deployment, planOf, relay, run, system } from '@lowtide/run'
import type { TaskEither } from 'fp-ts/lib/TaskEither.js'
import { z } from 'zod'

// Commands whose events leave the database, and a relay that carries them.

const data = z.object({ key: z.string(), n: z.number() }), leaving = channel('leaving', { external: true })
export const Put = command('Put', { channel: channel('put-commands'), key: d => d.key, schema: data })
const Done = event('Done', { channel: leaving, key: d => d.key, schema: data })
const put = commandHandler({ meta: { name: 'put', in: Put, out: [Done] }, operate: (_ctx, { data: d }) => accept(Done(d)), write: { Done: () => [] } })

/** Short, so that a storm sees many owners. */
export const options = { lease: 800, poll: 50, backoffCap: 200, partitions: 4 }
const deployed = (shell: Shell, publish: (messages: readonly Emit[]) => TaskEither<Failure, void>) => deployment({
  name: 'storm', functions: [{ put }], shell, options, processes: { worker: [put], relay: [relay({ name: 'storm', channels: [leaving], publish, batch: 20 })] },
})
export const shellOf = (url: string): Shell => postgres({ url, connections: 4, answerTimeout: 10_000, outbox: [leaving] })
const nowhere = (): never => { throw new Error('no relay runs here') }
export const working = (url: string) => run(deployed(shellOf(url), nowhere), { only: 'worker', signals: false })
export const carrying = (shell: Shell, publish: (messages: readonly Emit[]) => TaskEither<Failure, void>) => run(deployed(shell, publish), { only: 'relay' })
/** Makes the schema. */
export const prepare = async (url: string): Promise<void> => {
  const d = deployed(shellOf(url), nowhere), made = await d.shell.verbs!.find(({ name }) => name === 'migrate')!.run({ ...planOf(d, system), options: { ...defaults, ...options } }, new Set())()
  if (made._tag === 'Left') throw new Error(made.left.failure)
}

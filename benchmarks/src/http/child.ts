import { type Serializable, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

type Told = { readonly told: Serializable } | { readonly failed: string }
const faultOf = (error: unknown): string => error instanceof Error ? error.stack ?? error.message : String(error)

/** A process of ours: it is asked one thing at a time, and ends with us, however we end. */
export const child = (module: string, ...args: readonly string[]) => {
  const forked = fork(fileURLToPath(new URL(module, import.meta.url)), args, { execArgv: [], env: { ...process.env, NODE_ENV: 'production' } })
  let ended: Told | undefined, answer = (_told: Told): void => {}
  forked.on('message', (told: Told) => answer(told))
  forked.on('error', error => answer({ failed: faultOf(error) }))
  forked.on('exit', (code, signal) => answer(ended = { failed: `${module} ended with ${signal ?? code}` }))
  return {
    ask: async <A>(question: Serializable): Promise<A> => {
      const told = ended ?? await new Promise<Told>(resolve => { answer = resolve; forked.send(question, error => { if (error) resolve({ failed: faultOf(error) }) }) })
      if ('failed' in told) throw new Error(told.failed)
      return told.told as A
    },
    close: async (): Promise<void> => {
      if (ended) return
      const exit = once(forked, 'exit')
      if (forked.connected) forked.disconnect()
      await exit
    },
  }
}

/** The other end: answers what it is asked, and goes when nobody can ask any more. */
export const answering = (answer: (question: Serializable) => unknown): void => {
  const tell = (told: object): void => { process.send?.(told) }
  process.on('message', (question: Serializable) => {
    void Promise.resolve().then(() => answer(question)).then(told => tell({ told }), (error: unknown) => tell({ failed: faultOf(error) }))
  })
  process.on('disconnect', () => process.exit())
  if (!process.connected) process.exit() // they went before we listened
}

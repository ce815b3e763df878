type Text = { readonly message: string }
export type Frame = { readonly id: number; readonly call: string; readonly args: readonly unknown[] } | { readonly id: number; readonly answer?: unknown; readonly error?: Text }
export type Remote = { readonly [name: string]: (...args: never[]) => unknown }

/** Calls over a channel that carries JSON, in both directions. An answer that cannot come any more is never heard, as from a dead process. */
export const remote = (send: (frame: Frame) => void, here: Remote) => {
  const waiting = new Map<number, { resolve(value: unknown): void; reject(e: Error): void }>()
  let last = 0
  const answer = async (id: number, call: string, args: readonly unknown[]): Promise<void> => {
    try {
      const run = here[call]
      if (run === undefined) throw new Error(`there is no '${call}' here; there is ${Object.keys(here).join(', ')}`)
      send({ id, answer: await run(...args as never[]) })
    } catch (e) { send({ id, error: { message: e instanceof Error ? e.message : String(e) } }) }
  }
  return {
    call: (call: string, ...args: readonly unknown[]): Promise<unknown> => new Promise((resolve, reject) => {
      waiting.set(++last, { resolve, reject })
      send({ id: last, call, args })
    }),
    hear: (frame: Frame): void => {
      if ('call' in frame) { void answer(frame.id, frame.call, frame.args); return }
      const w = waiting.get(frame.id)
      waiting.delete(frame.id)
      if (frame.error) w?.reject(new Error(frame.error.message))
      else w?.resolve(frame.answer)
    },
  }
}

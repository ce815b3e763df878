import { closeSync, existsSync, fdatasync, openSync, readFileSync, write } from 'node:fs'
import { promisify } from 'node:util'

/** What a producer was told: the number of its order, the command's id, and `accepted` or the code of the rejection. */
export interface Acknowledged { readonly nth: number; readonly id: string; readonly outcome: string }

export const acknowledgedIn = (file: string): readonly Acknowledged[] => !existsSync(file) ? [] : readFileSync(file, 'utf8').split('\n')
  .map(line => /^(\d+) (\S+) (\S+) \.$/.exec(line)).filter(found => found !== null).map(([, nth, id, outcome]) => ({ nth: Number(nth), id: id!, outcome: outcome! }))

/** Keeps acknowledgements in a file: `keep` resolves once they are on the disk. Those that come together are written together. */
export const acknowledgements = (file: string) => {
  const fd = openSync(file, 'a'), put = promisify(write), sync = promisify(fdatasync)
  let waiting: { readonly line: string; done(): void }[] = [], writing = false
  const flush = async (): Promise<void> => {
    writing = true
    while (waiting.length > 0) {
      const now = waiting
      waiting = []
      await put(fd, `\n${now.map(w => w.line).join('\n')}`) // the line before it may be half of one
      await sync(fd)
      for (const w of now) w.done()
    }
    writing = false
  }
  return {
    keep: ({ nth, id, outcome }: Acknowledged): Promise<void> => new Promise(resolve => {
      waiting.push({ line: `${nth} ${id} ${outcome} .`, done: resolve })
      if (!writing) void flush()
    }),
    close: (): void => closeSync(fd),
  }
}

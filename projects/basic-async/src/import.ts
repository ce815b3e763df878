import type { Line } from './line.js'

/** What became of one address. */
export type Invitation = 'invited' | 'already-invited' | { readonly invalid: string }
export interface Counts { readonly lines: number; readonly invited: number; readonly alreadyInvited: number; readonly invalid: number }
export interface Progress {
  /** Called in the order of the lines. A promise says that the reader of this is slow: intake waits for it. */
  invalid(line: number, reason: string): Promise<void> | undefined
  counted(counts: Counts): void
}
/** What ended an import early: the line whose invitation failed, or none when the lines themselves ended in an error. */
export interface Failed { readonly line?: number; readonly error: unknown }

interface Place { readonly line: number; done: boolean; reason?: string | undefined }

/** Invitations at once. */
const atOnce = 64
/** Lines that may wait to be reported behind one that is not yet answered. */
const mostWaiting = 1024

/** Invites every address of a file. Never rejects: what is under way ends, and counts, before a failure is told. */
export const importCustomers = async ({ lines, invite, progress }: {
  readonly lines: AsyncIterable<Line>
  readonly invite: (email: string) => Promise<Invitation>
  readonly progress: Progress
}): Promise<{ readonly counts: Counts; readonly failed?: Failed | undefined }> => {
  const counts = { lines: 0, invited: 0, alreadyInvited: 0, invalid: 0 }
  const waiting: Place[] = []
  let underWay = 0
  let freed = () => {}
  let slow: Promise<void> | undefined
  let failed: Failed | undefined

  const count = (invitation: Invitation): string | undefined => {
    counts.lines += 1
    if (invitation === 'invited') counts.invited += 1
    else if (invitation === 'already-invited') counts.alreadyInvited += 1
    else {
      counts.invalid += 1
      return invitation.invalid
    }
    return undefined
  }
  const report = () => {
    for (let first = waiting[0]; first?.done; first = waiting[0]) {
      waiting.shift()
      if (first.reason !== undefined) slow = progress.invalid(first.line, first.reason) ?? slow
    }
    progress.counted(counts)
  }
  const ask = async (email: string): Promise<string | undefined> => {
    const invitation = await invite(email)
    return count(typeof invitation === 'string' ? invitation : { invalid: `${invitation.invalid}: '${email}'` })
  }
  const take = async ({ line, email, invalid }: Line) => {
    const place: Place = { line, done: false }
    waiting.push(place)
    underWay += 1
    try {
      place.reason = email === undefined ? count({ invalid }) : await ask(email)
    } catch (error) {
      failed ??= { line, error }
    }
    place.done = true
    underWay -= 1
    report()
    freed()
  }
  const fits = (asked: number, held: number) => underWay <= asked && waiting.length <= held
  const room = async (asked: number, held: number) => {
    while (!fits(asked, held)) await new Promise<void>(resolve => { freed = resolve })
  }

  try {
    for await (const line of lines) {
      if (failed) break
      void take(line)
      await room(atOnce - 1, mostWaiting - 1)
      await slow
      slow = undefined
    }
  } catch (error) {
    failed ??= { error }
  }
  await room(0, 0)
  return { counts, failed }
}

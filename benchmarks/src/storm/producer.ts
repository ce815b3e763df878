import { join } from 'node:path'
import type { App } from '@lowtide/run'
import { acknowledgedIn, acknowledgements } from './acknowledged.js'
import { type functions, Transfer } from './functions.js'
import { nameOf, orderOf } from './orders.js'
import { type Role, acknowledgedFile } from './role.js'

/** Orders that it keeps in mind at once; one an account is sent at a time, so that their numbers say what order is right. */
const ahead = 256, timeout = 8_000, pause = 100
/** Milliseconds from one order to the next beyond what it shall send for now: at least this, and so long that what is left lasts at least so long, for however slow a machine is, who waits for traffic shall meet some. */
const slowly = 60, lasting = 40_000

interface Producing { readonly app: App<typeof functions[keyof typeof functions]>; readonly role: Role & { readonly sends: NonNullable<Role['sends']> }; readonly wish: { upTo: number; enough: boolean; changed(): void }; acknowledged(count: number): void; refused(): void }

/** Sends its orders until each is acknowledged, also those of an earlier life, under the ids that they had. */
export const produce = async ({ app, role, wish, acknowledged, refused }: Producing): Promise<void> => {
  const { seed, producer, orders } = role.sends, file = join(role.folder, acknowledgedFile(producer)), by = nameOf(producer)
  const known = new Map(acknowledgedIn(file).map(a => [a.nth, a])), keep = acknowledgements(file), accepted = new Map<string, number>()
  for (const { nth, outcome } of known.values()) if (outcome === 'accepted') { const { from } = orderOf(seed, producer, nth); accepted.set(from, (accepted.get(from) ?? 0) + 1) }
  let next = 0, open = 0, told = known.size, slow = true, trickle: NodeJS.Timeout | undefined, end = (): void => {}
  const ended = new Promise<void>(resolve => { end = resolve }), lines = new Map<string, number[]>()

  const send = async (nth: number): Promise<void> => {
    const { id, from, to, amount } = orderOf(seed, producer, nth), n = (accepted.get(from) ?? 0) + 1
    for (;;) {
      const answer = await app.send(Transfer({ by, n, from, to, amount }), { id, timeout })()
      if (answer._tag === 'Left') {
        if (['invalid', 'forbidden', 'id-reused', 'too-old'].includes(answer.left.notHandled)) { refused(); throw new Error(`${id}: ${answer.left.message}`) }
        await new Promise(resolve => { setTimeout(resolve, pause * (0.5 + Math.random())) })
        continue
      }
      const outcome = answer.right.rejection?.code ?? 'accepted'
      await keep.keep({ nth, id, outcome })
      if (outcome === 'accepted') accepted.set(from, n)
      acknowledged(++told)
      return
    }
  }
  const follow = async (from: string, first: number): Promise<void> => {
    for (let nth: number | undefined = first; nth !== undefined; nth = lines.get(from)!.shift()) {
      await send(nth)
      open--
      fill()
    }
    lines.delete(from)
  }
  const fill = (): void => {
    while (open < ahead && next < orders && !wish.enough) {
      if (next >= wish.upTo && !known.has(next)) {
        if (slow) { trickle ??= setTimeout(() => { trickle = undefined; slow = false; fill() }, Math.max(slowly, lasting / (orders - next))); return }
        slow = true
      }
      const nth = next++
      if (known.has(nth)) continue
      const { from } = orderOf(seed, producer, nth), line = lines.get(from)
      open++
      if (line) { line.push(nth); continue }
      lines.set(from, [])
      void follow(from, nth)
    }
    if (open === 0) end()
  }
  wish.changed = fill
  fill()
  await ended
  wish.changed = () => {}
  clearTimeout(trickle)
  keep.close()
}

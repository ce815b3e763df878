import { type AnyQuery, type AnyResolver, type Lookups, type Message, type Then, parse } from '@lowtide/core'
import * as E from 'fp-ts/lib/Either.js'
import { type Bench, type Example, bench } from './bench.js'
import { canonical } from './diff.js'
import { frozen } from './guard.js'
import { context } from './message.js'

const ready = (handler: AnyQuery | AnyResolver, example: Example): Bench => {
  const b = bench(handler, example)
  for (const step of example.given ?? []) {
    const broken = 'alter' in step ? b.attempt('given', () => b.rows.apply(step)) : b.fail('given of an answer takes changes only')
    if (broken !== undefined) b.fail(`given breaks '${broken}'`)
  }
  return b
}
const answers = (b: Bench, answer: (data: unknown) => unknown, lookup: () => Lookups | Then): void => {
  const found = b.twice(() => {
    const { asked, data } = b.lookUp(lookup)
    return { asked, answer: b.call('answer', () => answer(data)) }
  })
  b.expect(b.then, found.answer)
}

/** An example of a query. */
export const queries = (handler: AnyQuery, example: Example): void => {
  const b = ready(handler, example), ctx = context({ handler: handler.name, ...example.ctx })
  const parsed = parse(handler.args, example.when)
  if (E.isLeft(parsed)) return b.fail('the arguments do not fit', canonical(parsed.left, 2))
  const args = frozen(parsed.right)
  if (handler.allow && !b.call('allow', () => handler.allow?.(ctx, args))) b.fail("allow refuses it, so a caller gets 'forbidden'; give the actor: ctx: { actor }")
  answers(b, data => handler.answer(data, args), () => handler.lookup(args, ctx))
}

/** An example of a resolver. */
export const resolves = (handler: AnyResolver, example: Example): void => {
  const b = ready(handler, example), { command, events } = example.when as { command: unknown; events: readonly unknown[] }
  const asking = b.messageOf(handler.in, command), caused = events.map(event => b.messageOf(handler.out, event))
  const found: { readonly [type: string]: readonly Message[] } = Object.fromEntries(handler.out.map(({ type }) => [type, caused.filter(event => event.type === type)]))
  // An outcome that lacks one of them has no answer, and `lookup` does not run.
  if (Object.values(found).some(list => list.length === 0)) return b.expect(b.then, undefined)
  answers(b, handler.answer, () => handler.lookup(frozen(found), asking))
}
